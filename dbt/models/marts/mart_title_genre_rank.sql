{{ config(
    unique_key=['tconst', 'genre'],
    indexes=[{'columns': ['genre', 'title_type', 'rank_in_genre']}],
) }}

with titles as (

    select * from {{ ref('mart_top_titles') }}

),

genres as (

    select * from {{ ref('int_title_with_genres') }}

)

select
    titles.tconst,
    genres.genre,
    titles.title_type,
    titles.decade,
    titles.weighted_score,
    titles.bayesian_rating,
    row_number() over (
        partition by genres.genre, titles.title_type
        order by titles.weighted_score desc, titles.num_votes desc, titles.tconst asc
    ) as rank_in_genre
from titles
inner join genres on titles.tconst = genres.tconst
