{# At the default the planner finds it too dear that workers hand over each tag, though that takes
   half as long. #}
{{ config(unique_key='genre', pre_hook='set local parallel_tuple_cost = 0.01') }}

with titles as (

    select * from {{ ref('int_title_complete') }}
    where start_year >= {{ var('limits').genre_year_min }}

),

genres as (

    select * from {{ ref('int_title_with_genres') }}

),

-- Materialized, or each of the conditions below would work out the year of each row anew: without
-- it the model took half as much time again.
tagged as materialized (

    select
        genres.genre,
        titles.title_type,
        titles.start_year,
        titles.average_rating,
        titles.num_votes
    from genres
    inner join titles on genres.tconst = titles.tconst

),

-- One pass over all tags. Means of ratings skip unrated titles by themselves.
totals as (

    select
        genre,
        count(*) as total_titles,
        count(*) filter (where title_type <> 'tvEpisode') as titles_excl_episodes,
        count(*) filter (where title_type = 'movie') as movie_count,
        count(*) filter (where title_type = 'tvSeries') as tv_series_count,
        count(*) filter (where title_type = 'tvMiniSeries') as tv_mini_series_count,
        count(*) filter (where title_type = 'tvMovie') as tv_movie_count,
        avg(average_rating) as avg_rating,
        percentile_cont(0.5) within group (order by average_rating) as median_rating,
        stddev_samp(average_rating) as rating_stddev,
        sum(num_votes) filter (where average_rating is not null) as total_votes,
        avg(num_votes) filter (where average_rating is not null) as avg_votes,
        count(*) filter (where average_rating >= 7) as high_quality_titles,
        count(*) filter (where num_votes >= 10000) as popular_titles,
        count(*) filter (where average_rating >= 8 and num_votes >= 50000) as premium_titles,
        count(*) filter (where average_rating >= 7.5 and num_votes >= 100000)
            as blockbuster_titles,
        count(*) filter (where start_year between 1950 and 1959) as titles_1950s,
        count(*) filter (where start_year between 1960 and 1969) as titles_1960s,
        count(*) filter (where start_year between 1970 and 1979) as titles_1970s,
        count(*) filter (where start_year between 1980 and 1989) as titles_1980s,
        count(*) filter (where start_year between 1990 and 1999) as titles_1990s,
        count(*) filter (where start_year between 2000 and 2009) as titles_2000s,
        count(*) filter (where start_year between 2010 and 2019) as titles_2010s,
        count(*) filter (where start_year between 2020 and 2029) as titles_2020s,
        count(*) filter (where start_year >= 2030) as titles_2030s,
        -- Complete years only: the current one would make every genre look in decline.
        count(*) filter (where start_year between 2020 and least({{ as_of_year() }} - 1, 2029))
            as titles_2020s_complete,
        avg(average_rating) filter (where start_year between 1990 and 1999)
            as avg_rating_1990s,
        avg(average_rating) filter (where start_year between 2000 and 2009)
            as avg_rating_2000s,
        avg(average_rating) filter (where start_year between 2010 and 2019)
            as avg_rating_2010s,
        avg(average_rating) filter (where start_year between 2020 and 2029)
            as avg_rating_2020s
    from tagged
    group by genre

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
