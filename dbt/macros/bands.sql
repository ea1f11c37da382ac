{#
  Bands: classes cut from numbers. Labels and thresholds live once, in `vars: bands:` of
  dbt_project.yml, as column -> label -> condition; the first condition that holds wins and "*"
  stands for all else. From there they go to

    SQL           {{ band('quality_tier') }} as quality_tier
                  A CASE whose conditions name columns in scope, so select it from a CTE that has
                  them under these names (classify unrounded, round where the column is stored).
    SQL           performance_tier in ({{ band_labels('performance_tier', first=3) }})
                  A comma list of string literals: all labels, or the first so many.
    tests         - accepted_labels:
                      arguments:
                        band: quality_tier
                  Fails on a value that is no label, and on NULL: a band is total.
    descriptions  description: "Class of rating. {{ var('bands').quality_tier.items()
                  | map('join', ': ') | join('; ') }}."
                  Macros cannot be called there, var can.

  Single numbers are in `vars: limits:` ({{ var('limits').top_titles_votes }}), closed lists that
  are no bands beside it ({{ sql_list(var('categories')) }}; test accepted_values with
  values: "{{ var('categories') }}").
#}

{% macro band(name) -%}
  case
    {%- for label, condition in var('bands')[name].items() %}
      {%- if condition == '*' %}
    else {{ sql_list([label]) }}
      {%- else %}
    when {{ condition }} then {{ sql_list([label]) }}
      {%- endif %}
    {%- endfor %}
  end
{%- endmacro %}

{% macro band_labels(name, first=none) -%}
  {%- set labels = var('bands')[name].keys() | list -%}
  {{ sql_list(labels if first is none else labels[:first]) }}
{%- endmacro %}

{% macro sql_list(values) -%}
  {%- for value in values -%}
    '{{ value | replace("'", "''") }}'{{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}
