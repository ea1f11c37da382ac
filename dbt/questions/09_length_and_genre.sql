-- Which length of a series suits which genre?
select
    genres.genre,
    series.production_scale,
    count(*) as series,
    round(avg(series.avg_series_rating), 2) as avg_rating
from marts.mart_series_analytics as series
cross join unnest(series.genres) as genres (genre)
group by genres.genre, series.production_scale
-- A mean of fewer series says little.
having count(*) >= 5
order by genres.genre asc, avg_rating desc;
