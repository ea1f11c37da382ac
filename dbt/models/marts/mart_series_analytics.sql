{{ config(
    unique_key='series_tconst',
    indexes=[{'columns': ['series_performance_tier', 'avg_series_rating']}],
) }}
{%- call(changes) affected_keys('series_tconst') %}{{ changed_series(changes) }}{% endcall %}

with episodes as (

    select * from {{ ref('int_title_hierarchies') }}
    where {{ is_affected('series_tconst') }}

),

titles as (

    select * from {{ ref('int_title_complete') }}

),

genres as (

    select * from {{ ref('int_title_with_genres') }}

),

-- From the episodes, not from the hierarchy's totals, which are rounded: bands classify unrounded.
series as (

    select
        series_tconst,
        {{ series_facts() }},
        count(*) filter (where episode_rating >= {{ var('limits').excellent_episode }})
            as excellent_episodes,
        count(*) filter (where episode_rating <= {{ var('limits').poor_episode }})
            as poor_episodes
    from episodes
    group by series_tconst
    having count(episode_rating) >= {{ var('limits').series_rated_episodes }}

),

genre_lists as (

    select
        series.series_tconst,
        array_agg(genres.genre order by genres.genre_rank) as genres
    from series
    inner join genres on series.series_tconst = genres.tconst
    group by series.series_tconst

),

described as (

    select
        series.*,
        titles.primary_title as series_title,
        titles.title_type as series_type,
        genre_lists.genres,
        titles.start_year as series_start_year,
        titles.end_year as series_end_year,
        titles.average_rating as series_rating,
        titles.num_votes as series_votes,
        {{ series_duration_years(
            'titles.start_year', 'titles.end_year', 'series.last_episode_year'
        ) }} as series_duration_years,
        series.total_episodes::numeric / greatest(series.total_seasons, 1)
            as avg_episodes_per_season
    from series
    inner join titles on series.series_tconst = titles.tconst
    left join genre_lists on series.series_tconst = genre_lists.series_tconst

),

classified as (

    select
        *,
        {{ band('series_longevity') }} as longevity_class,
        {{ band('series_performance') }} as series_performance_tier,
        {{ band('series_consistency') }} as consistency_rating,
        {{ band('quality_pattern') }} as quality_pattern,
        {{ band('production_scale') }} as production_scale,
        {{ band('series_engagement') }} as engagement_level
    from described

)

select
    series_tconst,
    series_title,
    series_type,
    genres,
    series_start_year,
    series_end_year,
    series_end_year is null as is_open_ended,
    last_episode_year,
    series_duration_years,
    series_rating,
    series_votes,
    total_episodes,
    total_seasons,
    avg_episodes_per_season::numeric(7, 1) as avg_episodes_per_season,
    latest_season as final_season,
    rated_episodes,
    rated_seasons,
    avg_series_rating::numeric(6, 4) as avg_series_rating,
    rating_consistency::numeric(6, 4) as rating_consistency,
    lowest_episode_rating,
    highest_episode_rating,
    avg_episode_votes::numeric(14, 4) as avg_episode_votes,
    total_series_votes,
    excellent_episodes,
    poor_episodes,
    longevity_class,
    series_performance_tier,
    consistency_rating,
    quality_pattern,
    production_scale,
    engagement_level,
    series_performance_tier in ({{ mart_best_labels('series_performance', 2) }})
        as is_premium_series,
    consistency_rating in ({{ mart_best_labels('series_consistency', 2) }})
        as is_consistent_quality,
    longevity_class in ({{ mart_best_labels('series_longevity', 2) }}) as is_long_running
from classified
