"""What is odd in a load is looked for among the rows that it changed, or among all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.dbt.conftest import apply_delta

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Project

_FOUND = """
    select "check", rows_checked, rows_failing, example_key, is_whole
    from marts.mart_data_quality
    where load_id = (select max(load_id) from ops.loads where dataset = '{}')
    order by "check"
"""


@pytest.fixture
def checked(whole_project: Project, load: Callable[..., int]) -> Project:
    """Give two titles with three credits, one of an unknown person, and the first load's checks."""
    load("title.basics", [{"tconst": t, "title_type": "movie"} for t in ("tt1", "tt2")])
    load("name.basics", [{"nconst": "nm1"}, {"nconst": "nm2"}])
    load(
        "title.principals",
        [
            {"tconst": title, "ordering": ordering, "nconst": person, "category": "actor"}
            for title, ordering, person in (("tt1", 1, "nm1"), ("tt1", 2, "nm2"), ("tt2", 1, "nm9"))
        ],
    )
    load("title.crew", [{"tconst": "tt1", "directors": "nm1,nm8"}])
    project = replace(whole_project, variables={"PGOPTIONS": "-c imdb.models=abc"})
    _check(project)
    return project


def _check(project: Project) -> None:
    project.dbt("run", "--select", "+mart_data_quality")


def _principals(project: Project) -> dict[str, list[object]]:
    return {name: found for name, *found in project.rows(_FOUND.format("title.principals"))}


def _credit(project: Project, title: str, ordering: int, person: str, day: int = 2) -> None:
    values = f"('{title}', {ordering}, '{person}', 'actor')"
    apply_delta(
        project.database,
        "title.principals",
        f"insert into raw.title_principals (tconst, ordering, nconst, category) values {values}",  # noqa: S608 - made here
        f"2026-08-{day:02} 00:40+00",
    )


def test_a_full_load_is_checked_whole(checked: Project) -> None:
    """Each row against all checks, with the first that fails as an example."""
    assert _principals(checked) == {
        "missing person": [3, 0, None, True],
        "orphan person": [3, 1, "tt2 1", True],
        "orphan title": [3, 0, None, True],
        "unknown category": [3, 0, None, True],
    }
    assert checked.rows(_FOUND.format("title.crew")) == [
        ("orphan director", 2, 1, "tt1 nm8", True),
        ("orphan title", 1, 0, None, True),
        ("orphan writer", 0, 0, None, True),
    ]


def test_of_a_delta_the_changed_rows_are_checked(checked: Project) -> None:
    """Of all deltas since, and no other row of the title; the old orphan is not counted again."""
    _credit(checked, "tt1", 3, "nm1")
    _credit(checked, "tt9", 1, "nm7", day=3)
    _check(checked)
    assert _principals(checked) == {
        "missing person": [2, 0, None, False],
        "orphan person": [2, 1, "tt9 1", False],
        "orphan title": [2, 1, "tt9 1", False],
        "unknown category": [2, 0, None, False],
    }
    _credit(checked, "tt1", 4, "nm2", day=4)
    _check(checked)
    assert _principals(checked)["orphan person"] == [1, 0, None, False]


def test_rows_whose_parent_went_are_checked_too(checked: Project) -> None:
    """With the load of their own dataset that is checked next."""
    gone = "delete from raw.name_basics where nconst = 'nm2'"
    apply_delta(checked.database, "name.basics", gone)
    _check(checked)
    _credit(checked, "tt1", 3, "nm1")
    _check(checked)
    assert _principals(checked)["orphan person"] == [2, 1, "tt1 2", False]


def test_of_several_changes_of_a_row_the_last_is_checked(checked: Project) -> None:
    """Once, though its parent went as well; a row that is gone again is not."""
    for day, statement in enumerate(
        (
            "update raw.title_principals set nconst = '' where nconst = 'nm2'",
            "update raw.title_principals set category = 'poet', nconst = 'nm2' where nconst = ''",
            "insert into raw.title_principals (tconst, ordering) values ('tt2', 2)",
            "delete from raw.title_principals where (tconst, ordering) = ('tt2', 2)",
        ),
        start=2,
    ):
        apply_delta(checked.database, "title.principals", statement, f"2026-08-{day:02} 00:40+00")
    apply_delta(checked.database, "name.basics", "delete from raw.name_basics where nconst = 'nm2'")
    _check(checked)
    assert _principals(checked) == {
        "missing person": [1, 0, None, False],
        "orphan person": [1, 1, "tt1 2", False],
        "orphan title": [1, 0, None, False],
        "unknown category": [1, 1, "tt1 2", False],
    }


def test_changed_rows_are_checked_also_where_no_change_set_tells_them(checked: Project) -> None:
    """A title's name and the people of a crew stand in the table alone."""
    apply_delta(
        checked.database,
        "title.basics",
        "update raw.title_basics set primary_title = 'A name' where tconst = 'tt1'",
    )
    apply_delta(
        checked.database,
        "title.crew",
        "update raw.title_crew set directors = 'nm1,nm7' where tconst = 'tt1'",
    )
    _check(checked)
    titles = {name: found for name, *found in checked.rows(_FOUND.format("title.basics"))}
    assert titles["missing title"] == [1, 0, None, False]
    assert checked.rows(_FOUND.format("title.crew"))[0] == (
        "orphan director",
        2,
        1,
        "tt1 nm7",
        False,
    )


def test_all_rows_after_a_full_load_of_the_parents(
    checked: Project, load: Callable[..., int]
) -> None:
    """And after other project files, and a week after the last time that all were checked."""
    _credit(checked, "tt1", 3, "nm1")
    load("name.basics", [{"nconst": "nm1"}])
    _check(checked)
    assert _principals(checked)["orphan person"] == [4, 2, "tt1 2", True]
    _credit(checked, "tt1", 4, "nm1")
    other = replace(checked, variables={"PGOPTIONS": "-c imdb.models=def"})
    _check(other)
    assert _principals(checked)["orphan person"] == [5, 2, "tt1 2", True]
    for day, rows, is_whole in ((8, 1, False), (9, 7, True), (15, 1, False), (16, 9, True)):
        _credit(checked, "tt1", day, "nm1", day)
        _check(other)
        assert _principals(checked)["missing person"] == [rows, 0, None, is_whole]
