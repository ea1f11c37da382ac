-- Which well-liked people are strong in three crafts?
select
    person_name,
    total_credits,
    avg_project_rating,
    career_span_years,
    dominant_role,
    quality_reputation
from marts.mart_person_career
where versatility_level = 'Multi-Talented' and avg_project_rating >= 7
order by total_credits desc, avg_project_rating desc, nconst asc
limit 20;
