{#
  A build that costs what changed: of the keys that the loads since the last build affected, and no
  other, the rows are computed anew; rows_that_differ applies them.

  A model says once which keys those are, and limits by them what it reads:

    {%- call(changes) affected_keys('tconst') %}
    select tconst from {{ changes['title.crew'] }}
    {% endcall -%}
    select … from {{ source('raw', 'title_crew') }} where {{ is_affected('tconst') }}

  `changes` gives, by dataset, the change sets of these loads as a relation: op, key, and old_… and
  new_… values of the columns that the catalogue tracks. The old ones count as well: who lost a
  credit is affected like who won one. A key too many costs time, one too few a wrong table.

  The whole table is computed where that cannot be, or would not be cheaper:
  - it was never built, or by other project files, or in another year of the clock;
  - a load that it has not used kept no change set, as a full load does;
  - more than `incremental_up_to` (config meta, a share) of its rows are affected;
  - dbt was asked for a full refresh, or run by hand: without the setting imdb.models there is no
    saying which files built the table.

  All of it, from the first look at the ledger to the new row of ops.model_builds, is one
  transaction of one snapshot: a load that lands meanwhile is neither seen nor noted. dbt compiles a
  model over the connection, and in the transaction, in which it builds it.
#}

{% macro affected_keys(key) %}
  {%- set changes = changes_to_use() -%}
  {%- if changes -%}
    {%- do make_working_table(
      'affected', 'select distinct ' ~ key ~ ' from (' ~ caller(changes) ~ ') as keys where ' ~ key ~ ' is not null'
    ) -%}
    {%- set found = run_query(share_affected(key))[0] -%}
    {%- if found['share'] > config.meta_get('incremental_up_to', 0.2) -%}
      {%- do drop_working_tables() -%}
    {%- endif -%}
    {%- do log(
      model.name ~ ': ' ~ found['affected'] ~ ' values of ' ~ key ~ ' affected, '
      ~ '%.1f' | format(100 * found['share']) ~ ' % of the rows',
      info=True
    ) -%}
  {%- endif -%}
{% endmacro %}

{#- The changes from which the model may be built, in the one snapshot of its build; empty where the
    whole table is to be computed. -#}
{% macro changes_to_use() %}
  {% if not is_being_built() or is_resting() %}
    {{ return({}) }}
  {% endif %}
  {% do run_query('set transaction isolation level repeatable read') %}
  {% if flags.FULL_REFRESH or load_cached_relation(this) is none %}
    {{ return({}) }}
  {% endif %}
  {{ return(changes_since_build()) }}
{% endmacro %}

{#- Where the affected keys are while a model is built. -#}
{% macro affected_table() %}
  {{ return(working_table('affected')) }}
{% endmacro %}

{#- A table that exists while a model is built. No temporary one, which workers could not read;
    rows_that_differ drops it before anyone else sees it. -#}
{% macro working_table(name) %}
  {{ return(this.incorporate(path={'identifier': this.identifier ~ '__' ~ name})) }}
{% endmacro %}

{#- Which ones there are is told by a setting of the transaction: a table of a user's may have such a
    name too. -#}
{% macro make_working_table(name, sql) %}
  {% set table = working_table(name) %}
  {% do run_query('create unlogged table ' ~ table ~ ' as ' ~ sql) %}
  {% do run_query('analyze ' ~ table) %}
  {% do set_working_tables(working_tables() + [table]) %}
{% endmacro %}

{% macro drop_working_tables() %}
  {% for table in working_tables() %}
    {% do run_query('drop table ' ~ table) %}
  {% endfor %}
  {% do set_working_tables([]) %}
{% endmacro %}

{% macro working_tables() %}
  {% set tables = run_query("select current_setting('imdb.working_tables', true)")[0][0] %}
  {{ return(tables.split(',') if tables else []) }}
{% endmacro %}

{% macro set_working_tables(tables) %}
  {% do run_query("select set_config('imdb.working_tables', '" ~ tables | join(',') ~ "', true)") %}
{% endmacro %}

{#- For the rest of the build: reads in sequence and joins by hashes what would be looked up by a million
    keys, page by page. The planner takes too many of these lookups for cached, and a merge with a whole
    index, which visits the table's pages in the order of the key, for one that ends early. -#}
{% macro read_in_sequence() %}
  {% do run_query('set local enable_nestloop = off') %}
  {% do run_query('set local enable_mergejoin = off') %}
{% endmacro %}

{#- The condition that a row belongs to an affected key; true while the whole table is computed. -#}
{% macro is_affected(column) -%}
  {%- set key = affected_key() -%}
  {{ column ~ ' in (select affected.' ~ key ~ ' from ' ~ affected_table() ~ ' as affected)' if key else 'true' }}
{%- endmacro %}

{#- The column of the affected keys, none while the whole table is computed. -#}
{% macro affected_key() %}
  {% if not is_being_built() %}
    {{ return(none) }}
  {% endif %}
  {% set found = run_query(
    "select attname::text from pg_attribute where attrelid = to_regclass('" ~ affected_table() ~ "') and attnum > 0"
  ) %}
  {{ return(found[0][0] if found | length else none) }}
{% endmacro %}

{#- {dataset: SQL of the changes that this model has not used}, empty if they do not tell all. -#}
{% macro changes_since_build() %}
  {% set build %}
      select loads, as_of_date from {{ source('ops', 'model_builds') }}
      where model = {{ dbt.string_literal(model.name) }} and project = {{ models_version() }}
  {% endset %}
  {{ return(changes_of(spans_since(build, inputs_of(model.unique_id)))) }}
{% endmacro %}

{#- A row for each dataset of these inputs: the load that was used, the latest, and whether the
    change sets between them tell all. `build` is SQL of one row, loads and as_of_date, or none; it
    may use the CTE inputs, the latest loads. -#}
{% macro spans_since(build, inputs) %}
  {% set spans %}
    with inputs as ({{ loads_of_inputs(inputs) }}),
    build as ({{ build }})
    select
      inputs.dataset,
      (build.loads ->> inputs.dataset)::bigint as used,
      inputs.load_id as latest,
      coalesce(extract(year from build.as_of_date) = {{ as_of_year() }}, false)
      and (build.loads ->> inputs.dataset)::bigint is not null
      and not exists (
        select from {{ source('ops', 'loads') }} as unused
        where unused.dataset = inputs.dataset
          and unused.load_id > (build.loads ->> inputs.dataset)::bigint
          and unused.load_id <= inputs.load_id
          and not unused.changes_kept
      ) as is_told
    from inputs
    left join build on true
  {% endset %}
  {{ return(run_query(spans)) }}
{% endmacro %}

{% macro changes_of(spans) %}
  {% set changes = {} %}
  {% for span in spans %}
    {% if not span['is_told'] %}
      {{ return({}) }}
    {% endif %}
    {% do changes.update({span['dataset']: changes_between(span['dataset'], span['used'], span['latest'])}) %}
  {% endfor %}
  {#- What was never loaded has changed nothing. -#}
  {% for source in graph.sources.values() if spans and source.source_name == 'raw' %}
    {% set dataset = source.config.meta.dataset %}
    {% do changes.update({dataset: changes.get(dataset, changes_between(dataset, 0, 0))}) %}
  {% endfor %}
  {{ return(changes) }}
{% endmacro %}

{#- SQL of the changes of a dataset by the loads after one, up to another. -#}
{% macro changes_between(dataset, used, latest) %}
  {{ return('(select * from ' ~ changes_table(dataset) ~ ' where load_id > ' ~ used ~ ' and load_id <= ' ~ latest ~ ')') }}
{% endmacro %}

{% macro changes_table(dataset) %}
  {{ return(source('ops', 'loads').incorporate(path={'identifier': 'changes_' ~ dataset.replace('.', '_')})) }}
{% endmacro %}

{#- The share of the stored rows whose key is affected, estimated from some 20,000 of them: to count
    them all would cost what it is to save. -#}
{% macro share_affected(key) -%}
  {%- set stored_rows = run_query("select reltuples from pg_class where oid = '" ~ this ~ "'::regclass")[0][0] | float -%}
  {%- set percent = [100 * 20000 / [stored_rows, 1] | max, 100] | min -%}
  select
    (select count(*) from {{ affected_table() }}) as affected,
    coalesce(avg((stored.{{ key }} in (select affected.{{ key }} from {{ affected_table() }} as affected))::integer), 0)
      as share
  from {{ this }} as stored tablesample system ({{ percent }}) repeatable (1)
{%- endmacro %}

{#- Keys of the series of which anything changed that int_title_series or a series' mart tells. Of
    titles that are no series none is taken: by their number the planner would read all episodes. -#}
{% macro changed_series(changes) -%}
    with changed as (
      select tconst from {{ changes['title.basics'] }} as titles
      union
      select tconst from {{ changes['title.ratings'] }} as ratings
    )
    select unnest(array[old_parent_tconst, new_parent_tconst]) as series_tconst
    from {{ changes['title.episode'] }} as episodes
    union all
    select episodes.parent_tconst
    from changed
    inner join {{ source('raw', 'title_episode') }} as episodes on changed.tconst = episodes.tconst
    union all
    select tconst
    from changed
    where exists (
      select from {{ source('raw', 'title_episode') }} as episodes
      where episodes.parent_tconst = changed.tconst
    )
{%- endmacro %}
