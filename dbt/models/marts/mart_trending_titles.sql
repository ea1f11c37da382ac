{#
  The history grows by a fifth of all ratings a day, so it is never read whole: each title of many
  votes looks its few past ratings up by key.
#}
{{ config(
    unique_key='tconst',
    indexes=[{'columns': ['title_type', 'trend_rank']}],
) }}

with titles as (

    select * from {{ ref('int_title_complete') }}
    where average_rating is not null and num_votes >= {{ var('limits').trending_votes }}

),

history as (

    select * from {{ source('ops', 'ratings_history') }}

),

published as (

    {{ last_modified_of('title.ratings') }}

),

-- Ends of the days so long before that of the ratings that readers see. Days, since IMDb publishes
-- some minutes sooner or later.
days as (

    select
        ago.days_ago,
        ((published.last_modified at time zone 'UTC')::date - ago.days_ago + 1)::timestamp
        at time zone 'UTC' as day_end
    from published
    cross join (values (1), (7), (30)) as ago (days_ago)

),

past as (

    select
        titles.tconst,
        days.days_ago,
        latest.tconst is not null as is_told,
        -- What had ended by then was followed by no other: the title had no rating.
        case when latest.valid_to < days.day_end then null else latest.average_rating end
            as average_rating,
        case when latest.valid_to < days.day_end then null else latest.num_votes end as num_votes
    from titles
    cross join days
    left join
        lateral (
            select history.*
            from history
            where history.tconst = titles.tconst and history.valid_from < days.day_end
            order by history.valid_from desc
            limit 1
        ) as latest
        on true

),

told as (

    select
        tconst,
        bool_or(is_told) filter (where days_ago = 1) as is_told_1d,
        bool_or(is_told) filter (where days_ago = 7) as is_told_7d,
        bool_or(is_told) filter (where days_ago = 30) as is_told_30d,
        max(num_votes) filter (where days_ago = 1) as votes_1d,
        max(num_votes) filter (where days_ago = 7) as votes_7d,
        max(num_votes) filter (where days_ago = 30) as votes_30d,
        max(average_rating) filter (where days_ago = 1) as rating_1d,
        max(average_rating) filter (where days_ago = 7) as rating_7d,
        max(average_rating) filter (where days_ago = 30) as rating_30d
    from past
    group by tconst

),

-- The history reaches back to where it tells of any of them.
gains as (

    select
        titles.tconst,
        titles.title_type,
        titles.average_rating,
        titles.num_votes,
        case
            when bool_or(told.is_told_1d) over ()
                then titles.num_votes - coalesce(told.votes_1d, 0)
        end as votes_gained_1d,
        case
            when bool_or(told.is_told_7d) over ()
                then titles.num_votes - coalesce(told.votes_7d, 0)
        end as votes_gained_7d,
        case
            when bool_or(told.is_told_30d) over ()
                then titles.num_votes - coalesce(told.votes_30d, 0)
        end as votes_gained_30d,
        titles.average_rating - told.rating_1d as rating_change_1d,
        titles.average_rating - told.rating_7d as rating_change_7d,
        titles.average_rating - told.rating_30d as rating_change_30d
    from titles
    inner join told on titles.tconst = told.tconst

)

select
    tconst,
    title_type,
    average_rating,
    num_votes,
    votes_gained_1d,
    votes_gained_7d,
    votes_gained_30d,
    rating_change_1d,
    rating_change_7d,
    rating_change_30d,
    case
        when votes_gained_7d is not null
            then row_number() over (
                partition by title_type
                order by votes_gained_7d desc, num_votes desc, tconst asc
            )
    end as trend_rank
from gains
