{#
  The roles of a person in a title as bits of one integer, so that a pair of person and title is
  one narrow row. Roles and their order are the labels of the band role_category.
#}

{% macro mart_roles() %}
  {{ return(var('bands').role_category.keys() | list) }}
{% endmacro %}

{% macro mart_role_bit(role) -%}
  case {{ role }}
    {%- for name in mart_roles() %}
    when '{{ name }}' then {{ 2 ** loop.index0 }}
    {%- endfor %}
  end
{%- endmacro %}

{#- One column <role>_credits for each role: titles whose bits have it, each counted as `works`. -#}
{% macro mart_role_credits(roles, works) -%}
  {%- for name in mart_roles() -%}
  sum({{ works }}) filter (where {{ roles }} & {{ 2 ** loop.index0 }} > 0)::integer as {{ name }}_credits
  {{- ',\n' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}

{#- The columns of mart_person_career that are sums over works. -#}
{% macro mart_career_sums() %}
  {% set sums = [
    'upcoming_titles', 'rated_credits', 'rating_total', 'total_audience_reach', 'high_quality_works',
    'good_quality_works', 'works_2020s', 'works_2010s', 'works_2000s', 'works_1990s', 'works_before_1990',
  ] %}
  {% for role in mart_roles() %}
    {% do sums.append(role ~ '_credits') %}
  {% endfor %}
  {{ return(sums) }}
{% endmacro %}

{#- SQL of the dated titles of which anything changed that careers tell, see titles_moved: their years,
    their ratings, or who did what. -#}
{% macro mart_career_titles_moved(changes) -%}
  {%- set recredited %}
      select tconst from {{ changes['title.principals'] }} as credits
      where (op, old_nconst, old_category) is distinct from ('update', new_nconst, new_category)
  {%- endset %}
  select *
  from ({{ titles_moved(changes, further=recredited) }}) as titles
  where old_start_year is not null or new_start_year is not null
{%- endmacro %}

{#-
  SQL of the works, pairs of a person and one of these titles, that are not what they were before the
  changes: year, rating and votes of the title and the person's roles in it as bits, old and new; a
  year only where it was or is the person's. `old_works` and `new_works` are 1 where it was or is a
  work done.

  Archive footage is told apart last: before the join it would be looked for in all credits.
#}
{% macro mart_works_moved(changes, titles) -%}
  with recredited as (
    select tconst, old_nconst as nconst, old_category as category, -1 as won
    from {{ changes['title.principals'] }} as lost
    where op <> 'insert' and (old_nconst, old_category) is distinct from (new_nconst, new_category)
    union all
    select tconst, new_nconst, new_category, 1
    from {{ changes['title.principals'] }} as won
    where op <> 'delete' and (old_nconst, old_category) is distinct from (new_nconst, new_category)
  ),

  credits as (
    select credits.tconst, credits.nconst, credits.category, 1 as credits, 0 as won
    from {{ titles }} as titles
    inner join {{ source('raw', 'title_principals') }} as credits on titles.tconst = credits.tconst
    union all
    select tconst, nconst, category, 0, won from recredited
  ),

  roles as (
    select
      tconst,
      nconst,
      credits,
      won,
      coalesce(category in ({{ sql_list(var('archive_categories')) }}), false) as is_archive,
      {{ band('role_category') }} as role
    from (
      select
        tconst, nconst, lower(trim(category)) as category, sum(credits) as credits, sum(won) as won
      from credits
      where nconst is not null
      group by tconst, nconst, lower(trim(category))
    ) as grouped
  ),

  pairs as (
    select
      tconst,
      nconst,
      bit_or({{ mart_role_bit('role') }}) filter (where credits > won and not is_archive) as old_role_bits,
      bit_or({{ mart_role_bit('role') }}) filter (where credits > 0 and not is_archive) as new_role_bits
    from roles
    group by tconst, nconst
  ),

  works as (
    select
      pairs.nconst,
      pairs.old_role_bits,
      pairs.new_role_bits,
      case when pairs.old_role_bits is not null then titles.old_start_year end as old_start_year,
      case when pairs.new_role_bits is not null then titles.new_start_year end as new_start_year,
      titles.old_average_rating,
      titles.new_average_rating,
      titles.old_num_votes,
      titles.new_num_votes
    from pairs
    inner join {{ titles }} as titles on pairs.tconst = titles.tconst
    where
      pairs.old_role_bits is distinct from pairs.new_role_bits
      or (titles.old_start_year, titles.old_average_rating, titles.old_num_votes)
      is distinct from (titles.new_start_year, titles.new_average_rating, titles.new_num_votes)
  )

  select
    *,
    coalesce(old_start_year <= {{ as_of_year() }}, false)::integer as old_works,
    coalesce(new_start_year <= {{ as_of_year() }}, false)::integer as new_works
  from works
  where old_start_year is not null or new_start_year is not null
{%- endmacro %}

{#- The two versions of a work of mart_works_moved, as it was and as it is; `works` are added. -#}
{% macro mart_work_versions(moved) -%}
  (
    select
      {{ moved }}.old_start_year as start_year,
      {{ moved }}.old_average_rating as average_rating,
      {{ moved }}.old_num_votes as num_votes,
      {{ moved }}.old_role_bits as role_bits,
      -1 as works
    union all
    select
      {{ moved }}.new_start_year,
      {{ moved }}.new_average_rating,
      {{ moved }}.new_num_votes,
      {{ moved }}.new_role_bits,
      1
  )
{%- endmacro %}

{#- The years of a career and the works of each, to which those of `more` are added; NULL where there
    are none, and the career's stay as they are. -#}
{% macro mart_work_dates(career, more) -%}
  (
    select
      array_agg(career_year order by career_year) as work_years,
      array_agg(works order by career_year) as works_by_year
    from (
      select career_year, sum(works)::integer as works
      from unnest(
        {{ career }}.work_years || {{ more }}.work_years, {{ career }}.works_by_year || {{ more }}.works_by_year
      ) as dated (career_year, works)
      where {{ more }}.work_years is not null
      group by career_year
      having sum(works) > 0
    ) as worked
  )
{%- endmacro %}

{% macro mart_is_high_quality(rating) -%}
  {{ rating }} >= {{ var('limits').high_quality_work }}
{%- endmacro %}

{% macro mart_is_good_quality(rating) -%}
  {{ rating }} >= {{ var('limits').good_quality_work }} and {{ rating }} < {{ var('limits').high_quality_work }}
{%- endmacro %}

{#- The place of a role in that order, from 1, and the role at a place: of several the first is the
    least. -#}
{% macro mart_role_place(role) -%}
  array_position(array[{{ sql_list(mart_roles()) }}], {{ role }})
{%- endmacro %}

{% macro mart_role_at(place) -%}
  (array[{{ sql_list(mart_roles()) }}])[{{ place }}]
{%- endmacro %}
