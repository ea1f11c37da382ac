"""A view is made when its SQL changed, and what users built on it stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.dbt import toy

if TYPE_CHECKING:
    from tests.dbt.conftest import Project

PLAIN = "select tconst, num_votes from {{ source('raw', 'title_ratings') }}"
PLAIN_COLUMNS = {"tconst": "text", "num_votes": "integer"}
ON_TOP = "select tconst, num_votes * 2 as doubled from {{ ref('stg_toy') }}"
ON_TOP_COLUMNS = {"tconst": "text", "doubled": "integer"}

# CREATE OR REPLACE keeps the view and writes its rule anew.
IDENTITY = """
    select relname::text, c.oid::bigint, r.xmin::text, relacl::text
    from pg_class as c join pg_rewrite as r on ev_class = c.oid
    where relnamespace = 'staging'::regnamespace order by 1
"""


def test_views_live_as_long_as_they_can(project: Project) -> None:
    """Unchanged: untouched. New SQL: replaced in place. Incompatible: made anew with its grants.

    A view of a user on top stops the last, by name, and nothing is changed.
    """
    toy.view(project, "stg_toy", PLAIN, PLAIN_COLUMNS)
    toy.view(project, "stg_top", ON_TOP, ON_TOP_COLUMNS)
    project.dbt("run")
    project.execute("grant select on staging.stg_toy, staging.stg_top to reader")
    project.execute("create view public.mine as select tconst from staging.stg_toy")
    first = project.rows(IDENTITY)

    project.dbt("run")
    assert project.rows(IDENTITY) == first

    toy.view(
        project,
        "stg_toy",
        PLAIN.replace("num_votes", "num_votes + 1 as num_votes, 1 as more"),
        PLAIN_COLUMNS | {"more": "integer"},
    )
    project.dbt("run")
    second = project.rows(IDENTITY)
    assert [row[:2] + row[3:] for row in second] == [row[:2] + row[3:] for row in first]
    assert second != first
    assert project.rows("select count(*) from public.mine") == [(0,)]

    toy.view(
        project,
        "stg_toy",
        PLAIN.replace("num_votes", "num_votes::bigint as num_votes"),
        PLAIN_COLUMNS | {"num_votes": "bigint"},
    )
    toy.view(project, "stg_top", ON_TOP, ON_TOP_COLUMNS | {"doubled": "bigint"})
    refused = project.try_dbt("run")
    assert refused.code != 0
    assert "mine" in refused.output
    assert project.rows(IDENTITY) == second

    project.execute("drop view public.mine")
    project.dbt("run", "--select", "stg_toy")
    third = project.rows(IDENTITY)
    assert [row[3] for row in third] == [row[3] for row in second]
    project.dbt("run")
    assert project.rows(
        "select data_type from information_schema.columns where column_name = 'doubled'"
    ) == [("bigint",)]


def test_descriptions_are_the_databases_comments(project: Project) -> None:
    """And are written once."""
    toy.mart(project)
    project.dbt("run")
    comments = (
        "select obj_description(oid), col_description(oid, 1), xmin::text from pg_class"
        " where oid = 'marts.mart_toy'::regclass"
    )
    found = project.rows(comments)
    assert found[0][:2] == ("A toy.", "A column.")
    written = "select xmin::text from pg_description where objoid = 'marts.mart_toy'::regclass"
    before = project.rows(written)
    project.dbt("run")
    assert project.rows(written) == before
