{#
  The first `count` labels of a band after the one that stands for missing data: the best, since
  bands go downwards. A comma list of string literals, as band_labels() gives it.
#}
{% macro mart_best_labels(band, count) -%}
  {{ sql_list((var('bands')[band].keys() | list)[1:count + 1]) }}
{%- endmacro %}
