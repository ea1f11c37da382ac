select
    nconst,
    coalesce(nullif(primary_name, ''), 'Unknown Person') as primary_name,
    birth_year,
    death_year,
    primary_profession as professions_raw,
    {{ list_part('primary_profession', 1) }} as first_profession,
    {{ list_part('primary_profession', 2) }} as second_profession,
    {{ list_part('primary_profession', 3) }} as third_profession,
    known_for_titles as known_for_titles_raw,
    {{ list_part('known_for_titles', 1) }} as first_title_known_for,
    {{ list_part('known_for_titles', 2) }} as second_title_known_for,
    {{ list_part('known_for_titles', 3) }} as third_title_known_for,
    {{ list_part('known_for_titles', 4) }} as fourth_title_known_for,
    {{ age('birth_year', 'death_year') }} as death_age,
    case when not is_deceased then {{ age('birth_year', as_of_year()) }} end as actual_age,
    is_deceased,
    primary_name is null or primary_name = '' as is_missing_name,
    primary_profession is null or primary_profession = '' as is_missing_professions
from (
    select
        nconst,
        primary_name,
        {{ life_year('birth_year') }} as birth_year,
        {{ life_year('death_year') }} as death_year,
        primary_profession,
        known_for_titles,
        death_year is not null as is_deceased
    from {{ source('raw', 'name_basics') }}
    where nconst <> ''
) as years_checked
