{#
  A day moves a few titles from one class to another and gives many another rating: from the stored
  counts what these titles were is taken, and what they are is added. To count the touched classes
  anew, nearly all titles would have to be read.
#}
{{ config(
    materialized='incremental',
    unique_key=['genres', 'title_type', 'start_year'],
) }}
{%- set changes = changes_to_use() %}

with listed as (

    {% if changes %}
        select kept.* from ({{ titles_moved(changes) }}) as moved
        cross join lateral {{ title_versions('moved') }} as kept
    {% else %}
        select
            titles.genres_raw as genres,
            titles.title_type,
            titles.start_year,
            ratings.average_rating,
            ratings.num_votes,
            1 as titles
        from {{ ref('stg_title_basics') }} as titles
        left join {{ ref('stg_title_ratings') }} as ratings on titles.tconst = ratings.tconst
    {% endif %}

),

-- Titles without a genre or a year are in no class.
counts as (

    select
        genres,
        title_type,
        start_year,
        sum(titles) as titles,
        coalesce(sum(titles) filter (where average_rating is not null), 0) as rated_titles,
        coalesce(sum(titles * average_rating), 0) as rating_total,
        coalesce(sum(titles * num_votes) filter (where average_rating is not null), 0) as votes
    from listed
    where genres <> '' and title_type is not null and start_year is not null
    group by genres, title_type, start_year
    {% if changes %}
        union all
        select
            genres,
            title_type,
            start_year,
            titles,
            rated_titles,
            rating_total,
            votes
        from {{ this }}
    {% endif %}

)

select
    genres,
    title_type,
    start_year,
    sum(titles)::bigint as titles,
    sum(rated_titles)::bigint as rated_titles,
    sum(rating_total) as rating_total,
    sum(votes)::bigint as votes
from counts
group by genres, title_type, start_year
having sum(titles) > 0
