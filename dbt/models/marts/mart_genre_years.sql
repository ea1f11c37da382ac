{{ config(
    unique_key=['genre', 'start_year'],
    indexes=[{'columns': ['start_year']}],
) }}

-- Titles that have all their genres in common are counted together before each genre is told apart.
with listings as (

    select
        primary_genre,
        secondary_genre,
        third_genre,
        start_year,
        count(*) as titles,
        count(*) filter (where title_type <> 'tvEpisode') as titles_excl_episodes,
        count(average_rating) as rated_titles,
        sum(average_rating) as rating_total,
        sum(num_votes) filter (where average_rating is not null) as votes
    from {{ ref('int_title_complete') }}
    where start_year is not null
    group by primary_genre, secondary_genre, third_genre, start_year

),

years as (

    select
        listed.genre,
        listings.start_year,
        sum(listings.titles)::bigint as titles,
        sum(listings.titles_excl_episodes)::bigint as titles_excl_episodes,
        sum(listings.rated_titles)::bigint as rated_titles,
        sum(listings.rating_total) / nullif(sum(listings.rated_titles), 0) as avg_rating,
        sum(listings.votes)::bigint as votes
    from listings
    {{ genres_listed('listings') }}
    group by listed.genre, listings.start_year

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
