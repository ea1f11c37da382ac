{#
  Checks of the rows of a load, for mart_data_quality. Of a delta these are the rows that it inserted
  or updated, and where a parent is looked for also those whose parent went; of a full load, after
  changed project files, in another year of the clock and once a week (days of the source) all rows.
  Whatever was loaded since the last check of the dataset counts as one load, the latest.
#}

{#- {dataset: {'used': …, 'latest': …}} of those whose change sets tell all that was loaded since
    their last check; `parents` are the datasets in which the others look for parents. -#}
{% macro told_since_check(parents) %}
  {%- set told = {} -%}
  {%- if execute and flags.WHICH in ('build', 'run') and is_incremental() -%}
    {%- do run_query('set transaction isolation level repeatable read') -%}
    {% set spans %}
      with inputs as ({{ loads_of_inputs(inputs_of(model.unique_id)) }})
      select inputs.dataset, checked.load_id as used, inputs.load_id as latest
      from inputs
      inner join {{ source('ops', 'loads') }} as latest on inputs.load_id = latest.load_id
      inner join (
        select checks.dataset, max(checks.load_id) as load_id, max(loads.last_modified) filter (where is_whole) as whole_at
        from {{ this }} as checks
        inner join {{ source('ops', 'loads') }} as loads on checks.load_id = loads.load_id
        group by checks.dataset
      ) as checked on inputs.dataset = checked.dataset
      where checked.whole_at > latest.last_modified - interval '7 days'
        and not exists (
          select from {{ source('ops', 'loads') }} as later
          where later.dataset in (inputs.dataset, {{ sql_list(parents) }})
            and later.load_id > checked.load_id
            and not later.changes_kept
        )
    {% endset %}
    {#- Of other project files the table may not have the columns yet. -#}
    {% set same %}
      select model from {{ source('ops', 'model_builds') }}
      where model = {{ dbt.string_literal(model.name) }} and project = {{ models_version() }}
        and extract(year from as_of_date) = {{ as_of_year() }}
    {% endset %}
    {%- if run_query(same) | length -%}
      {%- for span in run_query(spans) -%}
        {%- do told.update({span['dataset']: span}) -%}
      {%- endfor -%}
    {%- endif -%}
  {%- endif -%}
  {{ return(told) }}
{% endmacro %}

{#-
  Counts of a relation's rows that fail: each of `checks`, a mapping of names to SQL conditions on
  the alias `checked`, in one pass; and keys without their parent, by an anti join of nothing but the
  keys, which the planner can read from indexes. IMDb's files are not one snapshot, so some of these
  are routine. `parents` maps the name of a check to its foreign key and a relation with the dataset
  and the key that it has. `key` are the columns that name a row. Nothing is read unless the dataset
  is in the CTE `loads`.
-#}
{% macro quality_pass(told, dataset, relation, key, checks={}, parents={}) -%}
    {%- set rows = rows_to_check(told, dataset, relation, key, parents) -%}
    {%- set example = 'checked.' ~ key | join(" || ' ' || checked.") -%}
    {%- set is_loaded = "(select exists (select from loads where loads.dataset = '" ~ dataset ~ "'))" -%}
    select
        '{{ dataset }}' as dataset,
        each_check.check_name,
        pass.rows_checked,
        each_check.rows_failing,
        each_check.example_key,
        {{ 'false' if dataset in told else 'true' }} as is_whole
    from (
        select
            {%- for condition in checks.values() %}
            count(*) filter (where {{ condition }}) as failing_{{ loop.index }},
            min({{ example }}) filter (where {{ condition }}) as example_{{ loop.index }},
            {%- endfor %}
            count(*) as rows_checked
        from {{ rows }} as checked
        where {{ is_loaded }}
    ) as pass
    {%- for foreign_key, parent in parents.values() %}
    cross join (
        select count(*) as failing, min({{ example }}) as example
        from {{ rows }} as checked
        where
            {{ is_loaded }}
            and checked.{{ foreign_key }} is not null
            and not exists (
                select from {{ parent.relation }} as parent
                where parent.{{ parent.key }} = checked.{{ foreign_key }}
            )
    ) as orphans_{{ loop.index }}
    {%- endfor %}
    cross join lateral (
        values
        {%- for name in checks %}
        ('{{ name }}', pass.failing_{{ loop.index }}, pass.example_{{ loop.index }}){{ ',' if not loop.last or parents }}
        {%- endfor %}
        {%- for name in parents %}
        ('{{ name }}', orphans_{{ loop.index }}.failing, orphans_{{ loop.index }}.example){{ ',' if not loop.last }}
        {%- endfor %}
    ) as each_check (check_name, rows_failing, example_key)
{%- endmacro %}

{#- The relation, or of a dataset that is told of what changed and the rows whose parent went. -#}
{% macro rows_to_check(told, dataset, relation, key, parents) %}
  {% if dataset not in told %}
    {{ return(relation) }}
  {% endif %}
  {% set used = told[dataset]['used'] %}
  {#- A list of crew changes as a whole. -#}
  {% set raw_key = key if key[-1] in graph.sources[raw_source_of(dataset)].columns else key[:1] %}
  {% set columns = '(' ~ raw_key | join(', ') ~ ')' %}
  {% set changed = changes_between(dataset, used, told[dataset]['latest']) %}
  {% set keys = {columns: ['select ' ~ raw_key | join(', ') ~ ' from ' ~ changed ~ ' as changed']} %}
  {% for foreign_key, parent in parents.values() %}
    {% set column = '(' ~ foreign_key ~ ')' %}
    {% do keys.update({column: keys.get(column, []) + [
      'select ' ~ parent.key ~ ' from ' ~ changes_between(parent.dataset, used) ~ " as gone where op = 'delete'"
    ]}) %}
  {% endfor %}
  {{ return(rows_of_keys(relation, keys)) }}
{% endmacro %}
