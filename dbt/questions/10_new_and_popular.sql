-- What drew most votes of what came out this year or last?
-- All these votes are recent ones. What gains votes this week cannot be told from one day's file.
with clock as (

    select extract(year from max(as_of_date))::integer as as_of_year
    from marts.freshness
    where mart = 'mart_top_titles'

)

select
    titles.primary_title,
    titles.title_type,
    titles.start_year,
    titles.num_votes,
    titles.average_rating
from marts.mart_top_titles as titles
cross join clock
where titles.start_year between clock.as_of_year - 1 and clock.as_of_year
order by titles.num_votes desc, titles.tconst asc
limit 20;
