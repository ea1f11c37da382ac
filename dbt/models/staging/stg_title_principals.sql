select
    tconst,
    ordering,
    nconst,
    category,
    job_title,
    characters,
    {{ band('role_category') }} as role_category,
    category is null or category = '' as is_missing_category,
    coalesce(category in ({{ sql_list(var('archive_categories')) }}), false) as is_archive
from (
    select
        tconst,
        ordering,
        nconst,
        lower(trim(category)) as category,
        job as job_title,
        characters
    from {{ source('raw', 'title_principals') }}
    where nconst is not null
) as renamed
