"""The marts on a synthetic IMDb, against queries that know nothing of how they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dbt import synthetic
from tests.dbt.conftest import PROJECT, Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.places import Database

MARTS = (
    "mart_collaborations",
    "mart_genre_analytics",
    "mart_genre_years",
    "mart_person_career",
    "mart_series_analytics",
    "mart_series_seasons",
    "mart_title_genre_rank",
    "mart_title_localisation",
    "mart_top_titles",
    "mart_trending_titles",
)


@pytest.fixture(scope="module")
def warehouse(
    new_database: Callable[[], AbstractContextManager[Database]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """Build the whole project from a synthetic IMDb, with every data test and unit test."""
    folder = tmp_path_factory.mktemp("warehouse")
    with new_database() as database:
        synthetic.fill(database, folder)
        project = Project(PROJECT, folder / "target", database)
        project.execute(TROUPE)
        project.dbt("build")
        project.execute(PLAIN)
        yield project


def test_a_second_build_writes_nothing(warehouse: Project) -> None:
    """The same rows give the same marts to the last tie, so nothing differs and nothing moves."""
    said = warehouse.dbt("run", "--select", *MARTS)
    for mart in MARTS:
        assert f"{mart}: 0 rows deleted, 0 inserted" in said


@pytest.mark.parametrize(
    ("mart", "key", "indexes"),
    [
        (
            "mart_top_titles",
            "tconst",
            {"title_type, type_rank", "title_type, decade", "primary_genre, genre_rank"},
        ),
        ("mart_title_genre_rank", "tconst, genre", {"genre, title_type, rank_in_genre"}),
        ("mart_person_career", "nconst", {"dominant_role, total_credits"}),
        ("mart_genre_analytics", "genre", set()),
        ("mart_series_analytics", "series_tconst", {"series_performance_tier, avg_series_rating"}),
        ("mart_series_seasons", "series_tconst, season_number", set()),
        ("mart_genre_years", "genre, start_year", {"start_year"}),
        ("mart_collaborations", "nconst_a, nconst_b", {"nconst_b", "pair_kind, shared_titles"}),
        ("mart_title_localisation", "tconst", {"regions"}),
        ("mart_trending_titles", "tconst", {"title_type, trend_rank"}),
    ],
)
def test_what_people_look_up_is_indexed(
    warehouse: Project, mart: str, key: str, indexes: set[str]
) -> None:
    """One unique index, the primary key, and those of the contract."""
    found = {
        (definition.startswith("CREATE UNIQUE"), definition.rpartition("(")[2].rstrip(")"))
        for name, definition in warehouse.rows("select tablename, indexdef from pg_indexes")
        if name == mart
    }
    assert found == {(True, key), *((False, columns) for columns in indexes)}


@pytest.mark.parametrize("mart", MARTS)
def test_every_mart_has_rows_that_a_reader_may_see(warehouse: Project, mart: str) -> None:
    """Role reader needs nothing but the marts."""
    with warehouse.database.connect("reader") as connection:
        found = connection.execute(f"select count(*) from marts.{mart}".encode()).fetchone()  # noqa: S608
    assert found is not None
    assert found[0] > 0


# So few of the invented people meet again that a troupe has to: twenty people, each in some of what
# many have voted for, in one role or two.
TROUPE = """
insert into raw.title_principals (tconst, ordering, nconst, category)
select tconst, 100 + 10 * place + role, nconst, category
from raw.title_ratings
cross join (
    select nconst, row_number() over (order by nconst) as place from raw.name_basics limit 20
) as person
cross join unnest('{actress,director,writer,producer,self,archive_footage,actor,stunts}'::text[])
    with ordinality as roles (category, role)
where num_votes >= 50 and abs(hashtext(tconst || nconst)) % 4 = 0
    and abs(hashtext(tconst || nconst || category)) % 8 < 1 + place % 2;
"""

# Titles, works and episodes from the raw tables alone, joined the plainest way, as of 2026.
PLAIN = """
create schema plain;

create view plain.title as
select
    tconst, title_type, average_rating, num_votes,
    case when start_year between 1800 and 2036 then start_year end as year,
    string_to_array(nullif(genres, ''), ',') as genres
from raw.title_basics
left join raw.title_ratings using (tconst);

create view plain.work as
select nconst, tconst, title_type, year, average_rating, num_votes, category
from raw.title_principals
inner join plain.title using (tconst)
inner join raw.name_basics using (nconst)
where year <= 2026 and category not in ('archive_footage', 'archive_sound');

create view plain.episode as
select e.parent_tconst, e.season_number, own.tconst, own.average_rating, own.num_votes, own.year
from raw.title_episode as e
inner join plain.title as own on own.tconst = e.tconst and own.title_type = 'tvEpisode'
inner join raw.title_basics as s
    on s.tconst = e.parent_tconst and s.title_type in ('tvSeries', 'tvMiniSeries');

create table plain.share as
select
    one.nconst as a, other.nconst as b, tconst, one.year, one.average_rating, one.num_votes,
    min(array_position(roles, one.role)) as place_a,
    min(array_position(roles, other.role)) as place_b
from (select *, replace(category, 'actress', 'actor') as role from plain.work) as one
inner join (select *, replace(category, 'actress', 'actor') as role from plain.work) as other
    using (tconst)
cross join (
    select '{actor,director,writer,producer,cinematographer,composer,editor,self}'::text[] as roles
)
where one.nconst < other.nconst and one.title_type <> 'tvEpisode' and one.num_votes >= 100
group by 1, 2, 3, 4, 5, 6;
create index on plain.share (a, b);

create view plain.past as
select ago, history.*
from ops.ratings_history as history
cross join (values (1), (7), (30)) as days (ago)
where
    tstzrange(valid_from, valid_to)
    @> timestamptz '2026-08-01 23:59:59.999999+00' - make_interval(days => ago);
"""

# Both of each pair must give the same rows; the second would take hours at full size.
AGREE = {
    "people, their titles, years, means and reach": (
        """
        select
            nconst, total_credits, active_years, career_start_year, latest_work_year,
            avg_project_rating, total_audience_reach, actor_credits, director_credits,
            editor_credits, works_1990s
        from marts.mart_person_career
        """,
        """
        select
            nconst, count(distinct tconst), count(distinct year), min(year), max(year),
            (
                select avg(r.average_rating)::numeric(6, 4) from raw.title_ratings as r
                where r.tconst = any(array_agg(work.tconst))
            ),
            (
                select sum(r.num_votes) from raw.title_ratings as r
                where r.tconst = any(array_agg(work.tconst))
            ),
            count(distinct tconst) filter (where category in ('actor', 'actress')),
            count(distinct tconst) filter (where category = 'director'),
            count(distinct tconst) filter (where category = 'editor'),
            count(distinct tconst) filter (where year between 1990 and 1999)
        from plain.work
        group by nconst
        having count(distinct tconst) >= 3
        """,
    ),
    "genres, their titles and votes": (
        """
        select genre, total_titles, titles_excl_episodes, total_votes, avg_rating, titles_2020s
        from marts.mart_genre_analytics
        """,
        """
        select
            genre, count(distinct tconst),
            count(distinct tconst) filter (where title_type <> 'tvEpisode'),
            sum(num_votes), avg(average_rating)::numeric(6, 4),
            count(*) filter (where year between 2020 and 2029)
        from (select distinct title.*, genre from plain.title, unnest(genres) as genre)
            as tags
        where year >= 1950 and genre <> ''
        group by genre
        """,
    ),
    "who is among the top titles, in which genres": (
        "select tconst, genre from marts.mart_title_genre_rank",
        """
        select distinct tconst, genre from plain.title, unnest(genres) as genre
        where num_votes >= 50 and genre <> ''
        """,
    ),
    "places within a type: as many are better as the rank says": (
        """
        select tconst, type_rank from marts.mart_top_titles where title_type = 'movie'
        """,
        """
        with movies as (
            select
                tconst, num_votes,
                average_rating * case
                    when num_votes >= 100000 then 1 when num_votes >= 10000 then 0.95
                    when num_votes >= 1000 then 0.9 else 0.8
                end as score
            from plain.title where title_type = 'movie' and num_votes >= 50
        )
        select
            one.tconst,
            1 + (
                select count(*) from movies as other
                where (other.score, other.num_votes, one.tconst)
                > (one.score, one.num_votes, other.tconst)
            )
        from movies as one
        """,
    ),
    "series and their episodes": (
        """
        select
            series_tconst, total_episodes, total_seasons, rated_episodes, rated_seasons,
            avg_series_rating, rating_consistency, total_series_votes, last_episode_year
        from marts.mart_series_analytics
        """,
        """
        select
            parent_tconst, count(*), count(distinct season_number), count(average_rating),
            count(distinct season_number) filter (where average_rating > 0),
            avg(average_rating)::numeric(6, 4), stddev(average_rating)::numeric(6, 4),
            sum(num_votes), max(year) filter (where year <= 2026)
        from plain.episode
        group by parent_tconst
        having count(average_rating) >= 6
        """,
    ),
    "episodes beside their series": (
        """
        select
            episode_tconst, series_tconst, season_number, episode_year, episode_rating,
            total_episodes, rated_episodes, avg_series_rating, highest_episode_rating,
            total_audience_engagement, episode_quality_class
        from intermediate.int_title_hierarchies
        """,
        """
        select
            tconst, parent_tconst, season_number, year, average_rating,
            count(*) over series, count(average_rating) over series,
            (avg(average_rating) over series)::numeric(6, 4), max(average_rating) over series,
            sum(num_votes) over series,
            case
                when average_rating is null then 'Unrated'
                when average_rating >= avg(average_rating) over series + 0.5
                    then 'Standout Episode'
                when average_rating >= avg(average_rating) over series + 0.2 then 'Above Average'
                when average_rating >= avg(average_rating) over series - 0.2 then 'Typical'
                when average_rating >= avg(average_rating) over series - 0.5 then 'Below Average'
                else 'Poor Episode'
            end
        from plain.episode
        window series as (partition by parent_tconst)
        """,
    ),
    "seasons and their episodes": (
        """
        select series_tconst, season_number, episodes, rated_episodes, avg_rating
        from marts.mart_series_seasons
        """,
        """
        select
            parent_tconst, season_number, count(*), count(average_rating),
            avg(average_rating)::numeric(6, 4)
        from plain.episode
        where season_number is not null and parent_tconst in (
            select parent_tconst from plain.episode
            group by parent_tconst having count(average_rating) >= 6
        )
        group by parent_tconst, season_number
        """,
    ),
    "genres by year": (
        """
        select genre, start_year, titles, titles_excl_episodes, rated_titles, avg_rating, votes,
            share, is_complete_year
        from marts.mart_genre_years
        """,
        """
        with tags as (
            select distinct title.*, genre from plain.title, unnest(genres) as genre
            where year > 0 and genre <> ''
        ),
        whole as (select year, count(*) as tags from tags group by year)
        select
            genre, year, count(*), count(nullif(title_type, 'tvEpisode')), count(num_votes),
            avg(average_rating)::numeric(6, 4), sum(num_votes),
            (count(*)::numeric / whole.tags)::numeric(5, 4),
            year between 0 and 2025
        from tags
        inner join whole using (year)
        group by genre, year, whole.tags
        """,
    ),
    "pairs of people and what they share": (
        """
        select nconst_a, nconst_b, shared_titles, avg_rating, votes, first_year, latest_year,
            pair_kind
        from marts.mart_collaborations
        """,
        """
        with role (place, name) as (
            values (1, 'actor'), (2, 'director'), (3, 'writer'), (4, 'producer'),
                (5, 'cinematographer'), (6, 'composer'), (7, 'editor'), (8, 'self'), (null, 'other')
        ),
        pair as (
            select
                a, b, count(*), avg(average_rating)::numeric(6, 4), sum(num_votes), min(year),
                max(year)
            from plain.share group by a, b having count(*) >= 3
        )
        select
            pair.*,
            (
                select string_agg(role.name, '-' order by role.place)
                from (
                    (
                        select place_a as place from plain.share as s
                        where s.a = pair.a and s.b = pair.b
                        group by 1 order by count(*) desc, 1 limit 1
                    )
                    union all
                    (
                        select place_b from plain.share as s
                        where s.a = pair.a and s.b = pair.b
                        group by 1 order by count(*) desc, 1 limit 1
                    )
                ) as found
                inner join role on role.place is not distinct from found.place
            )
        from pair
        """,
    ),
    "names elsewhere": (
        """
        select tconst, akas, regions, languages, has_original, region_list
        from marts.mart_title_localisation
        """,
        """
        select
            title_id, count(*), count(distinct nullif(region, '')),
            count(distinct nullif(language, '')), max(coalesce(is_original_title, 0)) = 1,
            (
                select array_agg(name order by name)
                from (
                    select distinct region as name from raw.title_akas as own
                    where own.title_id = akas.title_id and region > ''
                ) as names
            )
        from raw.title_akas as akas
        group by title_id
        """,
    ),
    "votes of a day, a week and thirty days": (
        """
        select tconst, votes_gained_1d, votes_gained_7d, votes_gained_30d, rating_change_7d
        from marts.mart_trending_titles
        """,
        """
        select
            tconst,
            title.num_votes - coalesce(max(past.num_votes) filter (where ago = 1), 0),
            title.num_votes - coalesce(max(past.num_votes) filter (where ago = 7), 0),
            title.num_votes - coalesce(max(past.num_votes) filter (where ago = 30), 0),
            title.average_rating - max(past.average_rating) filter (where ago = 7)
        from plain.title
        left join plain.past using (tconst)
        where title.num_votes >= 1000
        group by tconst, title.num_votes, title.average_rating
        """,
    ),
}


@pytest.mark.parametrize(("ours", "plain"), AGREE.values(), ids=AGREE)
def test_a_mart_agrees_with_a_plain_query(warehouse: Project, ours: str, plain: str) -> None:
    """Joined, grouped and counted the slow way, the raw tables say the same."""
    only = f"(({ours}) except all ({plain})) union all (({plain}) except all ({ours}))"
    assert warehouse.rows(f"select * from ({only}) as differs limit 5") == []  # noqa: S608
