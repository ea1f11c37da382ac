select
    tconst,
    title_type,
    primary_title,
    original_title,
    is_adult,
    start_year,
    end_year,
    runtime_minutes,
    primary_genre,
    secondary_genre,
    third_genre,
    average_rating,
    num_votes,
    {{ band('decade') }} as decade,
    {{ band('quality_tier') }} as quality_tier,
    {{ band('popularity_tier') }} as popularity_tier,
    {{ band('runtime_category') }} as runtime_category,
    coalesce(
        array[primary_genre, secondary_genre, third_genre]
        && array[{{ sql_list(var('blockbuster_genres')) }}],
        false
    ) as is_blockbuster_genre,
    average_rating is not null as has_ratings,
    coalesce(num_votes >= {{ var('limits').reliable_votes }}, false) as has_reliable_votes,
    coalesce(num_votes >= {{ var('limits').significant_votes }}, false) as has_high_votes
from (
    select
        titles.*,
        ratings.average_rating,
        ratings.num_votes
    from {{ ref('stg_title_basics') }} as titles
    left join {{ ref('stg_title_ratings') }} as ratings on titles.tconst = ratings.tconst
) as joined
