{#
  Checks of the rows of a load, for mart_data_quality. Of a delta these are the rows that it inserted
  or updated, and where a parent is looked for also those whose parent went; of a full load, after
  changed project files, in another year of the clock and once a week (days of the source) all rows.
  Whatever was loaded since the last check of the dataset counts as one load, the latest.
#}

{#- {dataset: {'spans': …, 'changes': …}} of those with a load that was not checked yet, see
    spans_since and changes_of, of that dataset and `parents`, in which the others look for parents. -#}
{% macro checks_due(parents) %}
  {%- set due = {} -%}
  {%- if is_being_built() -%}
    {%- do run_query('set transaction isolation level repeatable read') -%}
    {%- set checked = [] -%}
    {%- if is_incremental() -%}
      {%- for row in run_query('select distinct load_id from ' ~ this) -%}
        {%- do checked.append(row['load_id']) -%}
      {%- endfor -%}
    {%- endif -%}
    {%- for dataset in inputs_of(model.unique_id).datasets -%}
      {%- set spans = [] -%}
      {%- for span in spans_since_pass(check_name(dataset)) if span['dataset'] in [dataset] + parents -%}
        {%- do spans.append(span) -%}
      {%- endfor -%}
      {%- for span in spans if span['dataset'] == dataset and span['latest'] not in checked -%}
        {%- do due.update({dataset: {'spans': spans, 'changes': changes_of(spans) if is_incremental() else {}}}) -%}
      {%- endfor -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(due) }}
{% endmacro %}

{#- Under which ops.test_passes tells of it. -#}
{% macro check_name(dataset) %}
  {{ return(model.name ~ ' of ' ~ dataset) }}
{% endmacro %}

{#-
  Counts of a relation's rows that fail: each of `checks`, a mapping of names to SQL conditions on
  the alias `checked`, in one pass; and keys without their parent, by an anti join of nothing but the
  keys, which the planner can read from indexes. IMDb's files are not one snapshot, so some of these
  are routine. `parents` maps the name of a check to its foreign key and a relation with the dataset
  and the key that it has. `key` are the columns that name a row. Nothing is read unless the dataset
  is in the CTE `loads`.
-#}
{% macro quality_pass(due, dataset, relation, key, checks={}, parents={}) -%}
    {%- set check = due.get(dataset, {'spans': [], 'changes': {}}) -%}
    {%- set rows = rows_to_check(check.changes, dataset, relation, key, checks, parents) -%}
    {%- set example = 'checked.' ~ key | join(" || ' ' || checked.") -%}
    {%- set is_loaded = "(select exists (select from loads where loads.dataset = '" ~ dataset ~ "'))" -%}
    select
        '{{ dataset }}' as dataset,
        each_check.check_name,
        pass.rows_checked,
        each_check.rows_failing,
        each_check.example_key,
        {{ not check.changes }} as is_whole{{ ' ' ~ looked_at(check_name(dataset), check.spans, check.changes) if check.spans }}
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
            and {{ is_orphan('checked.' ~ foreign_key, parent.relation, parent.key, are_few=check.changes | length > 0) }}
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

{#- The relation, or if `changes` tell it what changed and the rows whose parent went. -#}
{% macro rows_to_check(changes, dataset, relation, key, checks, parents) %}
  {% if not changes %}
    {{ return(relation) }}
  {% endif %}
  {% set looked_up = {} %}
  {% for foreign_key, parent in parents.values() %}
    {% set column = '(' ~ foreign_key ~ ')' %}
    {% do looked_up.update({column: looked_up.get(column, []) + [
      'select ' ~ parent.key ~ ' from ' ~ changes[parent.dataset] ~ " as gone where op = 'delete'"
    ]}) %}
  {% endfor %}
  {#- A list of crew changes as a whole. -#}
  {% set raw = graph.sources[raw_source_of(dataset)] %}
  {% set row_key = key if key[-1] in raw.columns else key[:1] %}
  {% set columns = columns_told(dataset, row_key) %}
  {% set untold = [] %}
  {% for column in raw.columns if column not in columns and modules.re.search('\\b' ~ column ~ '\\b', checks | string) %}
    {% do untold.append(column) %}
  {% endfor %}
  {% if untold or relation | string != raw.relation_name %}
    {% set column = '(' ~ row_key | join(', ') ~ ')' %}
    {% do looked_up.update({column: looked_up.get(column, []) + [
      'select ' ~ row_key | join(', ') ~ ' from ' ~ changes[dataset] ~ ' as changed'
    ]}) %}
    {{ return(rows_of_keys(relation, looked_up)) }}
  {% endif %}
  {{ return(rows_told(changes[dataset], columns, row_key, rows_of_keys(relation, looked_up) if looked_up)) }}
{% endmacro %}

{#- {column of a raw table: its name in the change sets, as it is now}: the key and what they track. -#}
{% macro columns_told(dataset, key) %}
  {% set columns = {} %}
  {% for column in key %}
    {% do columns.update({column: column}) %}
  {% endfor %}
  {% for column in adapter.get_columns_in_relation(changes_table(dataset)) if column.name.startswith('new_') %}
    {% do columns.update({column.name[4:]: column.name}) %}
  {% endfor %}
  {{ return(columns) }}
{% endmacro %}

{#- The changed rows as they are now, from the change sets: none is looked up. `further` are rows of the
    raw table, some of which may have changed too. -#}
{% macro rows_told(changes, columns, key, further) -%}
    (
        select {{ columns.keys() | join(', ') }}
        from (
            select distinct on ({{ key | join(', ') }})
                op,
                {%- for column, told in columns.items() %}
                {{ told }} as {{ column }}{{ ',' if not loop.last }}
                {%- endfor %}
            from {{ changes }} as changed
            order by {{ key | join(', ') }}, load_id desc
        ) as latest
        where op <> 'delete'
        {%- if further %}
        union all
        select {{ columns.keys() | join(', ') }}
        from {{ further }} as found
        where not exists (
            select from {{ changes }} as changed
            where
                {%- for column in key %}
                {{ 'and ' if not loop.first }}changed.{{ column }} = found.{{ column }}
                {%- endfor %}
        )
        {%- endif %}
    )
{%- endmacro %}
