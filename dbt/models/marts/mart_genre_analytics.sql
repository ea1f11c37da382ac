{{ config(unique_key='genre') }}

with titles as (

    select * from {{ ref('int_title_complete') }}
    where start_year >= {{ var('limits').genre_year_min }}

),

listings as (

    select
        *,
        {{ list_part('genres', 1) }} as primary_genre,
        {{ list_part('genres', 2) }} as secondary_genre,
        {{ list_part('genres', 3) }} as third_genre
    from {{ ref('int_title_counts') }}
    where start_year >= {{ var('limits').genre_year_min }}

),

productions as (

    select
        listed.genre,
        sum(listings.titles)::bigint as total_titles,
        {{ listed_titles("title_type <> 'tvEpisode'") }} as titles_excl_episodes,
        {{ listed_titles("title_type = 'movie'") }} as movie_count,
        {{ listed_titles("title_type = 'tvSeries'") }} as tv_series_count,
        {{ listed_titles("title_type = 'tvMiniSeries'") }} as tv_mini_series_count,
        {{ listed_titles("title_type = 'tvMovie'") }} as tv_movie_count,
        {{ listed_titles("start_year between 1950 and 1959") }} as titles_1950s,
        {{ listed_titles("start_year between 1960 and 1969") }} as titles_1960s,
        {{ listed_titles("start_year between 1970 and 1979") }} as titles_1970s,
        {{ listed_titles("start_year between 1980 and 1989") }} as titles_1980s,
        {{ listed_titles("start_year between 1990 and 1999") }} as titles_1990s,
        {{ listed_titles("start_year between 2000 and 2009") }} as titles_2000s,
        {{ listed_titles("start_year between 2010 and 2019") }} as titles_2010s,
        {{ listed_titles("start_year between 2020 and 2029") }} as titles_2020s,
        {{ listed_titles("start_year >= 2030") }} as titles_2030s,
        -- Complete years only: the current one would make every genre look in decline.
        {{ listed_titles("start_year between 2020 and least(" ~ as_of_year() ~ " - 1, 2029)") }}
            as titles_2020s_complete
    from listings
    {{ genres_listed('listings') }}
    group by listed.genre

),

-- One pass over the tags of rated titles; means of ratings skip the few with votes alone.
receptions as (

    select
        listed.genre,
        avg(titles.average_rating) as avg_rating,
        percentile_cont(0.5) within group (order by titles.average_rating) as median_rating,
        stddev_samp(titles.average_rating) as rating_stddev,
        sum(titles.num_votes) filter (where titles.average_rating is not null) as total_votes,
        avg(titles.num_votes) filter (where titles.average_rating is not null) as avg_votes,
        count(*) filter (where titles.average_rating >= 7) as high_quality_titles,
        count(*) filter (where titles.num_votes >= 10000) as popular_titles,
        count(*) filter (where titles.average_rating >= 8 and titles.num_votes >= 50000)
            as premium_titles,
        count(*) filter (where titles.average_rating >= 7.5 and titles.num_votes >= 100000)
            as blockbuster_titles,
        avg(titles.average_rating) filter (where titles.start_year between 1990 and 1999)
            as avg_rating_1990s,
        avg(titles.average_rating) filter (where titles.start_year between 2000 and 2009)
            as avg_rating_2000s,
        avg(titles.average_rating) filter (where titles.start_year between 2010 and 2019)
            as avg_rating_2010s,
        avg(titles.average_rating) filter (where titles.start_year between 2020 and 2029)
            as avg_rating_2020s
    from titles
    {{ genres_listed('titles') }}
    where titles.average_rating is not null or titles.num_votes is not null
    group by listed.genre

),

totals as (

    select
        productions.*,
        receptions.avg_rating,
        receptions.median_rating,
        receptions.rating_stddev,
        receptions.total_votes,
        receptions.avg_votes,
        coalesce(receptions.high_quality_titles, 0) as high_quality_titles,
        coalesce(receptions.popular_titles, 0) as popular_titles,
        coalesce(receptions.premium_titles, 0) as premium_titles,
        coalesce(receptions.blockbuster_titles, 0) as blockbuster_titles,
        receptions.avg_rating_1990s,
        receptions.avg_rating_2000s,
        receptions.avg_rating_2010s,
        receptions.avg_rating_2020s
    from productions
    left join receptions on productions.genre = receptions.genre

),

shared as (

    select
        *,
        round(total_titles / sum(total_titles) over (), 4) as market_share,
        round(titles_excl_episodes / nullif(sum(titles_excl_episodes) over (), 0), 4)
            as market_share_excl_episodes,
        round(total_votes / nullif(sum(total_votes) over (), 0), 4) as vote_share,
        titles_2010s / 10.0 as titles_per_year_2010s,
        case
            when {{ as_of_year() }} > 2020
                then titles_2020s_complete::numeric / (least({{ as_of_year() }} - 1, 2029) - 2019)
        end as titles_per_year_2020s
    from totals

),

trends as (

    select
        *,
        {{ band('production_trend') }} as production_trend,
        {{ band('quality_trend') }} as quality_trend,
        {{ band('market_position') }} as market_position,
        {{ band('content_strategy') }} as content_strategy,
        {{ band('platform_fit') }} as platform_fit
    from shared

),

classified as (

    select
        *,
        {{ band('investment_priority') }} as investment_priority
    from trends

)

select
    genre,
    total_titles,
    market_share::numeric(5, 4) as market_share,
    titles_excl_episodes,
    market_share_excl_episodes::numeric(5, 4) as market_share_excl_episodes,
    movie_count,
    tv_series_count,
    tv_mini_series_count,
    tv_movie_count,
    avg_rating::numeric(6, 4) as avg_rating,
    median_rating::numeric(6, 4) as median_rating,
    rating_stddev::numeric(6, 4) as rating_stddev,
    total_votes,
    vote_share::numeric(5, 4) as vote_share,
    avg_votes::numeric(14, 4) as avg_votes,
    high_quality_titles,
    popular_titles,
    premium_titles,
    blockbuster_titles,
    titles_1950s,
    titles_1960s,
    titles_1970s,
    titles_1980s,
    titles_1990s,
    titles_2000s,
    titles_2010s,
    titles_2020s,
    titles_2030s,
    titles_per_year_2010s::numeric(12, 2) as titles_per_year_2010s,
    titles_per_year_2020s::numeric(12, 2) as titles_per_year_2020s,
    avg_rating_1990s::numeric(6, 4) as avg_rating_1990s,
    avg_rating_2000s::numeric(6, 4) as avg_rating_2000s,
    avg_rating_2010s::numeric(6, 4) as avg_rating_2010s,
    avg_rating_2020s::numeric(6, 4) as avg_rating_2020s,
    production_trend,
    quality_trend,
    market_position,
    investment_priority,
    content_strategy,
    platform_fit,
    investment_priority in ({{ mart_best_labels('investment_priority', 2) }})
        as is_investment_target,
    production_trend = 'Growing'
    and quality_trend in ('Quality Improving', 'Quality Stable') as is_growth_opportunity,
    market_position in ({{ band_labels('market_position', first=2) }}) as is_core_market
from classified
