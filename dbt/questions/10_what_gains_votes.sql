-- What gains votes this week?
select
    titles.primary_title,
    titles.title_type,
    titles.start_year,
    trends.votes_gained_7d,
    trends.rating_change_7d,
    trends.num_votes
from marts.mart_trending_titles as trends
inner join marts.mart_top_titles as titles on trends.tconst = titles.tconst
where trends.votes_gained_7d > 0
order by trends.votes_gained_7d desc, trends.tconst asc
limit 20;
