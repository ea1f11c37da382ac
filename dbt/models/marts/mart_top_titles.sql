{{ config(
    unique_key='tconst',
    indexes=[
        {'columns': ['title_type', 'type_rank']},
        {'columns': ['title_type', 'decade']},
        {'columns': ['primary_genre', 'genre_rank']},
    ],
) }}

with titles as (

    select * from {{ ref('int_title_complete') }}

),

voted as (

    select
        *,
        {{ mart_weighted_score('average_rating', 'num_votes') }} as weighted_score,
        percent_rank() over (order by average_rating) as quality_percentile,
        percent_rank() over (order by num_votes) as popularity_percentile,
        {{ mart_bayesian_votes('title_type') }} as prior_votes,
        avg(average_rating) over (partition by title_type) as prior_rating
    from titles
    where
        average_rating is not null
        and num_votes >= {{ var('limits').top_titles_votes }}

),

scored as (

    select
        *,
        (num_votes * average_rating + prior_votes * prior_rating) / (num_votes + prior_votes)
            as bayesian_rating
    from voted

),

numbered as (

    select
        *,
        row_number() over (
            partition by title_type
            order by weighted_score desc, num_votes desc, tconst asc
        ) as type_rank,
        row_number() over (
            partition by primary_genre
            order by weighted_score desc, num_votes desc, tconst asc
        ) as genre_rank,
        row_number() over (
            partition by decade
            order by weighted_score desc, num_votes desc, tconst asc
        ) as decade_rank,
        row_number() over (
            partition by title_type, num_votes >= prior_votes
            order by bayesian_rating desc, num_votes desc, tconst asc
        ) as bayesian_rank
    from scored

),

-- Titles without a genre, a year or votes enough are numbered among themselves, which is no rank.
ranked as (

    select
        tconst,
        title_type,
        primary_title,
        is_adult,
        start_year,
        decade,
        runtime_minutes,
        primary_genre,
        secondary_genre,
        third_genre,
        average_rating,
        num_votes,
        weighted_score,
        bayesian_rating,
        quality_percentile,
        popularity_percentile,
        type_rank,
        case when primary_genre is not null then genre_rank end as genre_rank,
        case when start_year is not null then decade_rank end as decade_rank,
        case when num_votes >= prior_votes then bayesian_rank end as bayesian_rank
    from numbered

),

classified as (

    select
        *,
        {{ band('performance_tier') }} as performance_tier,
        {{ band('popularity_segment') }} as popularity_segment,
        {{ band('investment_category') }} as investment_category,
        {{ band('discovery_category') }} as discovery_category,
        {{ band('longevity_indicator') }} as longevity_indicator
    from ranked

)

select
    tconst,
    title_type,
    primary_title,
    is_adult,
    start_year,
    decade,
    runtime_minutes,
    primary_genre,
    secondary_genre,
    third_genre,
    average_rating,
    num_votes,
    weighted_score::numeric(5, 3) as weighted_score,
    bayesian_rating::numeric(6, 4) as bayesian_rating,
    quality_percentile,
    popularity_percentile,
    type_rank,
    genre_rank,
    decade_rank,
    bayesian_rank,
    performance_tier,
    popularity_segment,
    investment_category,
    discovery_category,
    longevity_indicator,
    type_rank <= {{ var('limits').top_in_type }} as is_top_100_in_type,
    coalesce(genre_rank <= {{ var('limits').top_in_genre }}, false) as is_top_50_in_genre,
    coalesce(decade_rank <= {{ var('limits').top_in_decade }}, false) as is_top_25_in_decade,
    performance_tier in ({{ band_labels('performance_tier', first=3) }}) as is_premium_content
from classified
