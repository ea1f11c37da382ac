{#
  ops.model_builds: of each table the build that readers see, committed with it.

  note_loads (pre-hook) looks up, before the model's query and in its transaction, the load of each
  dataset that the model reads; record_build (post-hook) writes them down. A load that lands in
  between is read but not noted: the row may be older than the data, never newer, so at worst a
  model is built once too often. Through views a model reads the raw tables, so the ledger's latest
  load counts; of another table it sees what that table was built from.
#}

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

{% macro note_loads() %}
  {%- if execute and model.config.materialized == 'incremental' -%}
    {%- set inputs = inputs_of(model.unique_id) -%}
    select
      set_config('imdb.as_of_date', coalesce({{ as_of_date() }}::text, ''), true),
      set_config('imdb.loads', coalesce(jsonb_object_agg(dataset, load_id)::text, '{}'), true)
    from (
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
    ) as loads
  {%- endif -%}
{% endmacro %}

{% macro record_build() %}
  {%- if execute and model.config.materialized == 'incremental' -%}
    insert into {{ source('ops', 'model_builds') }} as builds
      (model, built_at, as_of_date, loads, failed_tests)
    values (
      {{ dbt.string_literal(model.name) }},
      clock_timestamp(),
      nullif(current_setting('imdb.as_of_date'), '')::date,
      current_setting('imdb.loads')::jsonb,
      0
    )
    on conflict (model) do update
    set
      built_at = excluded.built_at,
      as_of_date = excluded.as_of_date,
      loads = excluded.loads,
      failed_tests = excluded.failed_tests
  {%- endif -%}
{% endmacro %}

{#- On-run-end: how many tests of severity error failed, of each model. A build has set the count
    to 0, so it stays until the model is built again. -#}
{% macro record_failed_tests(results) %}
  {%- if execute -%}
    {%- set failed = {} -%}
    {%- for result in results if result.node.resource_type == 'test' and result.status in ('fail', 'error') -%}
      {%- set attached = result.node.attached_node -%}
      {%- for tested in ([attached] if attached else result.node.depends_on.nodes) if tested in graph.nodes -%}
        {%- set name = graph.nodes[tested].name -%}
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
