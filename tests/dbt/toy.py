"""A project of one mart, small enough to change in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.dbt.conftest import Project

COLUMNS = {"tconst": "text", "average_rating": "numeric(3,1)", "num_votes": "integer"}

SQL = """
select tconst, average_rating, num_votes from {{ source('raw', 'title_ratings') }}
"""


def mart(
    project: Project,
    query: str = SQL,
    columns: dict[str, str] = COLUMNS,
    *,
    config: str = "unique_key='tconst'",
    tests: str = "",
    name: str = "mart_toy",
) -> None:
    """Write the mart's SQL and contract."""
    listed = "".join(
        f"\n      - name: {column}\n        data_type: {data_type}\n        description: A column."
        for column, data_type in columns.items()
    )
    project.write(f"models/marts/{name}.sql", f"{{{{ config({config}) }}}}\n{query}")
    project.write(
        f"models/marts/{name}.yml",
        f"models:\n  - name: {name}\n    description: A toy.{tests}\n    columns:{listed}\n",
    )


def view(project: Project, name: str, query: str, columns: dict[str, str], tests: str = "") -> None:
    """Write a view of the staging layer."""
    listed = "".join(f"\n      - name: {c}\n        data_type: {t}" for c, t in columns.items())
    project.write(f"models/staging/{name}.sql", query)
    project.write(
        f"models/staging/{name}.yml", f"models:\n  - name: {name}{tests}\n    columns:{listed}\n"
    )
