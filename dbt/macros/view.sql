{#
  Views, made when their SQL changed and left alone otherwise: dbt's own materialization replaces
  each on every run and drops with it what users built on top.

  Whether it changed is asked of Postgres: the new SQL becomes a temporary view and the two
  definitions are compared. A changed view is replaced in place, which keeps dependent views and
  grants; where its columns changed in a way that Postgres cannot replace (one is gone, renamed or
  of another type) it is dropped and made anew with its grants and those of the project's views on
  top of it; a view of somebody else on top stops that with an error and nothing is changed.

  A view's SQL has no WITH, a table's has: Postgres does not merge a subquery with a WITH into the
  query around it, so one person's filmography would read 12 million titles instead of a few by
  index, and the unique tests could not see the raw table's key through the view.
#}

{% materialization view, adapter='postgres' %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target = this.incorporate(type='view') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- if existing is not none and not existing.is_view -%}
    {%- do run_query('drop table ' ~ existing) -%}
    {%- set existing = none -%}
  {%- endif -%}
  {%- set change = 'create' if existing is none else view_change(target, sql) -%}

  {%- if change == 'recreate' -%}
    {%- do check_own_dependents(target) -%}
  {%- endif -%}
  {%- call statement('main') -%}
    {%- if change == 'none' -%}
      select 'unchanged' as view
    {%- elif change == 'recreate' -%}
      {{ patiently(recreate_view(target, sql)) }}
    {%- else -%}
      {{ patiently(get_replace_view_sql(target, sql)) }}
    {%- endif -%}
  {%- endcall -%}

  {%- do persist_docs(target, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do adapter.commit() -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#- 'none', 'replace' or 'recreate': what makes the view `relation` that of `sql`. -#}
{% macro view_change(relation, sql) %}
  {% set probe = 'new_' ~ relation.identifier[:59] %}
  {% do run_query('create temporary view ' ~ probe ~ ' as (' ~ sql ~ '\n)') %}
  {% set answer %}
    with columns as (
      select
        attrelid = '{{ relation }}'::regclass as is_stored, attnum,
        row(attname, atttypid, atttypmod, attcollation) as shape
      from pg_attribute
      where attrelid in ('{{ relation }}'::regclass, 'pg_temp.{{ probe }}'::regclass) and attnum > 0
    )
    select
      case
        when pg_get_viewdef('{{ relation }}'::regclass) = pg_get_viewdef('pg_temp.{{ probe }}'::regclass) then 'none'
        when exists (
          select from (select * from columns where is_stored) as stored
          left join (select * from columns where not is_stored) as fresh using (attnum)
          where stored.shape is distinct from fresh.shape
        ) then 'recreate'
        else 'replace'
      end as change
  {% endset %}
  {% set change = run_query(answer)[0]['change'] %}
  {% do run_query('drop view pg_temp.' ~ probe) %}
  {{ return(change) }}
{% endmacro %}

{#- The views on top of a view, at any distance, as a CTE `dependents (oid, depth)`. -#}
{% macro dependents_of(relation) %}
    with recursive edges as (
      select distinct depend.refobjid as below, rule.ev_class as above
      from pg_depend as depend
      join pg_rewrite as rule on rule.oid = depend.objid
      where
        depend.classid = 'pg_rewrite'::regclass and depend.refclassid = 'pg_class'::regclass
        and depend.refobjid <> rule.ev_class
    ),
    walk as (
      select above as oid, 1 as depth from edges where below = '{{ relation }}'::regclass
      union
      select edges.above, walk.depth + 1 from walk join edges on edges.below = walk.oid
    ),
    dependents as (select oid, max(depth) as depth from walk group by oid)
{% endmacro %}

{% macro check_own_dependents(relation) %}
  {% set foreign %}
    {{ dependents_of(relation) }}
    select string_agg(dependents.oid::regclass::text, ', ' order by depth) as names
    from dependents join pg_class on pg_class.oid = dependents.oid
    where relkind <> 'v' or not pg_has_role(relowner, 'member') or relowner <> current_user::regrole
  {% endset %}
  {% set names = run_query(foreign)[0]['names'] %}
  {% if names %}
    {% do exceptions.raise_compiler_error(
      "The columns of view " ~ relation ~ " changed in a way that needs it dropped, and these of others "
      "depend on it: " ~ names ~ ". Nothing was changed. Drop them or move them to other columns, then run again."
    ) %}
  {% endif %}
{% endmacro %}

{#- A dependent whose SQL no longer fits the new columns is left out: it is a model of this project
    whose own new SQL is about to be built. -#}
{% macro recreate_view(relation, sql) %}
create temporary table dropped_views on commit drop as
{{ dependents_of(relation) }}
select depth, oid::regclass::text as name, pg_get_viewdef(oid) as definition, obj_description(oid, 'pg_class') as comment
from dependents;
create temporary table dropped_grants on commit drop as
{{ dependents_of(relation) }}
select format(
  'grant %s on %s to %s', acl.privilege_type, class.oid::regclass, coalesce(role.rolname::regrole::text, 'public')
) as statement, class.oid::regclass::text as name
from (select oid from dependents union all select '{{ relation }}'::regclass) as views
join pg_class as class on class.oid = views.oid
cross join aclexplode(class.relacl) as acl
left join pg_roles as role on role.oid = acl.grantee
where acl.grantee <> class.relowner;
drop view {{ relation }} cascade;
{{ get_replace_view_sql(relation, sql) }}
do $recreate$
declare
  item record;
begin
  for item in select * from dropped_views order by depth loop
    begin
      execute format('create view %s as %s', item.name, item.definition);
    exception when undefined_column or undefined_table or datatype_mismatch or undefined_function then
      raise notice '% is left to its own model: %', item.name, sqlerrm;
    end;
  end loop;
  for item in select * from dropped_grants where to_regclass(name) is not null loop
    execute item.statement;
  end loop;
end
$recreate$
{% endmacro %}
