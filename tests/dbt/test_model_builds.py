"""What is recorded of a build, and the clock."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.dbt import toy
from tests.dbt.conftest import note_load

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Project

BUILDS = "select model, as_of_date, loads, failed_tests from ops.model_builds order by 1"
JOINED = """
select r.tconst, b.start_year
from {{ ref('stg_toy') }} as r
left join {{ source('raw', 'title_basics') }} as b on r.tconst = b.tconst
"""


def test_a_build_says_what_it_read(project: Project, load: Callable[..., int]) -> None:
    """Through a view the ledger's load, through a table the load that it was built from."""
    toy.view(
        project,
        "stg_toy",
        "select tconst from {{ source('raw', 'title_ratings') }}",
        {"tconst": "text"},
    )
    toy.mart(project, JOINED, {"tconst": "text", "start_year": "integer"})
    toy.mart(
        project,
        "select t.tconst, b.title_type from {{ ref('mart_toy') }} as t"
        " left join {{ source('raw', 'title_basics') }} as b on t.tconst = b.tconst",
        {"tconst": "text", "title_type": "text"},
        name="mart_top",
    )
    day = dt.date(2026, 8, 2)
    ratings = load("title.ratings", [{"tconst": "tt1"}], "2026-08-01 12:00+00")
    basics = load("title.basics", [{"tconst": "tt1"}], "2026-08-01 23:30-01")
    project.dbt("run")
    read = {"title.basics": basics, "title.ratings": ratings}
    view_read = {"title.ratings": ratings}
    assert project.rows(BUILDS) == [
        ("mart_top", day, read, 0),
        ("mart_toy", day, read, 0),
        ("stg_toy", day, view_read, 0),
    ]

    newer = load("title.ratings", [{"tconst": "tt2"}])
    later = load("title.basics", [{"tconst": "tt1"}])
    project.dbt("run", "--select", "mart_top", "--vars", "as_of_date: 2030-01-01")
    assert project.rows(BUILDS)[0] == ("mart_top", dt.date(2030, 1, 1), read, 0)
    project.dbt("run")
    read = {"title.basics": later, "title.ratings": newer}
    assert [row[2] for row in project.rows(BUILDS)] == [read, read, {"title.ratings": newer}]


def test_a_load_during_the_build_is_not_claimed(project: Project, load: Callable[..., int]) -> None:
    """The record may be older than what was read, never newer."""
    toy.mart(
        project,
        "select tconst, average_rating, num_votes from {{ source('raw', 'title_ratings') }}\n"
        "where (select pg_advisory_lock_shared(42) is not null)",
    )
    first = load("title.ratings", [{"tconst": "tt1"}])
    with project.database.connect() as gate:
        gate.execute("select pg_advisory_lock(42)")
        with project.start("run") as build:
            while (
                project.rows("select from pg_locks where locktype = 'advisory' and not granted")
                == []
            ):
                assert build.poll() is None
                time.sleep(0.05)
            note_load(gate, "title.ratings")
            gate.execute("select pg_advisory_unlock(42)")
            output, _ = build.communicate(timeout=120)
    assert build.returncode == 0, output
    assert project.rows("select loads from ops.model_builds") == [({"title.ratings": first},)]


def test_a_red_model_is_known_until_it_is_built_again(
    project: Project, load: Callable[..., int]
) -> None:
    """Failed tests of severity error count, warnings do not.

    They are tests of some rows, so that no constraint keeps a bad one from being written.
    """
    tests = """
    data_tests:
      - expression_holds: {arguments: {expression: num_votes > 5}, config: {where: tconst > ''}}
      - expression_holds: {arguments: {expression: num_votes > 6}, config: {where: tconst > ''}}
      - expression_holds:
          arguments: {expression: num_votes > 7}
          config: {severity: warn}"""
    toy.mart(project, tests=tests)
    failed = "select failed_tests from ops.model_builds"
    load("title.ratings", [{"tconst": "tt1", "num_votes": 5}])
    assert project.try_dbt("build").code != 0
    assert project.rows(failed) == [(2,)]
    assert project.try_dbt("test").code != 0
    assert project.rows(failed) == [(2,)]
    load("title.ratings", [{"tconst": "tt1", "num_votes": 7}])
    project.dbt("build")
    assert project.rows(failed) == [(0,)]


def test_a_test_of_several_models_is_recorded_like_one(
    project: Project, load: Callable[..., int]
) -> None:
    """Under its own name, of the oldest loads that its models were built from."""
    toy.view(
        project,
        "stg_toy",
        "select tconst from {{ source('raw', 'title_basics') }}",
        {"tconst": "text"},
    )
    toy.mart(project, columns=toy.COLUMNS, name="mart_ratings")
    toy.mart(
        project,
        JOINED.replace("stg_toy", "mart_ratings"),
        {"tconst": "text", "start_year": "integer"},
        tests="""
    data_tests:
      - fits: {name: fits, arguments: {other: ref('stg_toy')}}
      - fits: {name: fits_more, arguments: {other: ref('mart_ratings')}, config: {severity: warn}}
""",
    )
    project.write(
        "macros/fits.sql",
        "{% test fits(model, other) %} select tconst from {{ model }} except"
        " select tconst from {{ other }} where tconst <> 'tt9' {% endtest %}",
    )
    recorded = BUILDS.replace("as_of_date, ", "").replace("order", "where model like 'fits%' order")
    basics = load("title.basics", [{"tconst": "tt1"}, {"tconst": "tt9"}])
    ratings = load("title.ratings", [{"tconst": "tt1"}])
    project.dbt("build")
    read = {"title.basics": basics, "title.ratings": ratings}
    assert project.rows(recorded) == [("fits", read, 0), ("fits_more", read, 0)]

    newer = load("title.ratings", [{"tconst": "tt9"}])
    project.dbt("run", "--select", "mart_ratings")
    assert project.try_dbt("test", "--select", "fits_more").code == 0
    assert project.rows(recorded) == [("fits", read, 0), ("fits_more", read, 0)]
    assert project.try_dbt("build").code != 0
    read = {"title.basics": basics, "title.ratings": newer}
    assert project.rows(recorded) == [("fits", read, 1), ("fits_more", read, 0)]
    # It is no fault of one of them.
    models = "select distinct failed_tests from ops.model_builds where model not like 'fits%'"
    assert project.rows(models) == [(0,)]


def test_a_sources_test_is_its_staging_models(project: Project, load: Callable[..., int]) -> None:
    """Whose task runs it: the first by name that reads that source and no other."""
    for name in ("stg_b", "stg_a"):
        toy.view(
            project,
            name,
            "select tconst from {{ source('raw', 'title_ratings') }}",
            {"tconst": "text"},
        )
    project.write(
        "tests/votes.sql", "select * from {{ source('raw', 'title_ratings') }} where num_votes = 0"
    )
    load("title.ratings", [{"tconst": "tt1", "num_votes": 5}])
    project.dbt("build")
    load("title.ratings", [{"tconst": "tt1", "num_votes": 0}])
    assert project.try_dbt("build").code != 0
    failed = "select model, failed_tests from ops.model_builds order by 1"
    assert project.rows(failed) == [("stg_a", 1), ("stg_b", 0)]


def test_a_build_says_of_which_files(project: Project, load: Callable[..., int]) -> None:
    """As whoever runs dbt says; a dbt run by hand says nothing."""
    toy.view(
        project,
        "stg_toy",
        "select tconst from {{ source('raw', 'title_ratings') }}",
        {"tconst": "text"},
    )
    toy.mart(project)
    load("title.ratings", [{"tconst": "tt1"}])
    versions = "select distinct project from ops.model_builds"
    replace(project, variables={"PGOPTIONS": "-c imdb.models=abc"}).dbt("build")
    assert project.rows(versions) == [("abc",)]
    project.dbt("build")
    assert project.rows(versions) == [(None,)]


def test_freshness_is_the_sources(project: Project, load: Callable[..., int]) -> None:
    """How long ago IMDb published what is loaded: warned after 36 hours, an error after 48."""
    now = dt.datetime.now(dt.UTC)
    ages = {"title.ratings": 35, "title.basics": 37, "name.basics": 49}
    for name, hours in ages.items():
        # An older load's younger file does not count: the latest load is what readers see.
        load(name, [], str(now))
        load(name, [], str(now - dt.timedelta(hours=hours)))
    said = project.try_dbt(
        "source",
        "freshness",
        "--select",
        *(f"source:raw.{name.replace('.', '_')}" for name in ages),
    ).output
    assert "PASS freshness of raw.title_ratings" in said
    assert "WARN freshness of raw.title_basics" in said
    assert "ERROR STALE freshness of raw.name_basics" in said
