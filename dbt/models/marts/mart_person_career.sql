{#
  Almost every credit is its own pair of person and title, so hashing them saves nothing, and spills
  where the planner expects half of them. Sorted they go through parallel workers, and the careers
  below find them in order.
#}
{{ config(
    unique_key='nconst',
    indexes=[{'columns': ['dominant_role', 'total_credits']}],
    pre_hook='set local enable_hashagg = off',
) }}
{%- call(changes) affected_keys('nconst') %}
select unnest(array[old_nconst, new_nconst]) as nconst from {{ changes['title.principals'] }} as changed
union all
select credits.nconst
from {{ source('raw', 'title_principals') }} as credits
inner join (
    select tconst from {{ changes['title.ratings'] }} as ratings
    union all
    select tconst from {{ changes['title.basics'] }} as titles
    where op <> 'update' or old_start_year is distinct from new_start_year
) as changed on credits.tconst = changed.tconst
union all
select nconst from {{ changes['name.basics'] }} as people
{% endcall %}

with credits as (

    select * from {{ ref('int_person_filmography') }}
    where
        not is_archive
        and {{ is_affected('nconst') }}

),

people as (

    select * from {{ ref('stg_name_basics') }}

),

-- One narrow row for each person and title: the only sort of all credits. What follows of the
-- title is grouped by only to be carried along. The name is not: it would widen that sort.
works as (

    select
        nconst,
        start_year,
        average_rating,
        num_votes,
        is_upcoming,
        bit_or({{ mart_role_bit('role') }}) as role_bits
    from credits
    group by nconst, tconst, start_year, average_rating, num_votes, is_upcoming

),

-- Announced titles are no work done: they are counted, and add nothing else.
dated as (

    select
        nconst,
        is_upcoming,
        case when not is_upcoming then start_year end as career_year,
        case when not is_upcoming then average_rating end as average_rating,
        case when not is_upcoming then num_votes end as num_votes,
        case when not is_upcoming then role_bits else 0 end as role_bits
    from works

),

careers as (

    select
        nconst,
        min(career_year) as career_start_year,
        max(career_year) as latest_work_year,
        count(career_year) as total_credits,
        -- The only distinct count: Postgres sorts for it once, by person and year.
        count(distinct career_year) as active_years,
        {{ mart_role_credits('role_bits') }},
        count(*) filter (where is_upcoming) as upcoming_titles,
        avg(average_rating) as avg_project_rating,
        sum(num_votes) as total_audience_reach,
        max(average_rating) as highest_rated_work,
        count(*) filter (where career_year >= 2020) as works_2020s,
        count(*) filter (where career_year between 2010 and 2019) as works_2010s,
        count(*) filter (where career_year between 2000 and 2009) as works_2000s,
        count(*) filter (where career_year between 1990 and 1999) as works_1990s,
        count(*) filter (where career_year < 1990) as works_before_1990,
        count(*) filter (where average_rating >= {{ var('limits').high_quality_work }})
            as high_quality_works,
        count(*) filter (
            where
            average_rating >= {{ var('limits').good_quality_work }}
            and average_rating < {{ var('limits').high_quality_work }}
        ) as good_quality_works
    from dated
    group by nconst
    having count(career_year) >= {{ var('limits').career_titles }}

),

measured as (

    select
        careers.*,
        people.primary_name as person_name,
        careers.latest_work_year - careers.career_start_year as career_span_years,
        careers.total_credits::numeric / careers.active_years as avg_credits_per_year,
        greatest(
            careers.actor_credits,
            careers.director_credits,
            careers.writer_credits,
            careers.producer_credits,
            careers.cinematographer_credits,
            careers.composer_credits,
            careers.editor_credits,
            careers.self_credits,
            careers.other_credits
        ) as max_role_credits,
        -- Being oneself is no craft, and what is other is of all sorts.
        (careers.actor_credits > 0)::integer
        + (careers.director_credits > 0)::integer
        + (careers.writer_credits > 0)::integer
        + (careers.producer_credits > 0)::integer
        + (careers.cinematographer_credits > 0)::integer
        + (careers.composer_credits > 0)::integer
        + (careers.editor_credits > 0)::integer as crafts,
        greatest(
            careers.works_2020s,
            careers.works_2010s,
            careers.works_2000s,
            careers.works_1990s,
            careers.works_before_1990
        ) as max_period_works
    from careers
    inner join people on careers.nconst = people.nconst

),

classified as (

    select
        *,
        {{ band('career_stage') }} as career_stage,
        {{ band('productivity_tier') }} as productivity_tier,
        {{ band('dominant_role') }} as dominant_role,
        {{ band('versatility_level') }} as versatility_level,
        {{ band('quality_reputation') }} as quality_reputation,
        {{ band('activity_pattern') }} as activity_pattern
    from measured

)

select
    nconst,
    person_name,
    career_start_year,
    latest_work_year,
    career_span_years,
    total_credits,
    active_years,
    avg_credits_per_year::numeric(8, 2) as avg_credits_per_year,
    actor_credits,
    director_credits,
    writer_credits,
    producer_credits,
    cinematographer_credits,
    composer_credits,
    editor_credits,
    self_credits,
    other_credits,
    upcoming_titles,
    avg_project_rating::numeric(6, 4) as avg_project_rating,
    total_audience_reach,
    highest_rated_work,
    works_2020s,
    works_2010s,
    works_2000s,
    works_1990s,
    works_before_1990,
    high_quality_works,
    good_quality_works,
    career_stage,
    productivity_tier,
    dominant_role,
    versatility_level,
    quality_reputation,
    activity_pattern
from classified
