"""The generic tests fail when they should, and read no row where a constraint proves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.dbt import toy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Project

TESTS = """
    data_tests:
      - unique: {arguments: {column_name: tconst}}
      - unique_combination: {arguments: {columns: [tconst, num_votes]}}
      - not_null: {arguments: {column_name: num_votes}}
      - accepted_range: {arguments: {column_name: num_votes, min_value: 5, max_value: 10}}
      - accepted_labels: {arguments: {column_name: label, band: runtime_category}}
      - expression_holds: {arguments: {expression: num_votes > 0}}"""
VIEW = """
select tconst, num_votes, 'Short' as label from {{ source('raw', 'title_ratings') }}
"""
COLUMNS = {"tconst": "text", "num_votes": "integer", "label": "text"}


def test_generic_tests_find_what_they_look_for(project: Project, load: Callable[..., int]) -> None:
    """Through a view over a table with its key: nothing is scanned. Without the key: found.

    What is counted are rows, not the values that they share.
    """
    toy.view(project, "stg_toy", VIEW, COLUMNS, TESTS)
    load("title.ratings", [{"tconst": "tt1", "num_votes": 5}, {"tconst": "tt2", "num_votes": 10}])
    assert "no index proves it" not in project.dbt("build")
    assert project.rows("explain (costs off) select from staging.stg_toy where tconst is null")[
        1
    ] == ("  One-Time Filter: false",)

    project.execute("alter table raw.title_ratings drop constraint title_ratings_pkey")
    broken: list[dict[str, object]] = [
        {"tconst": "tt1", "num_votes": 4},
        {"tconst": "tt1", "num_votes": 4},
        {"tconst": "tt2", "num_votes": 11},
        {"tconst": "tt3"},
    ]
    load("title.ratings", broken)
    toy.view(project, "stg_toy", VIEW.replace("'Short'", "'Shortish'"), COLUMNS, TESTS)
    said = project.try_dbt("build").output
    assert said.count("no index proves it, scanning") == 2
    for failed, rows in {
        "unique_stg_toy_tconst": 2,
        "unique_combination_stg_toy_tconst__num_votes": 2,
        "not_null_stg_toy_num_votes": 1,
        "accepted_range_stg_toy_num_votes__10__5": 3,
        "accepted_labels_stg_toy_runtime_category__label": 4,
        "expression_holds_stg_toy_num_votes_0": 1,
    }.items():
        assert f"FAIL {rows} {failed}" in said, said
