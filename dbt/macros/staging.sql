{# The part of a comma list at a position from 1; NULL where the list has none or it is blank. #}
{% macro list_part(column, position) -%}
  nullif(split_part({{ column }}, ',', {{ position }}), '')
{%- endmacro %}

{#- A title's year within 1800 and some years past the clock's: announced titles exist. -#}
{% macro title_year(column) -%}
  case
    when
      {{ column }}
      between {{ var('limits').title_year_min }} and {{ as_of_year() }} + {{ var('limits').announced_years }}
      then {{ column }}
  end
{%- endmacro %}

{#- A person's year up to the clock's: Shakespeare, 1564, is in the data. -#}
{% macro life_year(column) -%}
  case when {{ column }} between 1 and {{ as_of_year() }} then {{ column }} end
{%- endmacro %}

{#- Years from one year to another, NULL where no human lived so long or so short. -#}
{% macro age(from_year, to_year) -%}
  case
    when {{ to_year }} - {{ from_year }} between 0 and {{ var('limits').age_max }}
      then {{ to_year }} - {{ from_year }}
  end
{%- endmacro %}

{#-
  One row per title and person of a comma list in title.crew: position in IMDb's list, the first
  of repeats, blanks dropped, numbered 1..n. Four of five lists name one person, so these go
  without the per-title aggregate.
-#}
{% macro crew_list(list, person, position) %}
{%- call(changes) affected_keys('tconst') %}
select tconst from {{ changes['title.crew'] }} as changed
{% endcall -%}
with source as not materialized (

    select * from {{ source('raw', 'title_crew') }}
    where {{ is_affected('tconst') }}

),

renamed as (

    select
        tconst,
        trim({{ list }}) as {{ person }},
        1 as {{ position }}
    from source
    where {{ list }} not like '%,%' and trim({{ list }}) <> ''

    union all

    select
        source.tconst,
        crew.{{ person }},
        crew.{{ position }}
    from source
    cross join lateral (
        select
            part as {{ person }},
            row_number() over (order by min(place))::integer as {{ position }}
        from (
            select
                trim(listed.part) as part,
                listed.place
            from unnest(string_to_array(source.{{ list }}, ',')) with ordinality as listed (part, place)
        ) as parts
        where part <> ''
        group by part
    ) as crew
    where source.{{ list }} like '%,%'

)

select * from renamed
{% endmacro %}
