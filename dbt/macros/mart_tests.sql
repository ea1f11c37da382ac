{# Generic tests of what must hold over all rows of a mart together. #}

{#- Within each group, or all together, four decimals of some thirty shares add up to 1 within
    30 * 0.00005, so 0.002. NULL everywhere passes: there is nothing to share. -#}
{% test shares_sum_to_one(model, column_name, within=[]) %}
select sum({{ column_name }}) as total
from {{ model }}
{% if within -%}
group by {{ within | join(', ') }}
{% endif -%}
having abs(sum({{ column_name }}) - 1) > 0.002
{% endtest %}

{#- Within each group the ranks are 1, 2, 3 and so on, without gaps or repeats; NULL has none. -#}
{% test gapless_rank(model, column_name, within) %}
select
  {{ within | join(', ') }},
  count(*) as ranked_rows,
  count(distinct {{ column_name }}) as ranks,
  min({{ column_name }}) as first_rank,
  max({{ column_name }}) as last_rank
from {{ model }}
where {{ column_name }} is not null
group by {{ within | join(', ') }}
having
  min({{ column_name }}) <> 1
  or max({{ column_name }}) <> count(*)
  or count(distinct {{ column_name }}) <> count(*)
{% endtest %}

{#- Each group with rows of the condition `among` has one row with the flag, and it is one of those;
    other groups have none. -#}
{% test exactly_one(model, flag, within, among) %}
select {{ within | join(', ') }}, count(*) filter (where {{ flag }}) as flagged
from {{ model }}
group by {{ within | join(', ') }}
having
  count(*) filter (where {{ flag }}) <> least(count(*) filter (where {{ among }}), 1)
  or count(*) filter (where {{ flag }} and ({{ among }}) is not true) > 0
{% endtest %}
