{{ config(
    unique_key=['nconst_a', 'nconst_b'],
    indexes=[{'columns': ['nconst_b']}, {'columns': ['pair_kind', 'shared_titles']}],
) }}

with credits as (

    select * from {{ ref('int_person_filmography') }}
    where
        {{ is_due() }}
        and not is_archive
        and not is_upcoming
        and title_type <> 'tvEpisode'
        and num_votes >= {{ var('limits').collaboration_votes }}

),

-- One row for each person and title, of several roles the first in their order.
works as (

    select
        nconst,
        tconst,
        start_year,
        average_rating,
        num_votes,
        min({{ mart_role_place('role') }}) as role_place
    from credits
    group by nconst, tconst, start_year, average_rating, num_votes

),

counted as (

    select
        *,
        count(*) over (partition by nconst) as titles
    from works

),

-- Who has fewer titles shares no more: most people, and of the pairs of a title far more than most.
regulars as materialized (

    select * from counted
    where titles >= {{ var('limits').collaboration_titles }}

),

-- Narrow, since of ten pairs hardly one stays; what is to be told of it is looked up below.
pairs as (

    select
        one.nconst as nconst_a,
        other.nconst as nconst_b,
        count(*) as shared_titles
    from regulars as one
    inner join regulars as other on one.tconst = other.tconst and one.nconst < other.nconst
    group by one.nconst, other.nconst
    having count(*) >= {{ var('limits').collaboration_titles }}

),

told as (

    select
        one.nconst as nconst_a,
        other.nconst as nconst_b,
        count(*) as shared_titles,
        avg(one.average_rating) as avg_rating,
        sum(one.num_votes) as votes,
        min(one.start_year) as first_year,
        max(one.start_year) as latest_year,
        -- Of equally frequent ones mode() takes the first in the order.
        mode() within group (order by one.role_place) as place_a,
        mode() within group (order by other.role_place) as place_b
    from regulars as one
    inner join regulars as other on one.tconst = other.tconst and one.nconst < other.nconst
    inner join pairs on one.nconst = pairs.nconst_a and other.nconst = pairs.nconst_b
    group by one.nconst, other.nconst

)

select
    nconst_a,
    nconst_b,
    shared_titles,
    avg_rating::numeric(6, 4) as avg_rating,
    votes,
    first_year,
    latest_year,
    {{ mart_role_at('least(place_a, place_b)') }}
    || '-' || {{ mart_role_at('greatest(place_a, place_b)') }} as pair_kind
from told
