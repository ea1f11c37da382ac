-- Which premium series are of even quality?
select
    series_title,
    avg_series_rating,
    rating_consistency,
    total_episodes,
    total_seasons,
    consistency_rating,
    engagement_level
from marts.mart_series_analytics
where is_premium_series and is_consistent_quality
order by avg_series_rating desc, total_episodes desc, series_tconst asc
limit 20;
