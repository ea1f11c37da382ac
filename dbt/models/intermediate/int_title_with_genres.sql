select
    titles.tconst,
    listed.genre,
    listed.genre_rank
from {{ ref('stg_title_basics') }} as titles
cross join
    lateral (
        values
        (trim(titles.primary_genre), 1),
        (trim(titles.secondary_genre), 2),
        (trim(titles.third_genre), 3)
    ) as listed (genre, genre_rank)
where
    listed.genre <> ''
    -- Of a genre listed twice the first.
    and (listed.genre_rank < 2 or listed.genre is distinct from trim(titles.primary_genre))
    and (listed.genre_rank < 3 or listed.genre is distinct from trim(titles.secondary_genre))
