"""Tests look at the rows that the loads since they passed changed, and at all when they must."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.dbt import toy
from tests.dbt.conftest import apply_delta

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Project

_RATED = "tconst, num_votes"
_TESTS = """
    data_tests:
      - expression_holds: {name: has_votes, arguments: {expression: num_votes > 0}}
      - relationships:
          name: known
          arguments: {column_name: tconst, to: ref('stg_titles'), field: tconst}
          config: {severity: warn}"""


@pytest.fixture
def small(project: Project, load: Callable[..., int]) -> Project:
    """Give titles and their ratings, one of which is of no title, built and tested."""
    read = "select {} from {{{{ source('raw', '{}') }}}}"
    toy.view(project, "stg_titles", read.format("tconst", "title_basics"), {"tconst": "text"})
    toy.view(
        project,
        "stg_ratings",
        read.format(_RATED, "title_ratings"),
        {"tconst": "text", "num_votes": "integer"},
        _TESTS,
    )
    load("title.basics", [{"tconst": f"tt{number}"} for number in range(5)])
    load("title.ratings", [{"tconst": f"tt{number}", "num_votes": 5} for number in (1, 2, 9)])
    small = replace(project, variables={"PGOPTIONS": "-c imdb.models=abc"})
    assert _found(small) == {"known": 1}
    return small


def _found(project: Project, *arguments: str) -> dict[str, int]:
    """Build and return how many rows each test found, if any."""
    said = project.try_dbt("build", *arguments).output
    failed = re.findall(r"(?:Warning|Failure) in test (\w+) .*\n *Got (\d+) result", said)
    return {name: int(rows) for name, rows in failed}


def _rate(project: Project, *titles: str, votes: int = 5, day: int = 2) -> None:
    rows = ", ".join(f"('{title}', {votes})" for title in titles)
    statement = f"insert into raw.title_ratings ({_RATED}) values {rows}"  # noqa: S608 - made here
    apply_delta(project.database, "title.ratings", statement, f"2026-08-{day:02} 00:40+00")


def test_an_orphan_is_told_on_its_day(small: Project) -> None:
    """Of several loads since too; an old one is not told again."""
    _rate(small, "tt3", "tt8")
    assert _found(small) == {"known": 1}
    _rate(small, "tt4", day=3)
    assert _found(small) == {}
    _rate(small, "tt6", day=4)
    _rate(small, "tt7", day=5)
    assert _found(small) == {"known": 2}
    assert _found(small) == {}


def test_who_lost_its_parent_is_an_orphan(small: Project) -> None:
    """Though nothing of its own changed, and told once if that did as well."""
    gone = "delete from raw.title_basics where tconst in ('tt1', 'tt2')"
    apply_delta(small.database, "title.basics", gone)
    apply_delta(
        small.database,
        "title.ratings",
        "update raw.title_ratings set num_votes = 6 where tconst = 'tt2'",
    )
    assert _found(small) == {"known": 2}


def test_all_rows_after_a_full_load(small: Project, load: Callable[..., int]) -> None:
    """Also one of the parents: it may have brought anything."""
    _rate(small, "tt3", "tt8")
    assert _found(small) == {"known": 1}
    load("title.basics", [{"tconst": f"tt{number}"} for number in range(6)])
    assert _found(small) == {"known": 2}
    assert _found(small) == {}


def test_all_rows_once_a_week(small: Project) -> None:
    """By the dates of the files, not of those who run this; a whole pass begins the next week."""
    for day, found in {7: 1, 8: 3, 14: 1, 15: 5}.items():
        _rate(small, f"tt{day + 50}", day=day)
        assert _found(small) == {"known": found}


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ({"PGOPTIONS": "-c imdb.models=def"}, ()),
        ({}, ()),
        (None, ("--vars", "as_of_date: 2027-01-01")),
    ],
    ids=["other project files", "by hand", "another year"],
)
def test_all_rows_where_no_change_set_tells(
    small: Project, variables: dict[str, str] | None, arguments: tuple[str, ...]
) -> None:
    """Not the data has changed, but what is asked of it."""
    _rate(small, "tt8")
    project = small if variables is None else replace(small, variables=variables)
    assert _found(project, *arguments) == {"known": 2}


def test_a_failed_test_looks_at_everything_again(small: Project) -> None:
    """Until it passes, also on a later day; then at what changes."""
    _rate(small, "tt3", votes=0)
    assert _found(small)["has_votes"] == 1
    _rate(small, "tt4", day=3)
    assert _found(small)["has_votes"] == 1
    apply_delta(small.database, "title.ratings", "update raw.title_ratings set num_votes = 5")
    assert "has_votes" not in _found(small)
    # Nobody loads so: a row that no change set tells of is one that nobody looks at.
    small.execute("insert into raw.title_ratings values ('tt5', 1.0, 0)")
    _rate(small, "tt0", day=3)
    assert _found(small) == {}


def test_a_test_that_was_left_out_makes_up_for_it(small: Project) -> None:
    """By whichever process it is run next; the models are built meanwhile."""
    _rate(small, "tt8", votes=0)
    small.dbt("run")
    _rate(small, "tt3", day=3)
    alone = "--indirect-selection=cautious"
    assert _found(small, "--select", "stg_titles", alone) == {}
    assert _found(small, "--select", "stg_ratings", alone) == {"has_votes": 1}
    _rate(small, "tt4", day=4)
    small.dbt("run")
    assert _found(small, "--select", "known") == {"known": 1}
    assert _found(small, "--select", "known") == {}


def test_one_row_may_decide_for_its_equals(project: Project, load: Callable[..., int]) -> None:
    """Where what is tested depends on few values: the first title of each, all of its rows."""
    toy.view(
        project,
        "stg_titles",
        "select tconst, genres from {{ source('raw', 'title_basics') }}",
        {"tconst": "text", "genres": "text"},
        """
    data_tests:
      - expression_holds:
          name: no_news
          arguments: {expression: genres <> 'News'}
          config: {meta: {one_of_each: [genres]}}
      - expression_holds: {name: no_news_at_all, arguments: {expression: genres <> 'News'}}""",
    )
    genres = ["Drama", "News", "News", None]
    load(
        "title.basics",
        [{"tconst": f"tt{number}", "genres": each} for number, each in enumerate(genres)],
    )
    assert _found(project) == {"no_news": 2, "no_news_at_all": 3}


def test_a_key_of_the_parent_itself_is_not_looked_up(
    project: Project, load: Callable[..., int]
) -> None:
    """Postgres knows which relation a view's column is of; what is made of it may be anything."""
    toy.view(
        project,
        "stg_titles",
        "select tconst, genres from {{ source('raw', 'title_basics') }}",
        {"tconst": "text", "genres": "text"},
    )
    joined = """
        select r.num_votes, {} as tconst from {{{{ source('raw', 'title_ratings') }}}} as r
        inner join {{{{ ref('stg_titles') }}}} as t on r.tconst = t.tconst"""
    for name, column in {"own": "t.tconst", "made": "t.tconst || 'x'", "other": "r.tconst"}.items():
        toy.view(
            project,
            f"stg_{name}",
            joined.format(column),
            {"num_votes": "integer", "tconst": "text"},
            f"""
    data_tests:
      - relationships:
          name: {name}
          arguments: {{column_name: tconst, to: ref('stg_titles'), field: tconst}}""",
        )
    load("title.basics", [{"tconst": "tt1"}])
    load("title.ratings", [{"tconst": "tt1", "num_votes": 5}])
    assert _found(project) == {"made": 1}
    compiled = {
        name: next(project.target.rglob(f"compiled/**/{name}.sql")).read_text()
        for name in ("own", "other", "made")
    }
    assert {name for name, query in compiled.items() if "proved" in query} == {"own"}
