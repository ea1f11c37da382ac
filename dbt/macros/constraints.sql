{#
  Tests of severity error that look at each row of a table by itself are also CHECK constraints of
  it, so Postgres tests each row when it is written, in the transaction that writes it: a bad row
  fails the build and readers keep the table that they have. The test finds the constraint, and
  reads no row.

  A constraint is added with the table, and to one that stands when its tests have changed
  (shape_changes). Its name ends in a hash of its condition, so one that is found says just what the
  test says. A condition that looks elsewhere, as the clock does, can be none.
#}

{#- {name: condition} of what the model's tests say of each of its rows. -#}
{% macro constraints_of_tests() %}
  {% set constraints = {} %}
  {% for test in graph.nodes.values() if test.get('attached_node') == model.unique_id %}
    {% set arguments = {} %}
    {% for name, value in test.test_metadata.kwargs.items() if name != 'model' %}
      {% do arguments.update({name: render(value) if value is string else value}) %}
    {% endfor %}
    {% set condition = row_condition(test.test_metadata.name, arguments) %}
    {% if condition and 'select ' not in condition and test.config.severity | lower == 'error' and not test.config.where %}
      {% do constraints.update({constraint_name(condition, arguments): condition}) %}
    {% endif %}
  {% endfor %}
  {{ return(constraints) }}
{% endmacro %}

{#- What a generic test says of a row, true of a good one; empty for other tests. -#}
{% macro row_condition(test, arguments) %}
  {% if test == 'accepted_range' %}
    {% set bounds = [] %}
    {% if arguments.min_value is defined and arguments.min_value is not none %}
      {% do bounds.append(arguments.column_name ~ ' >= ' ~ arguments.min_value) %}
    {% endif %}
    {% if arguments.max_value is defined and arguments.max_value is not none %}
      {% do bounds.append(arguments.column_name ~ ' <= ' ~ arguments.max_value) %}
    {% endif %}
    {{ return(bounds | join(' and ')) }}
  {% elif test == 'accepted_labels' %}
    {#- As a CASE, the value is worked out once, and the planner takes a wrong one for rare, so that a
        view looks for it before it joins. -#}
    {{ return('case when ' ~ arguments.column_name ~ ' in (' ~ band_labels(arguments.band) ~ ') then true end is not null') }}
  {% elif test == 'expression_holds' %}
    {{ return('(' ~ arguments.expression ~ ') is true') }}
  {% endif %}
  {{ return('') }}
{% endmacro %}

{% macro constraint_name(condition, arguments) %}
  {% set said = arguments.column_name or arguments.expression %}
  {{ return(modules.re.sub('[^a-z0-9]+', '_', said | lower)[:40].strip('_') ~ '_' ~ local_md5(condition)[:16]) }}
{% endmacro %}

{#- Statements that give a table the constraints of its tests and take away those of former ones;
    a user's own, whose name has no hash, stay. One statement adds all, so that rows are read once. -#}
{% macro constraint_changes(relation) %}
  {% set constraints, added, dropped = constraints_of_tests(), [], [] %}
  {% set stored = constraints_on(relation) %}
  {% for name in stored if name not in constraints and modules.re.search('_[0-9a-f]{16}$', name) %}
    {% do dropped.append('alter table ' ~ relation ~ ' drop constraint ' ~ adapter.quote(name)) %}
  {% endfor %}
  {% for name, condition in constraints.items() if name not in stored %}
    {% do added.append('add constraint ' ~ adapter.quote(name) ~ ' check (' ~ condition ~ ')') %}
  {% endfor %}
  {{ return({'dropped': dropped, 'added': ['alter table ' ~ relation ~ ' ' ~ added | join(', ')] if added else []}) }}
{% endmacro %}

{% macro constraints_on(relation) %}
  {% set constraints %}
    select conname::text from pg_constraint
    where conrelid = to_regclass('{{ relation }}') and contype = 'c' and convalidated
  {% endset %}
  {{ return(run_query(constraints).columns[0].values() | list) }}
{% endmacro %}

{#- Whether a constraint of the table that is tested says what the test does. -#}
{% macro is_constrained(condition, arguments) %}
  {% if flags.WHICH not in ('build', 'test') or not execute %}
    {{ return(false) }}
  {% endif %}
  {{ return(constraint_name(condition, arguments) in constraints_on(tested_node(this_test()).relation_name)) }}
{% endmacro %}
