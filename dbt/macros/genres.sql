{#-
  A title's genres with their places, as a lateral join under the alias `listed`: blank ones dropped,
  places kept, of one listed twice the first. `titles` has primary_genre, secondary_genre and
  third_genre, be it titles or classes of titles that have these in common.
-#}
{% macro genres_listed(titles) -%}
  cross join lateral (
    select *
    from (
      values
      (trim({{ titles }}.primary_genre), 1),
      (trim({{ titles }}.secondary_genre), 2),
      (trim({{ titles }}.third_genre), 3)
    ) as places (genre, genre_rank)
    where
      genre <> ''
      and (genre_rank < 2 or genre is distinct from trim({{ titles }}.primary_genre))
      and (genre_rank < 3 or genre is distinct from trim({{ titles }}.secondary_genre))
  ) as listed
{%- endmacro %}

{#- The number of titles of the listings, classes that count them, for which a condition holds. -#}
{% macro listed_titles(condition) -%}
  coalesce(sum(listings.titles) filter (where listings.{{ condition }}), 0)::bigint
{%- endmacro %}
