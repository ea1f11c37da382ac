{#
  Generic tests. What a constraint proves is not scanned for:
  - not_null is dbt's own: of a column that is NOT NULL, also seen through a view, the planner
    turns `is null` into false and reads no row.
  - unique and unique_combination ask the planner whether an index proves them, also through a
    view: it drops from the plan a left join to what cannot match twice. Without such an index, or
    where a view no longer keeps its key, they scan, and say so.
  - accepted_range, accepted_labels and expression_holds ask for a CHECK constraint, which tables are
    made with (macros/constraints.sql).
  - relationships asks for the origin of a view's column: one that is the parent's own, through
    whatever joins, is among the parent's or NULL.

  Of what is left macros/changed_rows.sql looks at few rows on an ordinary day. Tests tagged `whole`
  otherwise read a big raw table or a join of several from end to end.
#}

{% test unique(model, column_name) %}
{{ test_unique_combination(model, [column_name]) }}
{% endtest %}

{% test unique_combination(model, columns) %}
{{ config(fail_calc='coalesce(sum(rows_found), 0)') }}
{%- if flags.WHICH in ('build', 'test') and execute and proves_unique(tested_node(this_test()).relation_name, columns) %}
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

{#- The test that is compiled: within a test, `model` is the relation. -#}
{% macro this_test() %}
  {{ return(model) }}
{% endmacro %}

{% macro proves_unique(relation, columns) %}
  {% set plan %}
    explain (costs off)
    select one.{{ columns[0] }}
    from {{ relation }} as one
    left join {{ relation }} as other
      on {% for column in columns %}one.{{ column }} = other.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
  {% endset %}
  {% for line in run_query(plan).columns[0].values() %}
    {% if modules.re.match('[ >-]*[A-Za-z ]*(Join|Nested Loop)', line) %}
      {% do log('unique (' ~ columns | join(', ') ~ ') of ' ~ relation ~ ': no index proves it, scanning', info=True) %}
      {{ return(false) }}
    {% endif %}
  {% endfor %}
  {{ return(true) }}
{% endmacro %}

{% test relationships(model, column_name, to, field) %}
{%- if flags.WHICH in ('build', 'test') and execute and proves_parent(tested_node(this_test()).relation_name, column_name, to, field) %}
select {{ column_name }} as from_field  -- proved by the column's origin
from {{ model }}
where false
{%- else %}
select {{ column_name }} as from_field
from {{ model }} as child
where {{ is_orphan('child.' ~ column_name, to, field, are_few=is_of_changed_rows(model)) }}
{%- endif %}
{% endtest %}

{#- The condition that a key has no parent, NULL needs none. Where few keys are looked up it is a
    subquery that Postgres does not join: taking them for more than they are, it would hash all parents. -#}
{% macro is_orphan(key, parent, parent_key, are_few=false) -%}
  {{ key }} is not null
  {%- if are_few %}
  and (select parent.{{ parent_key }} from {{ parent }} as parent where parent.{{ parent_key }} = {{ key }} limit 1) is null
  {%- else %}
  and not exists (select from {{ parent }} as parent where parent.{{ parent_key }} = {{ key }})
  {%- endif %}
{%- endmacro %}

{#- Whether a view's column, as the view's definition has it, is the very column `field` of `to`. Every
    entry of that name has to be, also those of subqueries. -#}
{% macro proves_parent(relation, column_name, to, field) %}
  {% set origins %}
    select coalesce(bool_and(found.origin[1]::oid = '{{ to }}'::regclass and found.origin[2]::smallint = parent.attnum), false)
      as is_proved
    from pg_rewrite as rule
    cross join regexp_matches(
      rule.ev_action::text, ':resname {{ column_name }} :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (\d+)', 'g'
    ) as found (origin)
    inner join pg_attribute as parent on parent.attrelid = '{{ to }}'::regclass and parent.attname = '{{ field }}'
    where rule.ev_class = '{{ relation }}'::regclass
  {% endset %}
  {{ return(run_query(origins)[0]['is_proved']) }}
{% endmacro %}

{#- Values lie in min_value..max_value, both SQL expressions, either may be left out; NULL passes. -#}
{% test accepted_range(model, column_name, min_value=none, max_value=none) %}
{{ config(fail_calc='coalesce(sum(rows_found), 0)') }}
{{ rows_unlike(model, 'accepted_range', {'column_name': column_name, 'min_value': min_value, 'max_value': max_value}) }}
{% endtest %}

{#- Values are labels of the band, see macros/bands.sql; NULL fails. -#}
{% test accepted_labels(model, column_name, band) %}
{{ config(fail_calc='coalesce(sum(rows_found), 0)') }}
{{ rows_unlike(model, 'accepted_labels', {'column_name': column_name, 'band': band}) }}
{% endtest %}

{#- The SQL condition is true of every row; NULL fails. -#}
{% test expression_holds(model, expression) %}
{{ rows_unlike(model, 'expression_holds', {'expression': expression}) }}
{% endtest %}

{#- Rows of which the condition of such a test is not true, for a column counted by its values. -#}
{% macro rows_unlike(relation, test, arguments) -%}
{%- set condition = row_condition(test, arguments) -%}
{%- set is_proved = is_constrained(condition, arguments) -%}
{%- if 'column_name' in arguments -%}
select {{ arguments.column_name }} as value, count(*) as rows_found
{%- else -%}
select *
{%- endif %}
from {{ relation }}
where {{ 'false -- proved by a constraint' if is_proved else 'not (' ~ condition ~ ')' }}
{%- if 'column_name' in arguments %}
group by {{ arguments.column_name }}
{%- endif %}
{%- endmacro %}
