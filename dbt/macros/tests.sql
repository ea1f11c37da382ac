{#
  Generic tests. What a constraint proves is not scanned for:
  - not_null is dbt's own: of a column that is NOT NULL, also seen through a view, the planner
    turns `is null` into false and reads no row.
  - unique and unique_combination ask the planner whether an index proves them, also through a
    view: it drops from the plan a left join to what cannot match twice. Without such an index, or
    where a view no longer keeps its key, they scan, and say so.

  Tests tagged `whole` read a big raw table or a join of several from end to end. An ordinary day
  may leave them out (--exclude tag:whole); a full load and a week's end should not.
#}

{% test unique(model, column_name) %}
{{ test_unique_combination(model, [column_name]) }}
{% endtest %}

{% test unique_combination(model, columns) %}
{{ config(fail_calc='coalesce(sum(rows_found), 0)') }}
{%- if flags.WHICH in ('build', 'test') and execute and proves_unique(model, columns) %}
select 0 as rows_found  -- proved by an index
where false
{%- else %}
select {{ columns | join(', ') }}, count(*) as rows_found
from {{ model }}
where {% for column in columns %}{{ column }} is not null{{ ' and ' if not loop.last }}{% endfor %}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- endif %}
{% endtest %}

{% macro proves_unique(model, columns) %}
  {% set plan %}
    explain (costs off)
    select one.{{ columns[0] }}
    from {{ model }} as one
    left join {{ model }} as other
      on {% for column in columns %}one.{{ column }} = other.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
  {% endset %}
  {% for line in run_query(plan).columns[0].values() %}
    {% if modules.re.match('[ >-]*[A-Za-z ]*(Join|Nested Loop)', line) %}
      {% do log('unique (' ~ columns | join(', ') ~ ') of ' ~ model ~ ': no index proves it, scanning', info=True) %}
      {{ return(false) }}
    {% endif %}
  {% endfor %}
  {{ return(true) }}
{% endmacro %}

{#- Values lie in min_value..max_value, both SQL expressions, either may be left out; NULL passes. -#}
{% test accepted_range(model, column_name, min_value=none, max_value=none) %}
{{ config(fail_calc='coalesce(sum(rows_found), 0)') }}
select {{ column_name }} as value, count(*) as rows_found
from {{ model }}
where
  {%- if min_value is not none %}
  {{ column_name }} < {{ min_value }}
  {%- endif %}
  {%- if max_value is not none %}
  {{ 'or ' if min_value is not none }}{{ column_name }} > {{ max_value }}
  {%- endif %}
group by {{ column_name }}
{% endtest %}

{#- The SQL condition is true of every row; NULL fails. -#}
{% test expression_holds(model, expression) %}
select *
from {{ model }}
where ({{ expression }}) is not true
{% endtest %}
