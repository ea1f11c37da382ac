{# Numbers that only the marts of titles use, each written once. The arguments are SQL. #}

{#- A rating counts in full only when many have voted: steps of the seed, kept on purpose. Exact, in
    thousandths. -#}
{% macro mart_weighted_score(average_rating, num_votes) -%}
  {{ average_rating }} * case
    when {{ num_votes }} >= 100000 then 1.0
    when {{ num_votes }} >= 10000 then 0.95
    when {{ num_votes }} >= 1000 then 0.9
    else 0.8
  end
{%- endmacro %}

{#- The m of IMDb's (V/(V+m))R + (m/(V+m))C: so many votes of the type's mean are added to a title's
    own. 25,000 is the last that IMDb published, for its Top 250 of movies; series of both kinds
    draw fewer votes, all else far fewer. -#}
{% macro mart_bayesian_votes(title_type) -%}
  case
    when {{ title_type }} = 'movie' then 25000
    when {{ title_type }} in ('tvSeries', 'tvMiniSeries') then 10000
    else 1000
  end
{%- endmacro %}
