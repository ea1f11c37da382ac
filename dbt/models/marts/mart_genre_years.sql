{{ config(
    unique_key=['genre', 'start_year'],
    indexes=[{'columns': ['start_year']}],
) }}

with listings as (

    select
        *,
        {{ list_part('genres', 1) }} as primary_genre,
        {{ list_part('genres', 2) }} as secondary_genre,
        {{ list_part('genres', 3) }} as third_genre
    from {{ ref('int_title_counts') }}

),

totals as (

    select
        listed.genre,
        listings.start_year,
        sum(listings.titles)::bigint as titles,
        {{ listed_titles("title_type <> 'tvEpisode'") }} as titles_excl_episodes,
        sum(listings.rated_titles)::bigint as rated_titles,
        sum(listings.rating_total) as rating_total,
        sum(listings.votes)::bigint as votes
    from listings
    {{ genres_listed('listings') }}
    group by listed.genre, listings.start_year

),

years as (

    select
        genre,
        start_year,
        titles,
        titles_excl_episodes,
        rated_titles,
        rating_total / nullif(rated_titles, 0) as avg_rating,
        case when rated_titles > 0 then votes end as votes
    from totals

)

select
    genre,
    start_year,
    titles,
    titles_excl_episodes,
    rated_titles,
    avg_rating::numeric(6, 4) as avg_rating,
    votes,
    (titles / sum(titles) over (partition by start_year))::numeric(5, 4) as share,
    start_year < {{ as_of_year() }} as is_complete_year
from years
