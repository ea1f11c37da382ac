select
    tconst,
    title_type,
    case
        when primary_title is null or primary_title = '' then 'Unknown Title'
        when primary_title like 'Episode #%'
            then regexp_replace(primary_title, 'Episode #([0-9]+)\.([0-9]+)', 'S\1.E\2')
        else primary_title
    end as primary_title,
    primary_title as source_title,
    nullif(original_title, '') as original_title,
    case is_adult when 0 then false when 1 then true end as is_adult,
    {{ title_year('start_year') }} as start_year,
    {{ title_year('end_year') }} as end_year,
    case
        when
            runtime_minutes
            between {{ var('limits').runtime_min }} and {{ var('limits').runtime_max }}
            then runtime_minutes
    end as runtime_minutes,
    genres as genres_raw,
    {{ list_part('genres', 1) }} as primary_genre,
    {{ list_part('genres', 2) }} as secondary_genre,
    {{ list_part('genres', 3) }} as third_genre,
    primary_title is null or primary_title = '' as is_missing_title,
    genres is null or genres = '' as is_missing_genres
from {{ source('raw', 'title_basics') }}
where tconst <> ''
