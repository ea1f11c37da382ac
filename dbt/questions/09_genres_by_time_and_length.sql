-- How did genres fare through time, and which length of a series suits which?
with decades as (

    select
        'time' as seen_by,
        genre,
        start_year / 10 * 10 || 's' as kind,
        sum(titles) as titles,
        round(sum(avg_rating * rated_titles) / sum(rated_titles), 2) as avg_rating,
        round(sum(titles) / sum(sum(titles)) over (partition by start_year / 10), 3) as share
    from marts.mart_genre_years
    where is_complete_year and start_year >= 1950
    group by genre, start_year / 10

),

lengths as (

    select
        'length' as seen_by,
        genres.genre,
        series.production_scale as kind,
        count(*) as titles,
        round(avg(series.avg_series_rating), 2) as avg_rating,
        null::numeric as share
    from marts.mart_series_analytics as series
    cross join unnest(series.genres) as genres (genre)
    group by genres.genre, series.production_scale
    -- A mean of fewer series says little.
    having count(*) >= 5

)

select * from decades
union all
select * from lengths
order by seen_by desc, genre asc, kind asc;
