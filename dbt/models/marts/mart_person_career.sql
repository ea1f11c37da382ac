{#
  Almost every credit is its own pair of person and title, so hashing them saves nothing, and spills
  where the planner expects half of them. Sorted they go through parallel workers, and the careers
  below find them in order.

  Votes change every day for every popular title, hence for a third of all credits' people, and who
  has most credits is the likeliest to win another. So nobody who is stored is counted anew without
  need: what their works of changed titles were is taken from the stored row, what they are is added.
  The works of each year are stored for that: else only all works tell whether a year still has one.
#}
{{ config(
    unique_key='nconst',
    indexes=[{'columns': ['dominant_role', 'total_credits']}],
    pre_hook='set local enable_hashagg = off',
) }}
{%- call(changes) affected_keys('nconst') %}
{%- do make_working_table('titles', mart_career_titles_moved(changes)) %}
{%- do make_working_table('moved', mart_works_moved(changes, working_table('titles'))) %}
{%- do read_in_sequence() %}
select nconst from {{ changes['name.basics'] }} as people
where op <> 'update' or old_primary_name is distinct from new_primary_name
union all
-- Counted anew are those who may come in or go out, whose first work is rated, since the votes of
-- those without a rating were not stored, and whose best work fell or was lost: which is the best now
-- only all works tell.
select moved.nconst
from {{ working_table('moved') }} as moved
left join {{ this }} as stored on moved.nconst = stored.nconst
group by moved.nconst, stored.total_credits, stored.rated_credits, stored.highest_rated_work
having
    (stored.total_credits is null and sum(moved.new_works - moved.old_works) > 0)
    or stored.total_credits + sum(moved.new_works - moved.old_works) < {{ var('limits').career_titles }}
    or (stored.rated_credits = 0 and max(moved.new_average_rating) is not null)
    or max(moved.old_average_rating) filter (
        where moved.old_works > moved.new_works
        or (
            moved.old_works > 0
            and (moved.old_average_rating <= moved.new_average_rating) is not true
        )
    ) >= stored.highest_rated_work
{% endcall %}
{%- set is_added = affected_key() %}

{#- Whether a credit is of archive footage is told by its spelling: of those of the affected people
    alone, not of all credits that are read to find them, hence a table of these. #}
with credits as {{ 'materialized ' if is_added }}(

    select
        nconst,
        tconst,
        role,
        is_archive,
        average_rating,
        num_votes,
        case when not is_upcoming then start_year end as career_year
    from {{ ref('int_person_filmography') }}
    where {{ is_affected('nconst') }}

),

people as (

    select * from {{ ref('stg_name_basics') }}

),

-- One narrow row for each person and title. All credits are sorted but once, by year before title,
-- for the years of each career follow. What the title tells beside is grouped by only to be carried
-- along. The name is not: it would widen that sort.
works as (

    select
        nconst,
        career_year,
        average_rating,
        num_votes,
        bit_or({{ mart_role_bit('role') }}) as role_bits,
        1 as works
    from credits
    where not is_archive
    group by nconst, career_year, tconst, average_rating, num_votes
    {% if is_added %}
        union all
        select
            moved.nconst,
            case when moved_work.start_year <= {{ as_of_year() }} then moved_work.start_year end,
            moved_work.average_rating,
            moved_work.num_votes,
            moved_work.role_bits,
            moved_work.works
        from {{ working_table('moved') }} as moved
        cross join lateral {{ mart_work_versions('moved') }} as moved_work
        where moved_work.start_year is not null and not {{ is_affected('moved.nconst') }}
    {% endif %}

),

-- Announced titles are no work done: they are counted, as those of no year, and add nothing else.
dated as (

    select
        nconst,
        works,
        career_year,
        case when career_year is not null then average_rating end as average_rating,
        case when career_year is not null then num_votes end as num_votes,
        case when career_year is not null then role_bits else 0 end as role_bits
    from works

),

years as (

    select
        nconst,
        career_year,
        sum(works)::integer as works,
        career_year is not null and sum(works) <> 0 as is_dated,
        sum(works) filter (where average_rating is not null)::integer as rated_credits,
        sum(case when works > 0 then average_rating else -average_rating end) as rating_total,
        sum(works::bigint * num_votes) as total_audience_reach,
        max(average_rating) filter (where works > 0) as highest_rated_work,
        sum(works) filter (where {{ mart_is_high_quality('average_rating') }})::integer
            as high_quality_works,
        sum(works) filter (where {{ mart_is_good_quality('average_rating') }})::integer
            as good_quality_works,
        {{ mart_role_credits('role_bits', 'works') }}
    from dated
    group by nconst, career_year

),

-- Of who is counted anew all, of others the difference.
totals as (

    select
        nconst,
        coalesce(sum(works) filter (where career_year is null), 0) as upcoming_titles,
        max(highest_rated_work) as highest_rated_work,
        coalesce(sum(rated_credits), 0) as rated_credits,
        coalesce(sum(rating_total), 0) as rating_total,
        coalesce(sum(total_audience_reach), 0)::bigint as total_audience_reach,
        coalesce(sum(high_quality_works), 0) as high_quality_works,
        coalesce(sum(good_quality_works), 0) as good_quality_works,
        {%- for role in mart_roles() %}
            coalesce(sum({{ role }}_credits), 0) as {{ role }}_credits,
        {%- endfor %}
        coalesce(sum(works) filter (where career_year >= 2020), 0) as works_2020s,
        coalesce(sum(works) filter (where career_year between 2010 and 2019), 0) as works_2010s,
        coalesce(sum(works) filter (where career_year between 2000 and 2009), 0) as works_2000s,
        coalesce(sum(works) filter (where career_year between 1990 and 1999), 0) as works_1990s,
        coalesce(sum(works) filter (where career_year < 1990), 0) as works_before_1990,
        array_agg(career_year order by career_year) filter (where is_dated) as work_years,
        array_agg(works order by career_year) filter (where is_dated) as works_by_year
    from years
    group by nconst

),

careers as (

    select
        totals.nconst,
        {% if is_added %}
            coalesce(
                stored.person_name,
                (select people.primary_name from people where people.nconst = totals.nconst)
            ) as person_name,
            greatest(stored.highest_rated_work, totals.highest_rated_work) as highest_rated_work,
            {%- for column in mart_career_sums() %}
                coalesce(stored.{{ column }}, 0) + totals.{{ column }} as {{ column }},
            {%- endfor %}
            coalesce(dates.work_years, stored.work_years) as work_years,
            coalesce(dates.works_by_year, stored.works_by_year) as works_by_year
        from totals
        left join {{ this }} as stored
            on totals.nconst = stored.nconst and not {{ is_affected('stored.nconst') }}
        cross join lateral {{ mart_work_dates('stored', 'totals') }} as dates
        {% else %}
            people.primary_name as person_name,
            totals.highest_rated_work,
            {%- for column in mart_career_sums() %}
                totals.{{ column }},
            {%- endfor %}
            totals.work_years,
            totals.works_by_year
        from totals
        inner join people on totals.nconst = people.nconst
        {% endif %}

),

spans as (

    select
        *,
        work_years[1] as career_start_year,
        work_years[cardinality(work_years)] as latest_work_year,
        cardinality(work_years)::bigint as active_years,
        works_2020s + works_2010s + works_2000s + works_1990s + works_before_1990 as total_credits
    from careers

),

measured as (

    select
        careers.*,
        careers.latest_work_year - careers.career_start_year as career_span_years,
        careers.total_credits::numeric / careers.active_years as avg_credits_per_year,
        careers.rating_total / nullif(careers.rated_credits, 0) as avg_project_rating,
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
    from spans as careers
    where careers.total_credits >= {{ var('limits').career_titles }}

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
    case when rated_credits > 0 then rating_total end as rating_total,
    case when rated_credits > 0 then total_audience_reach end as total_audience_reach,
    highest_rated_work,
    works_2020s,
    works_2010s,
    works_2000s,
    works_1990s,
    works_before_1990,
    work_years,
    works_by_year,
    high_quality_works,
    good_quality_works,
    career_stage,
    productivity_tier,
    dominant_role,
    versatility_level,
    quality_reputation,
    activity_pattern
from classified
