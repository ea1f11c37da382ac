{#
  How a table is kept: created once, then brought to the model's result row by row.

  Promises, in the order a reader asks:
  - Readers see the table before or after a build, whole: everything is one transaction.
  - The table is the same object for ever, so users' views, grants and foreign keys survive, also
    under --full-refresh (`full_refresh: false`), which computes the whole result all the same.
  - What is written is what changed: rows without an identical counterpart are
    deleted and the missing inserted. If nothing differs nothing is written.
  - DDL runs only when the model's SQL, config or tests changed. Columns are added, dropped and
    retyped in place, the primary key is `unique_key`, indexes are those of the config, CHECK
    constraints those of the tests (macros/constraints.sql). This takes an
    exclusive lock, with patience (patiently), and holds it while the rows are applied:
    the price of showing the new columns only together with their values. A column that a view
    of a user needs is neither dropped nor retyped: Postgres' error names the view.

  A model that is not built every day (macros/at_most_every.sql) stays as it is in between. Of a
  build of affected keys (macros/affected.sql) the model's SQL gives only their rows, so only the
  stored rows of these keys are compared. Config `incremental_predicates` limits the stored side
  (alias `stored`) of every build.
#}

{#- All text is in C order, as in schema raw: an id that changed its collation on the way could not
    be compared with itself. -#}
{% macro contract_select(sql) -%}
  select
    {%- for name, column in model['columns'].items() %}
    {{ adapter.quote(name) }}::{{ column['data_type'] }}
    {{- ' collate "C"' if column['data_type'] in ('text', 'text[]') }} as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
    {%- endfor %}
  from (
    {{ sql }}
  ) as model_subq
{%- endmacro %}

{#- NOT NULL is the one constraint that a contract may have: others come from tests, see macros/constraints.sql. -#}
{% macro not_null_actions() -%}
  {%- set actions = [] -%}
  {%- for name, column in model['columns'].items() -%}
    {%- for constraint in column.get('constraints') or [] -%}
      {%- if constraint.type != 'not_null' -%}
        {%- do exceptions.raise_compiler_error(
          'Column ' ~ name ~ ' of ' ~ model.name ~ ' has a constraint of type ' ~ constraint.type
          ~ '. A contract has not_null alone: put the rest into data_tests, of which constraints are made.'
        ) -%}
      {%- endif -%}
      {%- do actions.append('alter column ' ~ adapter.quote(name) ~ ' set not null') -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ actions | join(', ') }}
{%- endmacro %}

{% macro key_columns() %}
  {% set key = config.require('unique_key') %}
  {{ return([key] if key is string else key) }}
{% endmacro %}

{#- Of a model with a contract the table has the contract's types, the temporary one of a rebuild
    too, so that both sides of the comparison are of one type: scale, collation and NOT NULL.
    CREATE TABLE AS, since INSERT never runs its query in parallel. -#}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract and contract.enforced %}
  {{ get_assert_columns_equivalent(sql) }}
  {%- set not_null = not_null_actions() %}
  create {{ 'temporary ' if temporary }}table {{ relation }}{{ ' on commit drop' if temporary }} as (
  {{ contract_select(sql) }}
  );
  {%- if not_null %}
  alter table {{ relation }} {{ not_null }};
  {%- endif %}
  {%- if not temporary %}
  alter table {{ relation }} add primary key ({{ get_quoted_csv(key_columns()) }});
  {%- for change in constraint_changes(relation).added %}
  {{ change }};
  {%- endfor %}
  {%- endif %}
  analyze {{ relation }};
  {%- else %}
  create {{ 'temporary ' if temporary }}table {{ relation }} as (
    {{ sql }}
  );
  {%- endif %}
{%- endmacro %}

{#- dbt's own handling of changed columns would run before the strategy and drop users' views. -#}
{% macro postgres__process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {{ return({}) }}
{% endmacro %}

{% macro get_incremental_rows_that_differ_sql(arg_dict) %}
  {% set target = arg_dict['target_relation'] %}
  {% set temp = arg_dict['temp_relation'] %}
  {% set predicates = (arg_dict['incremental_predicates'] or []) | list %}
  {% if is_resting() %}
    {% do log(target.identifier ~ ': left as it is, its data is not old enough', info=True) %}
    {{ return('select 0 as deleted, 0 as inserted') }}
  {% endif %}
  {% set affected = affected_key() %}
  {% if affected %}
    {#- A model may also give rows of keys that it did not count as affected. -#}
    {% do predicates.append(
      'stored.' ~ affected ~ ' in (select ' ~ affected ~ ' from ' ~ affected_table() ~ ' union select '
      ~ affected ~ ' from ' ~ temp ~ ')'
    ) %}
  {% endif %}
  {% set key = key_columns() %}
  {% set names = model['columns'].keys() | list %}
  {% set columns = get_quoted_csv(names) %}
  {% set changes = shape_changes(temp, target) %}

  {% if affected %}
    {#- Otherwise all of it is read anyway, in sequence. Before the lock, for which readers wait. -#}
    {% do run_query("select ops.read_ahead('" ~ target ~ "', (select count(*) from " ~ temp ~ '))') %}
  {% endif %}
  {% if changes.before or changes.after %}
    {% do run_query(patiently('lock table ' ~ target ~ ' in access exclusive mode')) %}
  {% endif %}
  {% for change in changes.before %}
    {% do run_query(change) %}
  {% endfor %}

  {% call statement('deleted') %}
    delete from {{ target }} as stored
    where
      {%- for predicate in predicates %}
      {{ predicate }} and
      {%- endfor %}
      not exists (
        select from {{ temp }} as fresh
        where
          {%- for column in key %}
          fresh.{{ adapter.quote(column) }} = stored.{{ adapter.quote(column) }} and
          {%- endfor %}
          ({% for column in names %}fresh.{{ adapter.quote(column) }}{{ ', ' if not loop.last }}{% endfor %})
          is not distinct from
          ({% for column in names %}stored.{{ adapter.quote(column) }}{{ ', ' if not loop.last }}{% endfor %})
      )
  {% endcall %}
  {% call statement('inserted') %}
    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ temp }} as fresh
    where not exists (
      select from {{ target }} as stored
      where
        {%- for column in key %}
        {{ 'and ' if not loop.first }}stored.{{ adapter.quote(column) }} = fresh.{{ adapter.quote(column) }}
        {%- endfor %}
    )
  {% endcall %}
  {% set deleted = load_result('deleted').response.rows_affected %}
  {% set inserted = load_result('inserted').response.rows_affected %}

  {% for change in changes.after %}
    {% do run_query(change) %}
  {% endfor %}
  {% if affected %}
    {% do drop_working_tables() %}
  {% endif %}
  {#- Few rows more or less leave the statistics as good as they were. -#}
  {% if changes.before or changes.after or ((deleted or inserted) and not affected) %}
    {% do run_query('analyze ' ~ target) %}
  {% endif %}
  {% do log(target.identifier ~ ': ' ~ deleted ~ ' rows deleted, ' ~ inserted ~ ' inserted', info=True) %}
  {{ return('select ' ~ deleted ~ ' as deleted, ' ~ inserted ~ ' as inserted') }}
{% endmacro %}

{#-
  DDL that brings `target` to the shape of `temp`, the primary key to unique_key and the indexes to
  the config: statements to run before the rows are applied, and after. Both empty on all days but
  those of a changed model.
-#}
{% macro shape_changes(temp, target) %}
  {% set before, after = [], [] %}

  {% set columns %}
    with shape as (
      select
        attrelid = '{{ target }}'::regclass as is_target, attname, attnotnull,
        format_type(atttypid, atttypmod)
        || case when attcollation <> 0 then ' collate ' || attcollation::regcollation else '' end as type
      from pg_attribute
      where attrelid in ('{{ target }}'::regclass, '{{ temp }}'::regclass) and attnum > 0 and not attisdropped
    )
    select
      coalesce(fresh.attname, stored.attname)::text as name, fresh.type as fresh_type, stored.type as stored_type,
      fresh.attnotnull as fresh_not_null, stored.attnotnull as stored_not_null
    from (select * from shape where not is_target) as fresh
    full join (select * from shape where is_target) as stored using (attname)
    where (fresh.type, fresh.attnotnull) is distinct from (stored.type, stored.attnotnull)
  {% endset %}
  {% for column in run_query(columns) %}
    {% set alter = 'alter table ' ~ target ~ ' ' %}
    {% set name = adapter.quote(column['name']) %}
    {% if column['fresh_type'] is none %}
      {% do before.append(alter ~ 'drop column ' ~ name) %}
    {% else %}
      {% if column['stored_type'] is none %}
        {% do before.append(alter ~ 'add column ' ~ name ~ ' ' ~ column['fresh_type']) %}
      {% elif column['stored_type'] != column['fresh_type'] %}
        {% do before.append(alter ~ 'alter column ' ~ name ~ ' type ' ~ column['fresh_type'] ~ ' using ' ~ name ~ '::' ~ column['fresh_type'].split(' collate ')[0]) %}
      {% endif %}
      {% if column['fresh_not_null'] and not column['stored_not_null'] %}
        {% do after.append(alter ~ 'alter column ' ~ name ~ ' set not null') %}
      {% elif column['stored_not_null'] and not column['fresh_not_null'] and column['name'] not in key_columns() %}
        {% do before.append(alter ~ 'alter column ' ~ name ~ ' drop not null') %}
      {% endif %}
    {% endif %}
  {% endfor %}

  {% set indexes %}
    select
      class.relname as name, index.indisprimary as is_primary, index.indisunique as is_unique,
      (
        select string_agg(attname, ',' order by position)
        from unnest(index.indkey) with ordinality as key (attnum, position)
        join pg_attribute as a on a.attrelid = index.indrelid and a.attnum = key.attnum
      ) as columns
    from pg_index as index
    join pg_class as class on class.oid = index.indexrelid
    where index.indrelid = '{{ target }}'::regclass
  {% endset %}
  {% set wanted = {} %}
  {% for index in config.get('indexes', default=[]) %}
    {% do wanted.update({(index.columns | join(','), index.get('unique', false)): index}) %}
  {% endfor %}
  {% set key = {'columns': none} %}
  {% for index in run_query(indexes) %}
    {% if index['is_primary'] %}
      {% do key.update({'columns': index['columns']}) %}
      {% if index['columns'] != key_columns() | join(',') %}
        {% do before.append('alter table ' ~ target ~ ' drop constraint ' ~ adapter.quote(index['name'])) %}
      {% endif %}
    {#- Only an index that dbt made, named by a hash, is dropped; a user's own stays. -#}
    {% elif modules.re.fullmatch('[0-9a-f]{32}', index['name']) %}
      {% if wanted.pop((index['columns'], index['is_unique']), none) is none %}
        {% do before.append(get_drop_index_sql(target, index['name'])) %}
      {% endif %}
    {% endif %}
  {% endfor %}
  {% if key.columns != key_columns() | join(',') %}
    {% do after.append('alter table ' ~ target ~ ' add primary key (' ~ get_quoted_csv(key_columns()) ~ ')') %}
  {% endif %}
  {% for index in wanted.values() %}
    {% do after.append(get_create_index_sql(target, index)) %}
  {% endfor %}

  {% set constraints = constraint_changes(target) %}
  {{ return({'before': constraints.dropped + before, 'after': after + constraints.added}) }}
{% endmacro %}

{#-
  Run DDL without making readers queue behind its wait for the lock: try for half a second, let
  them pass, try again; give up after about five minutes. For a table, take the lock first and
  alter it then (of a view, LOCK would lock the raw tables below as well).
-#}
{% macro patiently(ddl) %}
do $patience$
begin
  for attempt in 1..200 loop
    begin
      set local lock_timeout = '500ms';
      execute $ddl$
{{ ddl }}
      $ddl$;
      set local lock_timeout = 0;
      return;
    exception when lock_not_available then
      perform pg_sleep(1);
    end;
  end loop;
  raise lock_not_available using
    message = '{{ this }} is in use: the change of its columns found no moment without readers in five minutes',
    detail = 'Nothing was changed.',
    hint = 'Run dbt again when the long queries on it have ended (pg_stat_activity shows them).';
end
$patience$
{% endmacro %}
