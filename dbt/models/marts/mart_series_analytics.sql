{{ config(
    unique_key='series_tconst',
    indexes=[{'columns': ['series_performance_tier', 'avg_series_rating']}],
) }}
{%- call(changes) affected_keys('series_tconst') %}{{ changed_series(changes) }}{% endcall %}

with series as (

    select
        *,
        {{ band('quality_pattern') }} as quality_pattern,
        {{ band('production_scale') }} as production_scale
    from {{ ref('int_title_series') }}
    where
        rated_episodes >= {{ var('limits').series_rated_episodes }}
        and {{ is_affected('series_tconst') }}

),

titles as (

    select * from {{ ref('int_title_complete') }}

),

genres as (

    select * from {{ ref('int_title_with_genres') }}

),

genre_lists as (

    select
        series.series_tconst,
        array_agg(genres.genre order by genres.genre_rank) as genres
    from series
    inner join genres on series.series_tconst = genres.tconst
    group by series.series_tconst

)

select
    series.series_tconst,
    series.series_title,
    series.series_type,
    genre_lists.genres,
    series.series_start_year,
    series.series_end_year,
    series.series_end_year is null as is_open_ended,
    series.last_episode_year,
    series.series_duration_years,
    titles.average_rating as series_rating,
    titles.num_votes as series_votes,
    series.total_episodes,
    series.total_seasons,
    series.avg_episodes_per_season,
    series.latest_season as final_season,
    series.rated_episodes,
    series.rated_seasons,
    series.avg_series_rating,
    series.rating_consistency,
    series.lowest_episode_rating,
    series.highest_episode_rating,
    series.avg_episode_votes,
    series.total_series_votes,
    series.excellent_episodes,
    series.poor_episodes,
    series.series_longevity_class as longevity_class,
    series.series_performance_tier,
    series.series_consistency_class as consistency_rating,
    series.quality_pattern,
    series.production_scale,
    series.audience_engagement_level as engagement_level,
    series.series_performance_tier in ({{ mart_best_labels('series_performance', 2) }})
        as is_premium_series,
    series.series_consistency_class in ({{ mart_best_labels('series_consistency', 2) }})
        as is_consistent_quality,
    series.series_longevity_class in ({{ mart_best_labels('series_longevity', 2) }})
        as is_long_running
from series
inner join titles on series.series_tconst = titles.tconst
left join genre_lists on series.series_tconst = genre_lists.series_tconst
