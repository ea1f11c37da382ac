select
    tconst,
    average_rating,
    num_votes,
    average_rating is null as is_missing_rating,
    num_votes is null as is_missing_votes,
    coalesce(num_votes >= {{ var('limits').significant_votes }}, false) as has_significant_votes
from {{ source('raw', 'title_ratings') }}
where tconst <> ''
