-- Which genres are worth commissioning?
select
    genre,
    market_share,
    investment_priority,
    production_trend,
    quality_trend,
    content_strategy
from marts.mart_genre_analytics
where is_investment_target or investment_priority = 'Emerging Opportunity'
order by market_share desc, genre asc;
