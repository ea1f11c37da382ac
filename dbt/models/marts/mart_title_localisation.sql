{{ config(
    unique_key='tconst',
    indexes=[{'columns': ['regions']}],
) }}
{%- call(changes) affected_keys('tconst') %}
select title_id as tconst from {{ changes['title.akas'] }} as changed
{% endcall %}

with names as (

    select * from {{ ref('stg_title_akas') }}
    where {{ is_affected('tconst') }}

),

titles as (

    select
        tconst,
        count(*) as akas,
        count(distinct language) filter (where not is_missing_language) as languages,
        coalesce(bool_or(is_original_title), false) as has_original,
        array_agg(distinct region order by region) filter (where not is_missing_region)
            as region_list
    from names
    group by tconst

)

select
    tconst,
    akas,
    coalesce(cardinality(region_list), 0)::bigint as regions,
    languages,
    has_original,
    region_list
from titles
