{#
  The roles of a person in a title as bits of one integer, so that a pair of person and title is
  one narrow row. Roles and their order are the labels of the band role_category.
#}

{% macro mart_roles() %}
  {{ return(var('bands').role_category.keys() | list) }}
{% endmacro %}

{% macro mart_role_bit(role) -%}
  case {{ role }}
    {%- for name in mart_roles() %}
    when '{{ name }}' then {{ 2 ** loop.index0 }}
    {%- endfor %}
  end
{%- endmacro %}

{#- One column <role>_credits for each role: titles whose bits have it. -#}
{% macro mart_role_credits(roles) -%}
  {%- for name in mart_roles() -%}
  count(*) filter (where {{ roles }} & {{ 2 ** loop.index0 }} > 0) as {{ name }}_credits
  {{- ',\n' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}

{% macro mart_is_high_quality(rating) -%}
  {{ rating }} >= {{ var('limits').high_quality_work }}
{%- endmacro %}

{% macro mart_is_good_quality(rating) -%}
  {{ rating }} >= {{ var('limits').good_quality_work }} and {{ rating }} < {{ var('limits').high_quality_work }}
{%- endmacro %}

{#- The place of a role in that order, from 1, and the role at a place: of several the first is the
    least. -#}
{% macro mart_role_place(role) -%}
  array_position(array[{{ sql_list(mart_roles()) }}], {{ role }})
{%- endmacro %}

{% macro mart_role_at(place) -%}
  (array[{{ sql_list(mart_roles()) }}])[{{ place }}]
{%- endmacro %}
