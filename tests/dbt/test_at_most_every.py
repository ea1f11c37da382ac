"""A model that is built at most every so many days is left alone in between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.dbt import toy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Project

# Whoever computes it from a file that has a title without votes divides by zero.
WEEKLY = """
select tconst, average_rating, 60 / num_votes as num_votes
from {{ source('raw', 'title_ratings') }}
where {{ is_due() }}
"""
CONFIG = "unique_key='tconst', meta={'at_most_every_days': 7}"
# Of some rows, so that no constraint keeps a bad one from being written.
TESTS = """
    data_tests:
      - expression_holds: {arguments: {expression: num_votes < 60}, config: {where: tconst > ''}}"""


def _rows(*votes: int) -> list[dict[str, object]]:
    return [{"tconst": f"tt{number}", "num_votes": each} for number, each in enumerate(votes)]


def _state(project: Project) -> list[tuple[object, ...]]:
    """Return the model's rows where they lie, and all that is recorded of its build."""
    stored = project.rows("select ctid::text, xmin::text, num_votes from marts.mart_toy order by 1")
    return stored + project.rows("select * from ops.model_builds")


def test_a_weekly_model(project: Project, load: Callable[..., int]) -> None:
    """In days of the source, from midnight to midnight: six are too few, seven enough."""
    toy.mart(project, WEEKLY, config=CONFIG)
    weekly = replace(project, variables={"PGOPTIONS": "-c imdb.models=abc"})
    load("title.ratings", _rows(5), "2026-08-01 23:59+00")
    weekly.dbt("build")

    before = _state(project)
    load("title.ratings", _rows(0), "2026-08-02 00:40+00")
    weekly.dbt("build")
    load("title.ratings", _rows(0), "2026-08-07 23:59+00")
    assert "mart_toy: left as it is" in weekly.dbt("build")
    assert _state(project) == before

    latest = load("title.ratings", _rows(6, 10), "2026-08-08 00:01+00")
    weekly.dbt("build")
    assert project.rows("select num_votes from marts.mart_toy order by tconst") == [(10,), (6,)]
    recorded = "select loads, project, failed_tests from ops.model_builds"
    assert project.rows(recorded) == [({"title.ratings": latest}, "abc", 0)]
    before = _state(project)
    weekly.dbt("build")
    assert _state(project) == before


def test_what_makes_it_due_before(project: Project, load: Callable[..., int]) -> None:
    """Each is followed by a build of what is loaded now, and a rest after it."""
    toy.mart(project, WEEKLY, config=CONFIG, tests=TESTS)
    weekly = replace(project, variables={"PGOPTIONS": "-c imdb.models=abc"})
    other = replace(project, variables={"PGOPTIONS": "-c imdb.models=def"})
    seen = "select num_votes from marts.mart_toy"
    load("title.ratings", _rows(60), "2026-08-03 00:40+00")
    weekly.dbt("build")

    def build(by: Project, votes: int, *arguments: str, day: int = 4) -> int:
        load("title.ratings", _rows(votes), f"2026-08-{day:02} 00:40+00")
        return by.try_dbt("build", *arguments).code

    assert build(weekly, 30) == 0
    assert project.rows(seen) == [(1,)]
    assert build(weekly, 30, "--full-refresh") == 0
    assert project.rows(seen) == [(2,)]
    assert build(other, 20) == 0
    assert project.rows(seen) == [(3,)]
    assert build(other, 15) == 0
    assert project.rows(seen) == [(3,)]
    assert build(project, 15) == 0  # by hand, of who knows which files
    assert project.rows(seen) == [(4,)]
    assert build(weekly, 12) == 0
    assert project.rows(seen) == [(5,)]
    assert build(weekly, 10, day=2) == 0  # the file that it was built from has been withdrawn
    assert project.rows(seen) == [(6,)]
    assert build(weekly, 1, "--full-refresh", day=2) != 0  # its test fails
    assert project.rows(seen) == [(60,)]
    assert build(weekly, 6, day=2) == 0
    assert project.rows(seen) == [(10,)]
    project.execute("drop table marts.mart_toy")
    assert build(weekly, 5, day=3) == 0
    assert project.rows(seen) == [(12,)]
    assert build(weekly, 4, day=4) == 0
    assert project.rows(seen) == [(12,)]
