{#- Comments from the descriptions, written only where they differ: dbt would write all each time. -#}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) %}
  {% set wanted = {} %}
  {% if for_relation and config.persist_relation_docs() and model.description %}
    {% do wanted.update({'': model.description}) %}
  {% endif %}
  {% if for_columns and config.persist_column_docs() %}
    {% for name, column in model.columns.items() if column.description %}
      {% do wanted.update({name: column.description}) %}
    {% endfor %}
  {% endif %}
  {% set stored = {} %}
  {% for row in run_query(
    "select coalesce(attname::text, '') as name, description"
    " from pg_description left join pg_attribute on attrelid = objoid and attnum = objsubid and objsubid > 0"
    " where classoid = 'pg_class'::regclass and objoid = '" ~ relation ~ "'::regclass"
  ) %}
    {% do stored.update({row['name']: row['description']}) %}
  {% endfor %}
  {% for name, description in wanted.items() if stored.get(name) != description %}
    {% set object = relation.type ~ ' ' ~ relation if name == '' else 'column ' ~ relation ~ '.' ~ adapter.quote(name) %}
    {% do run_query('comment on ' ~ object ~ ' is ' ~ postgres_escape_comment(description)) %}
  {% endfor %}
{% endmacro %}
