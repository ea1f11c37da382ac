{#
  What int_title_hierarchies and mart_series_analytics both say of a series, written once. The
  labels cut from these numbers are the bands series_longevity, series_performance,
  series_consistency and series_engagement of dbt_project.yml.

  series_facts() are the aggregates of a series over its episodes, to stand in a select that is
  grouped by series, over columns season_number, episode_rating, episode_votes and episode_year.
  Nothing is rounded: bands classify these values, the model's contract rounds what it stores.
  Counts of seasons are distinct counts of one column, so that a single sort serves them all.
#}

{% macro series_facts() -%}
  count(*) as total_episodes,
  count(distinct season_number) as total_seasons,
  max(season_number) as latest_season,
  max(episode_year) filter (where episode_year <= {{ as_of_year() }}) as last_episode_year,
  count(episode_rating) as rated_episodes,
  count(distinct season_number) filter (where episode_rating is not null) as rated_seasons,
  avg(episode_rating) as avg_series_rating,
  stddev_samp(episode_rating) as rating_consistency,
  min(episode_rating) as lowest_episode_rating,
  max(episode_rating) as highest_episode_rating,
  avg(episode_votes) filter (where episode_rating is not null) as avg_episode_votes,
  sum(episode_votes) filter (where episode_rating is not null) as total_series_votes
{%- endmacro %}

{#
  Years a series ran, first and last one counted: to its end year, else to its latest dated
  episode that is no announcement. At least 1, since an end year before the start is an error of
  the source. NULL without a start. The arguments are SQL.
#}
{% macro series_duration_years(start_year, end_year, last_episode_year) -%}
  case
    when {{ start_year }} is not null then greatest(
      coalesce({{ end_year }}, greatest({{ start_year }}, {{ last_episode_year }}))
      - {{ start_year }} + 1,
      1
    )
  end
{%- endmacro %}
