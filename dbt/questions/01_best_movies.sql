-- Which are the ten best movies with enough votes?
select
    type_rank,
    primary_title,
    start_year,
    weighted_score,
    num_votes,
    performance_tier
from marts.mart_top_titles
where title_type = 'movie' and num_votes >= 10000
order by type_rank
limit 10;
