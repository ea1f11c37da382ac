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

careers as (

    select distinct on (dominant_role)
        'longest career' as why,
        person_name,
        total_credits as titles,
        career_span_years,
        dominant_role
    from marts.mart_person_career
    order by dominant_role asc, career_span_years desc, total_credits desc, nconst asc

)

select * from directors
union all
select * from careers
order by why asc, titles desc, person_name asc;
