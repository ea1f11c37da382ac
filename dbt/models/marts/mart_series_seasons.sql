{{ config(unique_key=['series_tconst', 'season_number']) }}
{%- call(changes) affected_keys('series_tconst') %}{{ changed_series(changes) }}{% endcall %}

with episodes as (

    select * from {{ ref('int_title_episodes') }}
    where {{ is_affected('series_tconst') }}

),

series as (

    select * from {{ ref('mart_series_analytics') }}

),

seasons as (

    select
        series_tconst,
        season_number,
        count(*) as episodes,
        count(episode_rating) as rated_episodes,
        avg(episode_rating) as avg_rating,
        stddev_samp(episode_rating) as sd_rating,
        min(episode_rating) as min_rating,
        max(episode_rating) as max_rating,
        avg(episode_votes) filter (where episode_rating is not null) as avg_votes
    from episodes
    where
        season_number is not null
        and series_tconst in (select series.series_tconst from series)
    group by series_tconst, season_number

),

-- Seasons without a rating stand apart, so that a season is compared with the rated one before it.
compared as (

    select
        *,
        avg_rating - lag(avg_rating) over (rated order by season_number) as rating_change,
        avg_votes / nullif(first_value(avg_votes) over (rated order by season_number), 0)
            as vote_retention,
        rated_episodes > 0
        and row_number() over (rated order by avg_rating desc, season_number asc) = 1
            as is_best_season
    from seasons
    window rated as (partition by series_tconst, rated_episodes > 0)

)

select
    series_tconst,
    season_number,
    episodes,
    rated_episodes,
    avg_rating::numeric(6, 4) as avg_rating,
    sd_rating::numeric(6, 4) as sd_rating,
    min_rating,
    max_rating,
    avg_votes::numeric(14, 4) as avg_votes,
    rating_change::numeric(6, 4) as rating_change,
    vote_retention::numeric(10, 4) as vote_retention,
    is_best_season
from compared
