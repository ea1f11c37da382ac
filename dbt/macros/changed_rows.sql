{#
  Tests that cost what changed: a test that looks at each row by itself looks, on an ordinary day,
  at the rows that the loads since it last passed inserted or updated. It looks at every row
  - after a load that kept no change set, as a full load does;
  - if it never passed, failed when it last ran, or ran with other project files, in another year of
    the clock, or by hand (see macros/affected.sql);
  - once a week, by the dates of the source.

  Which rows those are follows from what the tested relation reads. A raw table, and a staging model
  that reads one raw table and nothing else, has the rows of the keys in that table's change sets.
  Of another model its yml says it, or that of a test whose column depends on less:

      meta: {follows: {tconst: [title.basics, title.ratings], nconst: [name.basics]}}

  The rows are those whose tconst is a changed key of these datasets, or whose nconst is. By first
  columns of keys only, so that other rows of a changed title are looked at as well. A test of
  relationships also looks at the rows whose parent went.

  Looking at every row may be more than it takes, where what is tested depends on few values:

      meta: {one_of_each: [genres]}

  Of the rows of the one raw table it follows that are equal in these expressions, one decides for
  all, with the other rows of its key. The failures that dbt counts are then among these.

  The SQL of such a test says in a comment what it looks at, from which record_passes (on-run-end)
  writes ops.test_passes; so does mart_data_quality of each dataset that it checks. Whatever was
  never reached stays as it was and is made up for.
#}

{#- dbt's own gives every generic test its relation, here a subquery. No alias: Postgres needs none,
    and a test may give its own. What it calls it takes from the context, where dbt does not look for
    what a test depends on: else tests would depend on the ledger. -#}
{% macro get_where_subquery(relation) %}
  {% if execute and flags.WHICH in ('build', 'test') and not config.get('where') %}
    {% set follows = context['followed_by'](model) %}
    {% if follows %}
      {{ return(context['rows_to_test'](relation, follows)) }}
    {% endif %}
  {% endif %}
  {{ return(default__get_where_subquery(relation)) }}
{% endmacro %}

{#- One snapshot: what the ledger tells of, the change sets still have to hold. -#}
{% macro rows_to_test(relation, follows) %}
  {% do run_query('set transaction isolation level repeatable read') %}
  {% set spans = spans_since_pass(model.name) %}
  {% set changes = changes_of(spans) %}
  {% if changes %}
    {% set keys = {} %}
    {% for column, datasets in follows.items() %}
      {% set selects = [] %}
      {% for dataset in datasets %}
        {% do selects.append('select ' ~ first_column(raw_source_of(dataset)) ~ ' from ' ~ changes[dataset] ~ ' as changed') %}
      {% endfor %}
      {% do keys.update({column: selects}) %}
    {% endfor %}
    {% for parent in parents_of(model) %}
      {% set column = model.test_metadata.kwargs.column_name %}
      {% set dataset = graph.sources[parent].config.meta.dataset %}
      {% do keys.update({column: keys.get(column, []) + [
        'select ' ~ first_column(parent) ~ ' from ' ~ changes[dataset] ~ " as gone where op = 'delete'"
      ]}) %}
    {% endfor %}
    {% set rows = rows_of_keys(relation, keys) %}
  {% else %}
    {% set rows = whole_rows(relation, follows) %}
  {% endif %}
  {{ return(rows ~ ' ' ~ looked_at(model.name, spans, changes)) }}
{% endmacro %}

{#- What the test or check of this name, of the node that is compiled, has to look at: see spans_since.
    Nothing is told a week after it last looked at every row, or of data older than it looked at. -#}
{% macro spans_since_pass(name) %}
  {% set pass %}
      select loads, as_of_date from {{ source('ops', 'test_passes') }}
      where test = {{ dbt.string_literal(name) }} and project = {{ models_version() }}
        and (
          select max(last_modified) - whole_at from {{ source('ops', 'loads') }}
          where load_id in (select load_id from inputs)
        ) between interval '0' and interval '7 days' - interval '1 second'
  {% endset %}
  {{ return(spans_since(pass, inputs_of(model.unique_id))) }}
{% endmacro %}

{#- The comment that says what SQL looks at, and whether it says so of few rows. -#}
{% macro looked_at(name, spans, changes) %}
  {% set latest = {} %}
  {% for span in spans %}
    {% do latest.update({span['dataset']: span['latest'] | int}) %}
  {% endfor %}
  {{ return('/* ' ~ name ~ ' looks at ' ~ ('changed' if changes else 'all') ~ ' rows, of loads ' ~ tojson(latest) ~ ' */') }}
{% endmacro %}

{% macro is_of_changed_rows(rows) %}
  {{ return(' looks at changed rows' in rows | string) }}
{% endmacro %}

{#- Rows of a relation by keys: {column, or a row of columns: [SQL of keys]}. Each row once, and each
    column by its index, for which Postgres must see neither an OR nor, hence OFFSET 0, what is left
    out again: it would count the hashing of that anew for each key that it looks up. -#}
{% macro rows_of_keys(relation, keys) %}
  {% set selects, earlier = [], [] %}
  {% for column, queries in keys.items() %}
    {% set is_found = column ~ ' in (' ~ queries | join(' union all ') ~ ')' %}
    {% set rows = 'select * from ' ~ relation ~ ' where ' ~ is_found %}
    {% do selects.append('select * from (' ~ rows ~ ' offset 0) as found where ' ~ earlier | join(' and ') if earlier else rows) %}
    {% do earlier.append('(' ~ is_found ~ ') is not true') %}
  {% endfor %}
  {{ return('(' ~ selects | join(' union all ') ~ ')') }}
{% endmacro %}

{% macro whole_rows(relation, follows) %}
  {% set classes = model.config.meta.get('one_of_each', []) %}
  {% if not classes %}
    {{ return(relation) }}
  {% endif %}
  {% if follows | length != 1 or (follows.values() | first) | length != 1 %}
    {% do exceptions.raise_compiler_error(model.name ~ ': one_of_each needs one raw table that the test follows') %}
  {% endif %}
  {% for column, datasets in follows.items() %}
    {% set table = graph.sources[raw_source_of(datasets[0])] %}
    {{ return(rows_of_keys(relation, {column: [
      'select min(' ~ first_column(table.unique_id) ~ ') from ' ~ table.relation_name
      ~ ' where ' ~ first_column(table.unique_id) ~ " <> '' group by " ~ classes | join(', ')
    ]})) }}
  {% endfor %}
{% endmacro %}

{#- {column: [datasets]} by which a test follows what it tests; empty for one that does not. -#}
{% macro followed_by(test) %}
  {% set metadata = test.get('test_metadata') or {} %}
  {% set by_row = [
    'not_null', 'accepted_values', 'accepted_labels', 'accepted_range', 'expression_holds', 'relationships',
    'unique', 'unique_combination',
  ] %}
  {% if metadata.get('name') not in by_row %}
    {{ return({}) }}
  {% endif %}
  {% set tested = tested_node(test) %}
  {% set follows = test.config.meta.get('follows') or tested.config.meta.get('follows') or {} %}
  {% set own = own_source(tested) %}
  {% if not follows and own %}
    {% set follows = {tested.columns.keys() | first: [graph.sources[own].config.meta.dataset]} %}
  {% endif %}
  {#- The equal of a row may be any row, unless it has the same key. -#}
  {% if metadata.name.startswith('unique') %}
    {% set columns = metadata.kwargs.get('columns') or [metadata.kwargs.column_name] %}
    {% for column in follows if column not in columns %}
      {{ return({}) }}
    {% endfor %}
  {% endif %}
  {% if metadata.name == 'relationships' and not parents_of(test) %}
    {{ return({}) }}
  {% endif %}
  {{ return(follows) }}
{% endmacro %}

{#- The model or source that a generic test tests. -#}
{% macro tested_node(test) %}
  {% if test.attached_node %}
    {{ return(graph.nodes[test.attached_node]) }}
  {% endif %}
  {{ return(graph.sources[raw_sources_of(test)[0]]) }}
{% endmacro %}

{#- The raw table whose rows a relation has, one for one: itself, or what a staging model reads. -#}
{% macro own_source(node) %}
  {% if node.resource_type == 'source' %}
    {{ return(node.unique_id) }}
  {% endif %}
  {% set sources = raw_sources_of(node) %}
  {% set models = node.depends_on.nodes | select('in', graph.nodes) | list %}
  {{ return(sources[0] if node.schema == 'staging' and sources | length == 1 and not models else none) }}
{% endmacro %}

{#- Of a test of relationships with a staging model's first column, the raw table of that model: a row
    goes from there only with its raw row. In a list, empty for any other. -#}
{% macro parents_of(test) %}
  {% if test.test_metadata.name == 'relationships' %}
    {% for parent in test.depends_on.nodes if parent in graph.nodes and parent != test.attached_node %}
      {% set node = graph.nodes[parent] %}
      {% if own_source(node) and test.test_metadata.kwargs.field == node.columns.keys() | first %}
        {{ return([own_source(node)]) }}
      {% endif %}
    {% endfor %}
  {% endif %}
  {{ return([]) }}
{% endmacro %}

{% macro raw_source_of(dataset) %}
  {% for source in graph.sources.values() if source.source_name == 'raw' and source.config.meta.dataset == dataset %}
    {{ return(source.unique_id) }}
  {% endfor %}
{% endmacro %}

{#- The first column of a raw table is the first of its key. -#}
{% macro first_column(source) %}
  {{ return(graph.sources[source].columns.keys() | first) }}
{% endmacro %}

{#- On-run-end: what the tests that passed looked at; those that failed have passed nothing. -#}
{% macro record_passes(results) %}
  {%- if execute -%}
    {%- set passed, failed = {}, [] -%}
    {%- for result in results -%}
      {%- if result.status in ('fail', 'error') -%}
        {%- do failed.append(result.node.name) -%}
      {%- elif result.status in ('pass', 'warn', 'success') -%}
        {%- for name, rows, loads in modules.re.findall(
          '/[*] (.*?) looks at (all|changed) rows, of loads ([{].*?[}]) [*]/', result.node.compiled_code or ''
        ) -%}
          {%- do passed.update({name: {'rows': rows, 'loads': loads}}) -%}
        {%- endfor -%}
      {%- endif -%}
    {%- endfor -%}
    {#- What other project files passed tells nothing, and would hold change sets back. -#}
    delete from {{ source('ops', 'test_passes') }}
    where
      project is distinct from coalesce({{ models_version() }}, project)
      {%- if failed %}
      or test in ({{ sql_list(failed) }})
      {%- endif %};
    {%- if passed %}
    insert into {{ source('ops', 'test_passes') }} as passes
      (test, passed_at, whole_at, as_of_date, loads, project)
    select
      tests.name,
      clock_timestamp(),
      coalesce(
        case when tests.looked_at = 'changed' then (
          select whole_at from {{ source('ops', 'test_passes') }} where test = tests.name
        ) end,
        (
          select max(loads.last_modified) from jsonb_each_text(tests.loads) as used
          inner join {{ source('ops', 'loads') }} as loads on loads.load_id = used.value::bigint
        )
      ),
      {{ as_of_date() }},
      tests.loads,
      {{ models_version() }}
    from (
      values
      {% for name, looked in passed.items() -%}
      ({{ dbt.string_literal(name) }}, '{{ looked.rows }}', '{{ looked.loads }}'::jsonb){{ ', ' if not loop.last }}
      {%- endfor %}
    ) as tests (name, looked_at, loads)
    where tests.loads <> '{}'
    on conflict (test) do update
    set
      passed_at = excluded.passed_at,
      whole_at = excluded.whole_at,
      as_of_date = excluded.as_of_date,
      loads = excluded.loads,
      project = excluded.project
    {%- endif -%}
  {%- endif -%}
{% endmacro %}
