-- Marts as the report reads them, before any model is built: the contract's columns, made-up rows.
set role dbt;
select setseed(0.5);

create table marts.mart_top_titles as
select
    'tt' || lpad(n::text, 7, '0') as tconst,
    case when n % 3 = 0 then 'tvSeries' else 'movie' end as title_type,
    'Title ' || n as primary_title,
    (1950 + n % 80)::integer as start_year,
    case
        when n % 80 < 10 then 'Old Classic' when n % 80 >= 80 then '2030s'
        else (1950 + n % 80) / 10 * 10 || 's'
    end as decade,
    (4 + 5.5 * random())::numeric(3, 1) as average_rating,
    (50 + 10 ^ (1 + 5 * random()))::integer as num_votes
from generate_series(1, 3000) as n;

create table marts.mart_genre_analytics as
select
    genre,
    (1.0 / (n + 3))::numeric(5, 4) as market_share,
    (random() / (n + 2))::numeric(5, 4) as vote_share,
    (100 * random())::integer as titles_1950s,
    (200 * random())::integer as titles_1960s,
    (300 * random())::integer as titles_1970s,
    (400 * random())::integer as titles_1980s,
    (500 * random())::integer as titles_1990s,
    (600 * random())::integer as titles_2000s,
    (700 * random())::integer as titles_2010s,
    (800 * random())::integer as titles_2020s,
    (50 + 20 * random())::numeric(12, 2) as titles_per_year_2010s,
    (50 + 30 * random())::numeric(12, 2) as titles_per_year_2020s
from unnest(array[
    'Action', 'Adult', 'Adventure', 'Animation', 'Biography', 'Comedy', 'Crime', 'Documentary',
    'Drama', 'Family', 'Fantasy', 'Film-Noir', 'Game-Show', 'History', 'Horror', 'Music',
    'Musical', 'Mystery', 'News', 'Reality-TV', 'Romance', 'Sci-Fi', 'Short', 'Sport',
    'Talk-Show', 'Thriller', 'War', 'Western'
]) with ordinality as genres (genre, n);

create table marts.mart_series_analytics as
select
    'tt9' || lpad(n::text, 6, '0') as series_tconst,
    case when n = 1 then '<script>alert("&")</script>' else 'The Series of Number ' || n end
        as series_title,
    5 as rated_seasons,
    1000 * n as total_series_votes
from generate_series(1, 7) as n;

create table marts.mart_series_seasons as
select
    series_tconst,
    season as season_number,
    (7.5 + random() - season * 0.15)::numeric(6, 4) as avg_rating
from marts.mart_series_analytics cross join generate_series(1, 5) as season;

create table marts.mart_person_career as
select
    'nm' || lpad(n::text, 7, '0') as nconst,
    (array['Actor', 'Director', 'Writer', 'Producer', 'Editor'])[1 + floor(5 * random() ^ 2)]
        as dominant_role,
    (5 + 4 * random())::numeric(6, 4) as avg_project_rating
from generate_series(1, 500) as n;

create table marts.mart_data_quality as
select
    1 as load_id, 'title.crew' as dataset, 'orphan title' as "check",
    1000 as rows_checked, 7 as rows_failing, 'tt0000<7>' as example_key;

create table marts.freshness as
select
    'mart_top_titles' as mart, timestamptz '2026-01-02 03:04Z' as built_at,
    date '2026-01-02' as as_of_date, dataset, date '2026-01-02' as source_date, true as is_latest
from unnest(array['title.basics', 'title.ratings']) as dataset;

set role loader;
insert into ops.loads
    (dataset, object_key, etag, last_modified, rows, kind, started_at, finished_at)
select
    name, 'key', 'etag', '2026-01-02 01:00Z', 1000, 'full',
    '2026-01-02 02:00Z', '2026-01-02 02:00:07Z'
from unnest(array['title.basics', 'title.ratings', 'title.crew']) as name;
reset role;
