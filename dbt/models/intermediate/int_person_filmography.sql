-- Keys are those of the person and the title, not the credit's equal ones, and ratings are joined
-- to titles: a condition on them is then settled before ten times as many credits are joined.
select
    nconst,
    person_name,
    tconst,
    primary_title,
    role,
    start_year,
    title_type,
    average_rating,
    num_votes,
    {{ band('work_decade') }} as work_decade,
    {{ band('work_quality_tier') }} as work_quality_tier,
    ordering,
    category,
    is_archive,
    start_year > {{ as_of_year() }} as is_upcoming
from (
    select
        people.nconst,
        people.primary_name as person_name,
        titles.tconst,
        titles.primary_title,
        credits.role_category as role,
        titles.start_year,
        titles.title_type,
        ratings.average_rating,
        ratings.num_votes,
        credits.ordering,
        credits.category,
        credits.is_archive
    from {{ ref('stg_title_principals') }} as credits
    inner join {{ ref('stg_name_basics') }} as people on credits.nconst = people.nconst
    inner join {{ ref('stg_title_basics') }} as titles on credits.tconst = titles.tconst
    left join {{ ref('stg_title_ratings') }} as ratings on titles.tconst = ratings.tconst
    where titles.start_year is not null
) as joined
