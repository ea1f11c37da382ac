"""Prewarm: a table is read ahead where that pays and fits, and never needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from steps import database, prewarm
from steps.catalog import BY_NAME

if TYPE_CHECKING:
    from tests.steps.pipeline import Pipeline

_EPISODE = BY_NAME["title.episode"]

_SIZES = """
    select pg_relation_size(relid) / 8192 from pg_partition_tree('raw.title_episode') where isleaf
    union all
    select pg_relation_size(indexrelid) / 8192
    from pg_partition_tree('raw.title_episode') inner join pg_index on indrelid = relid
    where isleaf
"""


@pytest.fixture
def pages(pipeline: Pipeline) -> list[int]:
    """Load a table and return the pages of it and its indexes, the smallest first."""
    pipeline.deposit_rows(_EPISODE, range(1, 20_001))
    pipeline.load(_EPISODE)
    with pipeline.database.connect() as connection:
        return sorted(size for (size,) in connection.execute(_SIZES))


def _read(pipeline: Pipeline, rows: int, cache: str = "1GB") -> int:
    with database.connect(pipeline.settings(), effective_cache_size=cache) as connection:
        return prewarm.read(connection, _EPISODE, rows)


def test_what_many_rows_would_touch_is_read(pipeline: Pipeline, pages: list[int]) -> None:
    """The table and its indexes, each of which has at most 16 pages for each row; as loader."""
    assert len(pages) == 3
    assert pages[0] > 32
    assert _read(pipeline, 20_000) == sum(pages)
    assert _read(pipeline, 2) == 0
    # Rounded up: there are as many rows as the largest but one needs, too few for the largest.
    rows = -(-pages[1] // 16)
    assert pages[2] > rows * 16
    assert _read(pipeline, rows) == pages[0] + pages[1]


def test_what_does_not_fit_into_the_cache_is_not_read(pipeline: Pipeline, pages: list[int]) -> None:
    """Its first pages would be gone when the last have come."""
    assert pages[1] < pages[2]
    assert _read(pipeline, 20_000, f"{pages[2] * 8}kB") == sum(pages)
    assert _read(pipeline, 20_000, f"{pages[2] * 8 - 8}kB") == pages[0] + pages[1]


def test_a_table_without_partitions_is_read_too(pipeline: Pipeline) -> None:
    """By the role whose it is: models are such tables."""
    with pipeline.database.connect("dbt") as connection:
        connection.execute(
            "create table marts.numbers as select generate_series(1, 100000) as number; "
            "alter table marts.numbers add primary key (number)"
        )
        row = connection.execute(
            "select ops.read_ahead('marts.numbers', 100000), "
            "pg_relation_size('marts.numbers') / 8192, pg_indexes_size('marts.numbers') / 8192"
        ).fetchone()
        assert row is not None
        pages, table, index = row
        assert pages == table + index > 0


def test_an_extension_out_of_reach_is_none(pipeline: Pipeline, pages: list[int]) -> None:
    """Somebody has put it into a schema of their own."""
    assert _read(pipeline, 20_000) == sum(pages)
    with pipeline.database.connect() as connection:
        connection.execute("create schema own; alter extension pg_prewarm set schema own")
    assert _read(pipeline, 20_000) == 0


@pytest.mark.usefixtures("pages")
def test_loads_go_without_the_extension(pipeline: Pipeline) -> None:
    """A database whose owner may not make it has slower deltas, and no others."""
    with pipeline.database.connect() as connection:
        connection.execute("drop extension pg_prewarm")
    assert _read(pipeline, 20_000) == 0
    pipeline.deposit_rows(_EPISODE, range(1, 20_101))
    assert pipeline.load(_EPISODE).kind == "delta"


def test_who_may_not_make_it_goes_on(pipeline: Pipeline) -> None:
    """What follows in the same transaction is done, and the log says what is missing."""
    with pipeline.database.connect() as connection:
        connection.execute("drop extension pg_prewarm")
    with (
        database.connect(pipeline.settings()) as connection,
        connection.transaction(),
        capture_logs() as logs,
    ):
        prewarm.extend(connection)
        assert connection.execute("select 1").fetchone() == (1,)
    assert [entry["event"] for entry in logs] == ["no_pg_prewarm"]
