"""What a run tells a person at its end."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console

from sandbox import summary

if TYPE_CHECKING:
    from tests.places import Database


def _said(database: Database, year: str) -> str:
    with database.connect() as connection:
        connection.execute("set search_path = marts")
        connection.execute("drop table if exists mart_top_titles")
        connection.execute(
            "create table mart_top_titles as select 'Lost Whale' as primary_title,"
            f" {year}::smallint as start_year, 8.8 as average_rating, 12345 as num_votes,"
            " 'movie' as title_type, 1 as type_rank"
        )
        said = StringIO()
        summary.tell_marts(Console(file=said, width=100), connection)
        return said.getvalue()


def test_an_answer_without_a_year(database: Database) -> None:
    """One title in eight has none; the others are told with it, and what is not built is not."""
    assert "Best film  Lost Whale (1999): 8.8 of 12,345 votes" in _said(database, "1999")
    without = _said(database, "null")
    assert "Best film  Lost Whale: 8.8 of 12,345 votes" in without
    assert "Best series" not in without
