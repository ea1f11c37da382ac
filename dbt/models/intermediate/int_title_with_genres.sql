select
    titles.tconst,
    listed.genre,
    listed.genre_rank
from {{ ref('stg_title_basics') }} as titles
{{ genres_listed('titles') }}
