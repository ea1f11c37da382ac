-- How do ratings move between and within the seasons of the most watched series, and who stays?
with most_watched as (

    select
        series_tconst,
        series_title
    from marts.mart_series_analytics
    order by total_series_votes desc, series_tconst asc
    limit 1

)

select
    most_watched.series_title,
    seasons.season_number,
    seasons.rated_episodes,
    seasons.avg_rating,
    seasons.sd_rating,
    seasons.rating_change,
    seasons.vote_retention,
    seasons.is_best_season
from most_watched
inner join marts.mart_series_seasons as seasons
    on most_watched.series_tconst = seasons.series_tconst
order by seasons.season_number;
