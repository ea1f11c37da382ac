-- Who directed most, and who has the longest career in each profession?
with directors as (

    select
        'directed most' as why,
        person_name,
        director_credits as titles,
        career_span_years,
        dominant_role
    from marts.mart_person_career
    order by director_credits desc, nconst asc
    limit 10

),

-- The few of the longest first: to sort all careers, or to compare each with those of its
-- profession, would take as long as all other questions.
longest as (

    select
        dominant_role,
        max(career_span_years) as career_span_years
    from marts.mart_person_career
    group by dominant_role

),

careers as (

    select distinct on (people.dominant_role)
        'longest career' as why,
        people.person_name,
        people.total_credits as titles,
        people.career_span_years,
        people.dominant_role
    from marts.mart_person_career as people
    inner join longest
        on
            people.dominant_role = longest.dominant_role
            and people.career_span_years = longest.career_span_years
    where people.career_span_years >= (select min(spans.career_span_years) from longest as spans)
    order by people.dominant_role asc, people.total_credits desc, people.nconst asc

)

select * from directors
union all
select * from careers
order by why asc, titles desc, person_name asc;
