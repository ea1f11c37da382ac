select
    tconst,
    parent_tconst,
    season_number,
    episode_number,
    season_number is null as is_missing_season,
    episode_number is null as is_missing_episode
from {{ source('raw', 'title_episode') }}
where parent_tconst is not null
