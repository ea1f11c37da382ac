"""Tests of a table's single rows are its CHECK constraints, and read no row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.dbt import toy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Project

TESTS = """
    data_tests:
      - accepted_range:
          arguments: {column_name: num_votes, min_value: 5, max_value: "{{ 5 + 15 }}"}
      - accepted_range: {arguments: {column_name: start_year, max_value: "{{ as_of_year() }}"}}
      - accepted_labels: {arguments: {column_name: label, band: runtime_category}}
      - expression_holds: {arguments: {expression: num_votes > 0}}
      - expression_holds:
          name: seldom
          arguments: {expression: num_votes > 6}
          config: {severity: warn}
      - expression_holds:
          name: of_some
          arguments: {expression: num_votes > 7}
          config: {where: tconst <> 'tt1'}"""
QUERY = """
select tconst, num_votes, 'Short' as label, 2000 as start_year
from {{ source('raw', 'title_ratings') }}
"""
COLUMNS = {"tconst": "text", "num_votes": "integer", "label": "text", "start_year": "integer"}


def mart(project: Project, tests: str = TESTS) -> None:
    """Write the mart."""
    toy.mart(project, QUERY, COLUMNS, tests=tests)


def checks(project: Project) -> dict[str, str]:
    """Return the constraints by name, without the hash that ends it."""
    found = project.rows(
        "select conname, pg_get_constraintdef(oid) from pg_constraint"
        " where conrelid = 'marts.mart_toy'::regclass and contype = 'c'"
    )
    return {name.rpartition("_")[0] or name: definition for name, definition in found}


def test_a_row_that_fails_is_not_written(project: Project, load: Callable[..., int]) -> None:
    """The build fails and names what does not hold; readers keep the table as it was."""
    mart(project)
    load("title.ratings", [{"tconst": "tt1", "num_votes": 7}, {"tconst": "tt2", "num_votes": 20}])
    project.dbt("build")
    assert checks(project).keys() == {"num_votes", "label", "num_votes_0"}
    for wrong in (4, 21, None):
        row: dict[str, object] = {} if wrong is None else {"num_votes": wrong}
        load("title.ratings", [{"tconst": "tt1", "num_votes": 8}, {"tconst": "tt2", **row}])
        ended = project.try_dbt("build")
        assert ended.code != 0
        assert 'violates check constraint "num_votes_' in ended.output, ended.output
        assert project.rows("select tconst, num_votes from marts.mart_toy order by 1") == [
            ("tt1", 7),
            ("tt2", 20),
        ]


def test_what_a_constraint_says_is_not_read_again(
    project: Project, load: Callable[..., int]
) -> None:
    """Without a constraint, or with one of another condition, rows are read and found."""
    mart(project)
    load("title.ratings", [{"tconst": "tt1", "num_votes": 7}])
    project.dbt("build")
    tests = {
        node["name"]: (project.target / "compiled/imdb" / node["original_file_path"] / node["path"])
        for node in project.manifest()["nodes"].values()
        if node["resource_type"] == "test" and node["attached_node"] == "model.imdb.mart_toy"
    }
    proved = {name for name, file in tests.items() if "proved by a constraint" in file.read_text()}
    assert len(tests) == 6
    assert tests.keys() - proved == {
        "seldom",
        "of_some",
        "accepted_range_mart_toy_start_year___as_of_year_",
    }

    # One that is not valid for the rows that stand proves nothing of them.
    constraints = project.rows(
        "select string_agg(format('drop constraint %I', conname), ', '),"
        " string_agg(format('add constraint %I check (false) not valid', conname), ', ')"
        " from pg_constraint where conrelid = 'marts.mart_toy'::regclass and contype = 'c'"
    )
    project.execute(f"alter table marts.mart_toy {constraints[0][0]}")
    project.execute("update marts.mart_toy set num_votes = 0, label = 'none'")
    project.execute(f"alter table marts.mart_toy {constraints[0][1]}")
    said = project.try_dbt("test").output
    for failed in proved:
        assert f"FAIL 1 {failed}" in said, said


def test_constraints_follow_the_tests(project: Project, load: Callable[..., int]) -> None:
    """Another test is another constraint, also of the rows that stand; the user's own stay."""
    mart(project)
    load("title.ratings", [{"tconst": "tt1", "num_votes": 7}])
    project.dbt("build")
    project.execute("alter table marts.mart_toy add constraint mine check (num_votes < 1000)")
    mart(project, TESTS.replace("num_votes > 0", "num_votes > 1").replace("min_value: 5, ", ""))
    said = project.dbt("build")
    assert "mart_toy: 0 rows deleted, 0 inserted" in said
    assert checks(project) == {
        "num_votes": "CHECK ((num_votes <= 20))",
        "num_votes_1": "CHECK (((num_votes > 1) IS TRUE))",
        "label": checks(project)["label"],
        "mine": "CHECK ((num_votes < 1000))",
    }
    mart(project, TESTS.replace("num_votes > 0", "num_votes > 7"))
    ended = project.try_dbt("build")
    assert ended.code != 0
    assert "is violated by some row" in ended.output
    assert "num_votes_1" in checks(project)
