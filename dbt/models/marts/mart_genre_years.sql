{{ config(
    unique_key=['genre', 'start_year'],
    indexes=[{'columns': ['start_year']}],
) }}

with titles as (

    select * from {{ ref('int_title_complete') }}
    where start_year is not null

),

genres as (

    select * from {{ ref('int_title_with_genres') }}

),

years as (

    select
        genres.genre,
        titles.start_year,
        count(*) as titles,
        count(*) filter (where titles.title_type <> 'tvEpisode') as titles_excl_episodes,
        count(titles.average_rating) as rated_titles,
        avg(titles.average_rating) as avg_rating,
        sum(titles.num_votes) filter (where titles.average_rating is not null) as votes
    from genres
    inner join titles on genres.tconst = titles.tconst
    group by genres.genre, titles.start_year

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
