"""Models built of the keys that changed are those that a whole build would make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.dbt import synthetic
from tests.dbt.conftest import apply_delta

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dbt.conftest import Project
    from tests.places import Database

_MODELS = (
    "stg_title_crew_directors",
    "stg_title_crew_writers",
    "int_title_series",
    "int_title_counts",
    "mart_series_analytics",
    "mart_series_seasons",
    "mart_person_career",
    "mart_title_localisation",
)

# Few rows of each, chosen by a hash of the key: of many the models would be built whole.
_DAYS = (
    {
        "title.ratings": "update raw.title_ratings set num_votes = num_votes + 3 "
        "where num_votes > 20000",
    },
    {
        # What is best here falls tomorrow, when today may have been left out.
        "title.ratings": "update raw.title_ratings set average_rating = 9.8 "
        "where abs(hashtext(tconst)) % 997 in (1, 2, 15); "
        "insert into raw.title_ratings select tconst, 9.9, 77 from raw.title_basics "
        "where abs(hashtext(tconst)) % 4999 = 16 on conflict do nothing; "
        "update raw.title_ratings set average_rating = 0.0 where abs(hashtext(tconst)) % 997 = 24; "
        # Votes without a rating, of people who have no rated work.
        "insert into raw.title_ratings select distinct tconst, null::numeric, 5 "
        "from raw.title_principals where nconst in ("
        "select nconst from raw.title_principals left join raw.title_ratings using (tconst) "
        "group by nconst "
        "having count(distinct tconst) between 3 and 6 and count(num_votes) = 0 "
        "order by nconst limit 20) on conflict do nothing",
        # What changes again tomorrow: announced titles, undated ones, credits won and lost.
        "title.basics": "update raw.title_basics set start_year = 2099 "
        "where abs(hashtext(tconst)) % 4999 = 17; "
        "update raw.title_basics set start_year = null "
        "where abs(hashtext(tconst)) % 4999 = 18; "
        "update raw.title_basics set genres = 'Drama', title_type = 'movie' "
        "where abs(hashtext(tconst)) % 997 = 22",
        "title.principals": "update raw.title_principals set category = 'editor' "
        "where abs(hashtext(tconst || nconst)) % 9973 in (19, 20); "
        "delete from raw.title_principals where abs(hashtext(tconst || nconst)) % 9973 = 21",
    },
    {
        "title.principals": "update raw.title_principals set category = 'composer' "
        "where abs(hashtext(tconst || nconst)) % 9973 = 19; "
        "delete from raw.title_principals where abs(hashtext(tconst || nconst)) % 9973 = 20",
        "title.ratings": "update raw.title_ratings set average_rating = 1.2 "
        "where abs(hashtext(tconst)) % 997 in (1, 15); "
        "update raw.title_ratings set average_rating = 7.5 "
        "where average_rating is null and abs(hashtext(tconst)) % 2 = 0; "
        "delete from raw.title_ratings where abs(hashtext(tconst)) % 997 in (2, 24); "
        "delete from raw.title_ratings where abs(hashtext(tconst)) % 4999 = 16; "
        "insert into raw.title_ratings select tconst, 9.9, 77 from raw.title_basics "
        "where abs(hashtext(tconst)) % 4999 = 3 on conflict do nothing",
        "title.basics": "update raw.title_basics set start_year = start_year - 1 "
        "where abs(hashtext(tconst)) % 9973 = 4; "
        "update raw.title_basics set start_year = 1999 "
        "where abs(hashtext(tconst)) % 4999 in (17, 18) and abs(hashtext(tconst)) % 2 = 0; "
        "update raw.title_basics set genres = 'Only,One,Has' "
        "where tconst = (select min(tconst) from raw.title_basics where start_year = 2001); "
        "update raw.title_basics set genres = nullif(split_part(genres, ',', 2), '') "
        "where abs(hashtext(tconst)) % 997 = 22; "
        "delete from raw.title_basics where abs(hashtext(tconst)) % 9973 = 5",
    },
    {
        "title.principals": "update raw.title_principals set ordering = ordering + 100 "
        "where abs(hashtext(tconst)) % 2003 = 6; "
        "delete from raw.title_principals where abs(hashtext(tconst || nconst)) % 9973 = 7; "
        "update raw.title_principals set nconst = (select max(nconst) from raw.name_basics) "
        "where abs(hashtext(tconst || nconst)) % 9973 = 8",
        "name.basics": "update raw.name_basics set primary_name = 'Another Name' "
        "where abs(hashtext(nconst)) % 2003 = 9",
        "title.episode": "delete from raw.title_episode where abs(hashtext(tconst)) % 9973 = 10; "
        "update raw.title_episode set parent_tconst = "
        "(select min(parent_tconst) from raw.title_episode) "
        "where abs(hashtext(tconst)) % 9973 = 11",
        "title.crew": "update raw.title_crew set directors = null "
        "where abs(hashtext(tconst)) % 997 = 12; "
        "delete from raw.title_crew where abs(hashtext(tconst)) % 997 = 13",
        "title.akas": "delete from raw.title_akas where abs(hashtext(title_id)) % 997 = 14",
    },
)


@pytest.mark.parametrize("skipped", [False, True], ids=["each day", "a day without a build"])
def test_affected_keys_give_what_a_whole_build_gives(
    whole_project: Project, database: Database, tmp_path: Path, *, skipped: bool
) -> None:
    """Votes, ratings, ratings and titles, all else: a full refresh finds nothing to write."""
    project = replace(whole_project, variables={"PGOPTIONS": "-c imdb.models=abc"})
    synthetic.fill(database, tmp_path / "files")
    build = (
        "run",
        "--select",
        "+mart_person_career",
        "+mart_series_seasons",
        "stg_title_akas",
        *_MODELS,
    )
    project.dbt(*build)
    # Named as the model's own tables are while it is built; it outlives them.
    with database.connect("dbt") as connection:
        connection.execute("create table marts.mart_person_career__kept ()")
    for number, day in enumerate(_DAYS):
        for name, statements in day.items():
            apply_delta(database, name, statements)
        if skipped and number == 1:
            continue
        said = project.dbt(*build)
        assert "mart_person_career: " in said
        assert " values of nconst affected" in said
        counts = project.target / "compiled/imdb/models/intermediate/int_title_counts.sql"
        assert "as moved" in counts.read_text()
        whole = project.dbt(*build, "--full-refresh")
        assert " affected" not in whole
        for model in _MODELS:
            assert f"{model}: 0 rows deleted, 0 inserted" in whole
    assert project.rows("select count(*) from marts.mart_person_career__kept") == [(0,)]
