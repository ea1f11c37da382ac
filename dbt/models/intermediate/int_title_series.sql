{#
  Whole where a tenth of the series are affected: these are the long ones, with most of the episodes.
  Each has its episodes all over the table. Looked up one by one, as a server set up for an SSD would
  have it, they take twice as long as the whole table read in sequence (seen at 9.8 M episodes).
#}
{{ config(
    materialized='incremental',
    unique_key='series_tconst',
    pre_hook='set local random_page_cost = 4',
    meta={'incremental_up_to': 0.1},
) }}
{%- call(changes) affected_keys('series_tconst') %}{{ changed_series(changes) }}{% endcall %}

with episodes as (

    select * from {{ ref('int_title_episodes') }}
    where {{ is_affected('series_tconst') }}

),

series as (

    select
        tconst as series_tconst,
        title_type as series_type,
        primary_title as series_title,
        start_year as series_start_year,
        end_year as series_end_year
    from {{ ref('stg_title_basics') }}
    where
        title_type in ({{ sql_list(var('series_types')) }})
        and {{ is_affected('tconst') }}

),

-- Counts of seasons are distinct counts of one column, so that a single sort serves them all.
-- Materialized, since the planner expects so few series that it would have each worker total all
-- episodes.
totals as materialized (

    select
        series_tconst,
        count(*) as total_episodes,
        count(distinct season_number) as total_seasons,
        max(season_number) as latest_season,
        max(episode_year) filter (where episode_year <= {{ as_of_year() }}) as last_episode_year,
        count(episode_rating) as rated_episodes,
        count(distinct season_number) filter (where episode_rating is not null) as rated_seasons,
        sum(episode_rating) as rating_sum,
        avg(episode_rating) as avg_series_rating,
        stddev_samp(episode_rating) as rating_consistency,
        min(episode_rating) as lowest_episode_rating,
        max(episode_rating) as highest_episode_rating,
        count(*) filter (where episode_rating >= {{ var('limits').excellent_episode }})
            as excellent_episodes,
        count(*) filter (where episode_rating <= {{ var('limits').poor_episode }})
            as poor_episodes,
        avg(episode_votes) filter (where episode_rating is not null) as avg_episode_votes,
        sum(episode_votes) filter (where episode_rating is not null) as total_series_votes
    from episodes
    group by series_tconst

),

described as (

    select
        series.*,
        -- To the end year, else to the latest dated episode that is no announcement; at least 1,
        -- since an end year before the start is an error of the source.
        case
            when series.series_start_year is not null then greatest(
                coalesce(
                    series.series_end_year,
                    greatest(series.series_start_year, totals.last_episode_year)
                ) - series.series_start_year + 1,
                1
            )
        end as series_duration_years,
        totals.total_episodes,
        totals.total_seasons,
        totals.total_episodes::numeric
        / greatest(totals.total_seasons, 1) as avg_episodes_per_season,
        totals.latest_season,
        totals.last_episode_year,
        totals.rated_episodes,
        totals.rated_seasons,
        totals.rating_sum,
        totals.avg_series_rating,
        totals.rating_consistency,
        totals.lowest_episode_rating,
        totals.highest_episode_rating,
        totals.excellent_episodes,
        totals.poor_episodes,
        totals.avg_episode_votes,
        totals.total_series_votes
    from series
    inner join totals on series.series_tconst = totals.series_tconst

),

classified as (

    select
        *,
        {{ band('series_longevity') }} as series_longevity_class,
        {{ band('series_performance') }} as series_performance_tier,
        {{ band('series_consistency') }} as series_consistency_class,
        {{ band('series_engagement') }} as audience_engagement_level
    from described

)

select
    series_tconst,
    series_type,
    series_title,
    series_start_year,
    series_end_year,
    series_duration_years,
    total_episodes,
    total_seasons,
    avg_episodes_per_season::numeric(7, 1) as avg_episodes_per_season,
    latest_season,
    last_episode_year,
    rated_episodes,
    rated_seasons,
    rating_sum,
    avg_series_rating::numeric(6, 4) as avg_series_rating,
    rating_consistency::numeric(6, 4) as rating_consistency,
    lowest_episode_rating,
    highest_episode_rating,
    excellent_episodes,
    poor_episodes,
    avg_episode_votes::numeric(14, 4) as avg_episode_votes,
    total_series_votes,
    series_longevity_class,
    series_performance_tier,
    series_consistency_class,
    audience_engagement_level
from classified
