{#-
  SQL of the titles that are not what they were before the changes, and of those whose keys `further`
  (SQL) gives: what titles and ratings told of each then (old_…) and tell now (new_…), years as in
  staging. Of a title that was not there, or is gone, all of it is NULL but its rating.

  How something was tells the first of several changes.
-#}
{% macro titles_moved(changes, further=none) -%}
    select
      tconst,
      case when retitled.op is null then titles.title_type else retitled.old_title_type end as old_title_type,
      titles.title_type as new_title_type,
      case when retitled.op is null then titles.genres else retitled.old_genres end as old_genres,
      titles.genres as new_genres,
      {{ title_year('(case when retitled.op is null then titles.start_year else retitled.old_start_year end)') }}
        as old_start_year,
      {{ title_year('titles.start_year') }} as new_start_year,
      case when rerated.op is null then ratings.average_rating else rerated.old_average_rating end
        as old_average_rating,
      ratings.average_rating as new_average_rating,
      case when rerated.op is null then ratings.num_votes else rerated.old_num_votes end as old_num_votes,
      ratings.num_votes as new_num_votes
    from (
      select tconst from {{ changes['title.basics'] }} as titles
      union
      select tconst from {{ changes['title.ratings'] }} as ratings
      {%- if further %}
      union
      {{ further }}
      {%- endif %}
    ) as changed
    left join (
      select distinct on (tconst) * from {{ changes['title.basics'] }} as titles order by tconst, load_id
    ) as retitled using (tconst)
    left join (
      select distinct on (tconst) * from {{ changes['title.ratings'] }} as ratings order by tconst, load_id
    ) as rerated using (tconst)
    left join {{ source('raw', 'title_basics') }} as titles using (tconst)
    left join {{ source('raw', 'title_ratings') }} as ratings using (tconst)
    where tconst <> ''
{%- endmacro %}

{#- Both versions of a title of titles_moved, for counts to which `titles` are added. -#}
{% macro title_versions(moved) -%}
  (
    select
      {{ moved }}.old_genres as genres,
      {{ moved }}.old_title_type as title_type,
      {{ moved }}.old_start_year as start_year,
      {{ moved }}.old_average_rating as average_rating,
      {{ moved }}.old_num_votes as num_votes,
      -1 as titles
    union all
    select
      {{ moved }}.new_genres,
      {{ moved }}.new_title_type,
      {{ moved }}.new_start_year,
      {{ moved }}.new_average_rating,
      {{ moved }}.new_num_votes,
      1
  )
{%- endmacro %}
