{#
  ops.model_builds: of each model, table or view, the build that readers see, committed with it;
  and of each test of several models what it last found. From it a plan tells what is due.

  note_loads (pre-hook) looks up, before the model's query and in its transaction, the load of each
  dataset that the model reads; record_build (post-hook) writes them down. A load that lands in
  between is read but not noted: the row may be older than the data, never newer, so at worst a
  model is built once too often. Through views a model reads the raw tables, so the ledger's latest
  load counts; of another table it sees what that table was built from.

  `project` is the version of these files, which whoever runs dbt gives to Postgres as the setting
  imdb.models (PGOPTIONS); null from a dbt that is run by hand.
#}

{#- Whether a model is being built, or compiled to be. -#}
{% macro is_being_built() %}
  {{ return(execute and model.resource_type == 'model' and flags.WHICH in ('build', 'run')) }}
{% endmacro %}

{#- {'datasets': those read through views, 'tables': models read that are tables}. -#}
{% macro inputs_of(unique_id) %}
  {% set datasets, tables = [], [] %}
  {% for parent in graph.nodes[unique_id].depends_on.nodes %}
    {% if parent in graph.sources %}
      {% if graph.sources[parent].source_name == 'raw' %}
        {% do datasets.append(graph.sources[parent].config.meta.dataset) %}
      {% endif %}
    {% elif graph.nodes[parent].config.materialized == 'view' %}
      {% set inputs = inputs_of(parent) %}
      {% do datasets.extend(inputs.datasets) %}
      {% do tables.extend(inputs.tables) %}
    {% else %}
      {% do tables.append(graph.nodes[parent].name) %}
    {% endif %}
  {% endfor %}
  {{ return({'datasets': datasets | unique | list, 'tables': tables | unique | list}) }}
{% endmacro %}

{#- By dataset the load that a model with these inputs would be built from now. -#}
{% macro loads_of_inputs(inputs) -%}
      select dataset, min(load_id) as load_id
      from (
        select dataset, max(load_id) as load_id
        from {{ source('ops', 'loads') }}
        where dataset in ({{ sql_list(inputs.datasets) or 'null' }})
        group by dataset
        union all
        select loads.key, loads.value::bigint
        from {{ source('ops', 'model_builds') }}
        cross join jsonb_each_text(loads) as loads
        where model in ({{ sql_list(inputs.tables) or 'null' }})
      ) as inputs
      group by dataset
{%- endmacro %}

{% macro note_loads() %}
  {%- if execute and model.config.materialized in ('incremental', 'view') -%}
    {%- set inputs = inputs_of(model.unique_id) -%}
    select
      set_config('imdb.as_of_date', coalesce({{ as_of_date() }}::text, ''), true),
      set_config('imdb.loads', coalesce(jsonb_object_agg(dataset, load_id)::text, '{}'), true)
    from (
      {{ loads_of_inputs(inputs) }}
    ) as loads
  {%- endif -%}
{% endmacro %}

{% macro record_build() %}
  {%- if execute and model.config.materialized in ('incremental', 'view') and not is_resting() -%}
    insert into {{ source('ops', 'model_builds') }} as builds
      (model, built_at, as_of_date, loads, failed_tests, project)
    values (
      {{ dbt.string_literal(model.name) }},
      clock_timestamp(),
      nullif(current_setting('imdb.as_of_date'), '')::date,
      current_setting('imdb.loads')::jsonb,
      0,
      {{ models_version() }}
    )
    {{ replacing_its_row() }}
  {%- endif -%}
{% endmacro %}

{% macro models_version() -%}
  nullif(current_setting('imdb.models', true), '')
{%- endmacro %}

{% macro replacing_its_row() -%}
    on conflict (model) do update
    set
      built_at = excluded.built_at,
      as_of_date = excluded.as_of_date,
      loads = excluded.loads,
      failed_tests = excluded.failed_tests,
      project = excluded.project
{%- endmacro %}

{% macro raw_sources_of(node) %}
  {%- set found = [] -%}
  {%- for parent in node.depends_on.nodes | unique if parent in graph.sources -%}
    {%- if graph.sources[parent].source_name == 'raw' -%}
      {%- do found.append(parent) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(found) }}
{% endmacro %}

{#- The models that a test is counted for: the one it reads; of a raw source's test the staging
    model that it runs with, the first by name as in steps/models.py; none for one of several. -#}
{% macro tested_models(test) %}
  {%- set parents = test.depends_on.nodes | unique | list -%}
  {%- set names = [] -%}
  {%- if parents | length == 1 -%}
    {%- for candidate in graph.nodes.values() if candidate.resource_type == 'model' -%}
      {%- if candidate.unique_id in parents -%}
        {%- do names.append(candidate.name) -%}
      {%- elif candidate.schema == 'staging' and raw_sources_of(candidate) == parents -%}
        {%- do names.append(candidate.name) -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return((names | sort)[:1]) }}
{% endmacro %}

{#- On-run-end: how many tests of severity error failed, of each model. A build has set the count
    to 0, so it stays until the model is built again. -#}
{% macro record_failed_tests(results) %}
  {%- if execute -%}
    {%- set failed = {} -%}
    {%- for result in results if result.node.resource_type == 'test' and result.status in ('fail', 'error') -%}
      {%- for name in tested_models(result.node) -%}
        {%- do failed.update({name: failed.get(name, 0) + 1}) -%}
      {%- endfor -%}
    {%- endfor -%}
    {%- if failed -%}
    update {{ source('ops', 'model_builds') }} as builds
    set failed_tests = greatest(builds.failed_tests, failed.tests)
    from (
      values
      {% for name, tests in failed.items() %}({{ dbt.string_literal(name) }}, {{ tests }}){{ ', ' if not loop.last }}{% endfor %}
    ) as failed (model, tests)
    where builds.model = failed.model
    {%- endif -%}
  {%- endif -%}
{% endmacro %}

{#- On-run-end: each test of several models that was run, as if it were a model built from what
    those were built from. One that was not reached keeps its older row, and so is due. -#}
{% macro record_wide_tests(results) %}
  {%- if execute -%}
    {%- set tests = {} -%}
    {%- for result in results if result.node.resource_type == 'test' and result.status in ('pass', 'warn', 'fail', 'error') -%}
      {%- set parents = result.node.depends_on.nodes | unique | list -%}
      {%- if parents | length > 1 -%}
        {%- set models = [] -%}
        {%- for parent in parents if parent in graph.nodes -%}
          {%- do models.append(graph.nodes[parent].name) -%}
        {%- endfor -%}
        {%- do tests.update({result.node.name: {
            'models': models, 'failed': 1 if result.status in ('fail', 'error') else 0
        }}) -%}
      {%- endif -%}
    {%- endfor -%}
    {%- if tests -%}
    insert into {{ source('ops', 'model_builds') }} as builds
      (model, built_at, as_of_date, loads, failed_tests, project)
    select
      tests.name,
      clock_timestamp(),
      null::date,
      coalesce(
        (
          select jsonb_object_agg(inputs.dataset, inputs.load_id)
          from (
            select used.key as dataset, min(used.value::bigint) as load_id
            from {{ source('ops', 'model_builds') }} as parents
            cross join jsonb_each_text(parents.loads) as used
            where parents.model = any(tests.models)
            group by used.key
          ) as inputs
        ),
        '{}'
      ),
      tests.failed,
      {{ models_version() }}
    from (
      values
      {% for name, test in tests.items() -%}
      (
        {{ dbt.string_literal(name) }}, array[{{ sql_list(test.models) }}]::text[], {{ test.failed }}
      ){{ ', ' if not loop.last }}
      {%- endfor %}
    ) as tests (name, models, failed)
    {{ replacing_its_row() }}
    {%- endif -%}
  {%- endif -%}
{% endmacro %}
