{#
  A model that is dear and does not age in a day names in its config how often it is built at most:
  `meta: {at_most_every_days: 7}`. In between an ordinary build leaves its table and its row of
  ops.model_builds as they are and computes nothing, since the model's SQL reads rows only
  `where {{ is_due() }}`; steps/decisions.py plans by the same number and the same rule.

  It is due if of any dataset it would now read a file that is as many days younger than the one it
  was built from, or older, as after a rollback: days of the source, never the database's. And at
  once if it was never built, or by other project files; if a test of its last build failed; if dbt
  was asked for a full refresh, or is run by hand, without the setting imdb.models.

  Asked more than once in a build, it answers the same: all is one transaction of one snapshot.
#}

{% macro is_due() -%}
  {{ not is_resting() }}
{%- endmacro %}

{% macro is_resting() %}
  {%- set days = model.config.meta.get('at_most_every_days') if is_being_built() -%}
  {%- if not days -%}
    {{ return(false) }}
  {%- endif -%}
  {%- do run_query('set transaction isolation level repeatable read') -%}
  {%- if flags.FULL_REFRESH or load_cached_relation(this) is none -%}
    {{ return(false) }}
  {%- endif -%}
  {% set ages %}
    select
      coalesce(bool_and(coalesce(
        (now.last_modified at time zone 'UTC')::date - (used.last_modified at time zone 'UTC')::date
        between 0 and {{ days - 1 }},
        false
      )), false) as are_young
    from {{ source('ops', 'model_builds') }} as build
    cross join ({{ loads_of_inputs(inputs_of(model.unique_id)) }}) as inputs
    left join {{ source('ops', 'loads') }} as now on now.load_id = inputs.load_id
    left join {{ source('ops', 'loads') }} as used on used.load_id = (build.loads ->> inputs.dataset)::bigint
    where build.model = {{ dbt.string_literal(model.name) }}
      and build.project = {{ models_version() }}
      and build.failed_tests = 0
  {% endset %}
  {{ return(run_query(ages)[0]['are_young']) }}
{% endmacro %}
