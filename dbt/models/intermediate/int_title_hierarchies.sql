{{ config(
    materialized='incremental',
    unique_key='episode_tconst',
    indexes=[{'columns': ['series_tconst']}],
) }}
{%- call(changes) affected_keys('series_tconst') %}{{ changed_series(changes) }}{% endcall %}

with episodes as (

    select * from {{ ref('stg_title_episode') }}
    where {{ is_affected('parent_tconst') }}

),

-- Used twice, but computing all columns of all titles once is dearer than a few of them twice.
titles as not materialized (

    select * from {{ ref('stg_title_basics') }}

),

ratings as (

    select * from {{ ref('stg_title_ratings') }}

),

joined as (

    select
        episodes.tconst as episode_tconst,
        episodes.parent_tconst as series_tconst,
        episodes.season_number,
        episodes.episode_number,
        own.primary_title as episode_title,
        own.start_year as episode_year,
        ratings.average_rating as episode_rating,
        ratings.num_votes as episode_votes
    from episodes
    inner join titles as own
        on episodes.tconst = own.tconst and own.title_type = 'tvEpisode'
    left join ratings on episodes.tconst = ratings.tconst

),

series as (

    select
        tconst as series_tconst,
        title_type as series_type,
        primary_title as series_title,
        start_year as series_start_year,
        end_year as series_end_year
    from titles
    where
        title_type in ({{ sql_list(var('series_types')) }})
        and {{ is_affected('tconst') }}

),

-- One narrow row per series; the wide rows are written once, below.
totals as (

    select
        series_tconst,
        {{ series_facts() }}
    from joined
    group by series_tconst

),

series_totals as (

    select
        series.*,
        totals.total_episodes,
        totals.total_seasons,
        totals.latest_season,
        totals.rated_episodes,
        totals.rated_seasons,
        totals.avg_series_rating,
        totals.rating_consistency,
        totals.highest_episode_rating,
        totals.lowest_episode_rating,
        totals.avg_episode_votes,
        totals.total_series_votes as total_audience_engagement,
        totals.total_episodes::numeric
        / greatest(totals.total_seasons, 1) as avg_episodes_per_season,
        {{ series_duration_years(
            'series.series_start_year', 'series.series_end_year', 'totals.last_episode_year'
        ) }} as series_duration_years
    from series
    inner join totals on series.series_tconst = totals.series_tconst

),

series_classified as (

    select
        *,
        {{ band('series_longevity') }} as series_longevity_class,
        {{ band('series_performance') }} as series_performance_tier,
        {{ band('series_consistency') }} as series_consistency_class,
        {{ band('series_engagement') }} as audience_engagement_level
    from series_totals

),

classified as (

    select
        joined.episode_tconst,
        joined.series_tconst,
        series_classified.series_type,
        joined.episode_title,
        series_classified.series_title,
        joined.season_number,
        joined.episode_number,
        joined.episode_year,
        series_classified.series_start_year,
        series_classified.series_end_year,
        series_classified.series_duration_years,
        joined.episode_rating,
        joined.episode_votes,
        series_classified.total_episodes,
        series_classified.total_seasons,
        series_classified.avg_episodes_per_season,
        series_classified.rated_episodes,
        series_classified.rated_seasons,
        series_classified.avg_series_rating,
        series_classified.rating_consistency,
        series_classified.highest_episode_rating,
        series_classified.lowest_episode_rating,
        series_classified.avg_episode_votes,
        series_classified.total_audience_engagement,
        series_classified.series_longevity_class,
        series_classified.series_performance_tier,
        series_classified.series_consistency_class,
        series_classified.audience_engagement_level,
        {{ band('episode_quality') }} as episode_quality_class,
        {{ band('season_position') }} as season_position
    from joined
    inner join series_classified on joined.series_tconst = series_classified.series_tconst

)

select * from classified
