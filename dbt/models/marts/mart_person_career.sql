{#
  Almost every credit is its own pair of person and title, so hashing them saves nothing, and spills
  where the planner expects half of them. Sorted they go through parallel workers, and the careers
  below find them in order.

  Votes change every day for every popular title, hence for a third of all credits' people. Those
  of whom nothing else changed are not counted anew: the difference is added to their stored row.
  Who is counted anew has many credits, all over the table. To look them up, as a server set up for
  an SSD would, takes longer than to read all in sequence (seen for 28 of 98 M credits: 100 s and 83).
#}
{{ config(
    unique_key='nconst',
    indexes=[{'columns': ['dominant_role', 'total_credits']}],
    pre_hook=['set local enable_hashagg = off', 'set local random_page_cost = 4'],
) }}
{%- call(changes) affected_keys('nconst') %}
-- A credit that only moved within its title is lost and won, and cancels out.
select nconst
from (
    select tconst, old_nconst as nconst, old_category as category, -1 as won
    from {{ changes['title.principals'] }} as lost
    union all
    select tconst, new_nconst, new_category, 1
    from {{ changes['title.principals'] }} as won
) as moved
group by tconst, nconst, category
having sum(won) <> 0
union all
select credits.nconst
from {{ changes['title.basics'] }} as titles
inner join {{ source('raw', 'title_principals') }} as credits on titles.tconst = credits.tconst
where titles.op <> 'update' or titles.old_start_year is distinct from titles.new_start_year
union all
select nconst from {{ changes['name.basics'] }} as people
where op <> 'update' or old_primary_name is distinct from new_primary_name
union all
-- Of whose best work the rating fell, only all works tell which is the best now; within several
-- loads it may have risen above the best before. And to half a rating, which the files could hold,
-- no difference can be added.
select credits.nconst
from {{ changes['title.ratings'] }} as ratings
inner join {{ source('raw', 'title_principals') }} as credits on ratings.tconst = credits.tconst
inner join {{ this }} as stored on credits.nconst = stored.nconst
where
    (
        ratings.old_average_rating > coalesce(ratings.new_average_rating, 0)
        and ratings.old_average_rating >= coalesce(stored.highest_rated_work, 0)
    )
    or (ratings.old_average_rating is null) <> (ratings.old_num_votes is null)
    or (ratings.new_average_rating is null) <> (ratings.new_num_votes is null)
{% endcall %}
{%- set changes = changes_since_build() if affected_key() else {} %}

-- Used twice, where few of them are wanted: made once, all would be.
with credits as not materialized (

    select * from {{ ref('int_person_filmography') }}
    where not is_archive

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
    where {{ is_affected('nconst') }}
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
        count(average_rating) as rated_credits,
        sum(average_rating) as rating_total,
        sum(num_votes) as total_audience_reach,
        max(average_rating) as highest_rated_work,
        count(*) filter (where career_year >= 2020) as works_2020s,
        count(*) filter (where career_year between 2010 and 2019) as works_2010s,
        count(*) filter (where career_year between 2000 and 2009) as works_2000s,
        count(*) filter (where career_year between 1990 and 1999) as works_1990s,
        count(*) filter (where career_year < 1990) as works_before_1990,
        count(*) filter (where {{ mart_is_high_quality('average_rating') }}) as high_quality_works,
        count(*) filter (where {{ mart_is_good_quality('average_rating') }}) as good_quality_works
    from dated
    group by nconst
    having count(career_year) >= {{ var('limits').career_titles }}

),

{% if changes %}
rerated as (

    -- Of each person and title once, however many roles.
    select
        nconst,
        sum((ratings.new_average_rating is not null)::integer - (ratings.old_average_rating is not null)::integer)
            as rated_credits,
        sum(coalesce(ratings.new_average_rating, 0) - coalesce(ratings.old_average_rating, 0)) as rating_total,
        sum(coalesce(ratings.new_num_votes, 0) - coalesce(ratings.old_num_votes, 0)) as total_audience_reach,
        max(ratings.new_average_rating) as highest_rated_work,
        count(*) filter (where {{ mart_is_high_quality('ratings.new_average_rating') }})
        - count(*) filter (where {{ mart_is_high_quality('ratings.old_average_rating') }}) as high_quality_works,
        count(*) filter (where {{ mart_is_good_quality('ratings.new_average_rating') }})
        - count(*) filter (where {{ mart_is_good_quality('ratings.old_average_rating') }}) as good_quality_works
    from (
        select distinct
            credits.nconst,
            ratings.*
        from {{ changes['title.ratings'] }} as ratings
        inner join credits on ratings.tconst = credits.tconst
        where not credits.is_upcoming
    ) as ratings
    group by nconst

),
{% endif %}

counted as (

    select * from careers
    {% if changes %}
        union all
        select
            stored.nconst,
            stored.career_start_year,
            stored.latest_work_year,
            stored.total_credits,
            stored.active_years,
            {%- for role in mart_roles() %}
            stored.{{ role }}_credits,
            {%- endfor %}
            stored.upcoming_titles,
            stored.rated_credits + rerated.rated_credits as rated_credits,
            coalesce(stored.rating_total, 0) + rerated.rating_total as rating_total,
            coalesce(stored.total_audience_reach, 0) + rerated.total_audience_reach as total_audience_reach,
            greatest(stored.highest_rated_work, rerated.highest_rated_work) as highest_rated_work,
            stored.works_2020s,
            stored.works_2010s,
            stored.works_2000s,
            stored.works_1990s,
            stored.works_before_1990,
            stored.high_quality_works + rerated.high_quality_works as high_quality_works,
            stored.good_quality_works + rerated.good_quality_works as good_quality_works
        from {{ this }} as stored
        inner join rerated on stored.nconst = rerated.nconst
        where not {{ is_affected('stored.nconst') }}
    {% endif %}

),

measured as (

    select
        counted.*,
        people.primary_name as person_name,
        counted.latest_work_year - counted.career_start_year as career_span_years,
        counted.total_credits::numeric / counted.active_years as avg_credits_per_year,
        counted.rating_total / counted.rated_credits as avg_project_rating,
        greatest(
            counted.actor_credits,
            counted.director_credits,
            counted.writer_credits,
            counted.producer_credits,
            counted.cinematographer_credits,
            counted.composer_credits,
            counted.editor_credits,
            counted.self_credits,
            counted.other_credits
        ) as max_role_credits,
        -- Being oneself is no craft, and what is other is of all sorts.
        (counted.actor_credits > 0)::integer
        + (counted.director_credits > 0)::integer
        + (counted.writer_credits > 0)::integer
        + (counted.producer_credits > 0)::integer
        + (counted.cinematographer_credits > 0)::integer
        + (counted.composer_credits > 0)::integer
        + (counted.editor_credits > 0)::integer as crafts,
        greatest(
            counted.works_2020s,
            counted.works_2010s,
            counted.works_2000s,
            counted.works_1990s,
            counted.works_before_1990
        ) as max_period_works
    from counted
    inner join people on counted.nconst = people.nconst

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
    rated_credits,
    rating_total,
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
