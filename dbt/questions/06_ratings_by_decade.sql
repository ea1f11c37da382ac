-- How do ratings differ by decade, per title and per vote, and what drew most votes in each?
select
    decade,
    count(*) as titles,
    round(avg(average_rating), 2) as rating_per_title,
    round(sum(average_rating * num_votes) / sum(num_votes), 2) as rating_per_vote,
    (array_agg(primary_title order by num_votes desc, tconst asc))[1] as most_votes,
    max(num_votes) as its_votes
from marts.mart_top_titles
group by decade
order by min(start_year) desc nulls last;
