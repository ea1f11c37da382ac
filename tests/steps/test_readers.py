"""Load: what readers of a table, and whatever they built on it, see and wait for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from steps.catalog import BY_NAME
from steps.errors import TemporaryError
from tests.steps.pipeline import CLEAN

if TYPE_CHECKING:
    from tests.steps.pipeline import Pipeline

_RATINGS = BY_NAME["title.ratings"]
_EPISODE = BY_NAME["title.episode"]


def test_readers_see_old_or_new_and_nothing_else(pipeline: Pipeline) -> None:
    """While one swap follows the other no reader meets an error, an empty or a mixed table."""
    keys = [pipeline.deposit_rows(_RATINGS, range(start, start + 50)) for start in (100, 300)]
    pipeline.load(_RATINGS, keys[0])
    ended = threading.Event()

    def read(query: str) -> set[tuple[object, ...]]:
        seen = set()
        with pipeline.database.connect() as connection:
            while not ended.is_set():
                seen.add(tuple(connection.execute(query).fetchone() or ()))
        return seen

    query = "select count(*), min(num_votes), max(num_votes) from raw.title_ratings"
    prepared = "select count(*), min(tconst), max(tconst) from raw.title_ratings where tconst > 'a'"
    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read, each) for each in (query, query, prepared)]
        try:
            for number in range(10):
                pipeline.load(_RATINGS, keys[1 - number % 2], accept=True)
        finally:
            ended.set()
    both = {(50, 100, 149), (50, 300, 349)}
    assert readers[0].result() | readers[1].result() == both
    assert readers[2].result() <= {
        (50, f"tt{start:07}", f"tt{start + 49:07}") for start in (100, 300)
    }


def test_what_users_built_on_raw_tables_survives(pipeline: Pipeline) -> None:
    """Views, grants, comments, deletes through the parent, and dbt's right to read: all stay."""
    pipeline.deposit_rows(_EPISODE, range(1, 11))
    pipeline.load(_EPISODE)
    with pipeline.database.connect() as connection:
        connection.execute(
            "create schema mine; "
            "create view mine.episodes as select * from raw.title_episode where tconst > ''; "
            "grant usage on schema raw to reader; grant select on raw.title_episode to reader; "
            "comment on table raw.title_episode is 'mine'"
        )
    for count in (12, 13):
        pipeline.deposit_rows(_EPISODE, range(1, count))
        pipeline.load(_EPISODE)
    counts = {
        role: pipeline.database.connect(role).execute("select count(*) from raw.title_episode")
        for role in ("dbt", "reader", "loader")
    }
    assert {role: cursor.fetchone() for role, cursor in counts.items()} == dict.fromkeys(
        counts, (12,)
    )
    for cursor in counts.values():
        cursor.connection.close()
    with pipeline.database.connect() as connection:
        assert connection.execute("select count(*) from mine.episodes").fetchone() == (12,)
        assert connection.execute(
            "select obj_description('raw.title_episode'::regclass)"
        ).fetchone() == ("mine",)


def test_a_report_begun_before_sees_one_whole_day(pipeline: Pipeline) -> None:
    """A repeatable-read report keeps its day; the swap waits for it, bounded, then 75."""
    pipeline.deposit_rows(_RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    pipeline.deposit_rows(_RATINGS, range(1, 13))
    count = "select count(*) from raw.title_ratings"
    with pipeline.database.connect() as report:
        report.execute("begin isolation level repeatable read; select 1")
        with pytest.raises(TemporaryError, match=r"transaction of postgres \(pid \d+\).*IMDB_SWAP"):
            pipeline.load(_RATINGS, full=True, imdb_swap_seconds=0.3)
        # It has taken no lock on the table, and finds its day whole.
        assert report.execute(count).fetchone() == (10,)
        report.execute("commit")
        assert pipeline.visible() == before
        assert pipeline.leftovers() == CLEAN
        pipeline.load(_RATINGS, full=True)
        assert report.execute(count).fetchone() == (12,)


def test_a_swap_goes_on_when_the_report_has_ended(pipeline: Pipeline) -> None:
    """A wait within the bound is no failure."""
    pipeline.deposit_rows(_RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    pipeline.deposit_rows(_RATINGS, range(1, 13))
    with pipeline.database.connect() as report, ThreadPoolExecutor(1) as pool:
        report.execute("begin isolation level repeatable read; select 1")
        loading = pool.submit(pipeline.load, _RATINGS, full=True, imdb_swap_seconds=60.0)
        pipeline.wait_for(
            "select count(*) = 1 from pg_class where relname ~ '__[0-9]+$' and relkind = 'r' "
            "and not relispartition",
        )
        assert report.execute("select count(*) from raw.title_ratings").fetchone() == (10,)
        assert not loading.done()
        report.execute("commit")
        assert loading.result().rows == 12


@pytest.mark.parametrize("mode", ["access share", "row exclusive"])
def test_a_reader_that_holds_a_lock(pipeline: Pipeline, mode: str) -> None:
    """An open read-committed transaction holds the swap up, bounded; others read on meanwhile."""
    pipeline.deposit_rows(_RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    pipeline.deposit_rows(_RATINGS, range(1, 13))
    with pipeline.database.connect() as holder, pipeline.database.connect() as other:
        holder.execute(f"begin; lock table raw.title_ratings in {mode} mode")
        # More than a swap's short tries, less than its patience.
        other.execute("set statement_timeout = '5s'")
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(pipeline.load, _RATINGS, full=True, imdb_swap_seconds=1.5)
            try:
                while not loading.done():
                    count = other.execute("select count(*) from raw.title_ratings").fetchone()
                    assert count == (10,)
                with pytest.raises(TemporaryError, match=r"readers held title\.ratings for 2 s"):
                    loading.result()
            finally:
                holder.execute("commit")
    assert pipeline.visible() == before
    assert pipeline.leftovers() == CLEAN
    assert pipeline.load(_RATINGS, full=True).rows == 12


def test_data_and_ledger_are_never_apart(pipeline: Pipeline) -> None:
    """Whoever sees the ledger's new row sees the new rows, and the other way round."""
    keys = [pipeline.deposit_rows(_RATINGS, range(1, 11 + extra)) for extra in (0, 1)]
    pipeline.load(_RATINGS, keys[0])
    ended = threading.Event()
    query = (
        "select (select count(*) from raw.title_ratings), "
        "(select rows from ops.loads order by load_id desc limit 1)"
    )

    def read() -> set[tuple[object, ...]]:
        seen = set()
        with pipeline.database.connect() as connection:
            while not ended.is_set():
                # One snapshot, taken after the lock: a statement's own is taken before.
                connection.execute("begin; lock table raw.title_ratings in access share mode")
                seen.add(tuple(connection.execute(query).fetchone() or ()))
                connection.execute("commit")
        return seen

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            for number in range(6):
                pipeline.load(_RATINGS, keys[1 - number % 2], accept=True)
        finally:
            ended.set()
    assert reader.result() == {(10, 10), (11, 11)}
