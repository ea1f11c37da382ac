{#
  The clock of all models: never the database's, so that the same files give the same tables.
  The var as_of_date (YYYY-MM-DD) if given, else the date in UTC of the Last-Modified of the
  loaded title.basics. Both are scalar SQL expressions; the planner evaluates them once a query.
  A unit test replaces them: `overrides: macros: as_of_year: 2026`.
#}

{% macro as_of_date() -%}
  {%- if var('as_of_date', none) -%}
    date '{{ var("as_of_date") }}'
  {%- else -%}
    (
      select (last_modified at time zone 'UTC')::date
      from {{ source('ops', 'loads') }}
      where dataset = 'title.basics'
      order by load_id desc
      limit 1
    )
  {%- endif -%}
{%- endmacro %}

{% macro as_of_year() -%}
  extract(year from {{ as_of_date() }})::integer
{%- endmacro %}

{#- The Last-Modified of the load of a dataset that readers see: source freshness. -#}
{% macro last_modified_of(dataset) -%}
  select last_modified
  from {{ source('ops', 'loads') }}
  where dataset = {{ dbt.string_literal(dataset) }}
  order by load_id desc
  limit 1
{%- endmacro %}
