{# A model's schema is the one it names, without the target's in front. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ custom_schema_name | default(target.schema, true) | trim }}
{%- endmacro %}
