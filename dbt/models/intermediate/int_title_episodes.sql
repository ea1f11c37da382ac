select
    -- The title's own, so that a view's definition shows whose key it is.
    titles.tconst as episode_tconst,
    episodes.parent_tconst as series_tconst,
    episodes.season_number,
    episodes.episode_number,
    titles.primary_title as episode_title,
    titles.start_year as episode_year,
    ratings.average_rating as episode_rating,
    ratings.num_votes as episode_votes
from {{ ref('stg_title_episode') }} as episodes
inner join {{ ref('stg_title_basics') }} as titles on episodes.tconst = titles.tconst
left join {{ ref('stg_title_ratings') }} as ratings on episodes.tconst = ratings.tconst
where titles.title_type = 'tvEpisode'
