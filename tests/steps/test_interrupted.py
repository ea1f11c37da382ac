"""Loads that are ended in the middle, by a signal, Postgres or the store: old rows or new."""

from __future__ import annotations

import gzip
import signal
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest
from psycopg.generators import copy_to
from psycopg.waiting import Wait

from steps import database as databases
from steps import fill, swap, tsv
from steps import store as stores
from steps.catalog import BY_NAME
from steps.errors import TemporaryError
from tests.steps import files
from tests.steps.pipeline import CLEAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.abc import PQGen
    from psycopg.rows import TupleRow

    from tests.steps.pipeline import Pipeline

_BASICS = BY_NAME["title.basics"]
_RATINGS = BY_NAME["title.ratings"]
_EPISODE = BY_NAME["title.episode"]
_PRINCIPALS = BY_NAME["title.principals"]


def _during_copy(
    monkeypatch: pytest.MonkeyPatch, action: Callable[[], object], blocks: int = 3
) -> None:
    """Do something once while COPY runs, after some blocks of a file in many."""
    monkeypatch.setattr(fill, "_READ_BYTES", 2000)
    whole = tsv.to_copy
    taken = iter(range(1_000_000))

    def to_copy(block: bytes) -> bytes:
        if next(taken) == blocks:
            action()
        return whole(block)

    monkeypatch.setattr(tsv, "to_copy", to_copy)


def _terminate(pipeline: Pipeline, which: str) -> None:
    """End sessions of the load, once there are any: its first blocks are there before they are."""
    pipeline.wait_for(
        "select count(pg_terminate_backend(pid)) > 0 from pg_stat_activity "  # noqa: S608 - the tests' own
        f"where application_name = 'imdb' and datname = current_database() and {which}"
    )


def _begin(pipeline: Pipeline) -> dict[str, object]:
    """Show yesterday's rows, put today's larger file into the store."""
    pipeline.deposit_rows(_EPISODE, range(1, 1001))
    pipeline.load(_EPISODE)
    pipeline.deposit_rows(_EPISODE, range(1, 20_001))
    return pipeline.visible()


@pytest.mark.parametrize("which", ["query ilike 'copy%'", "query not ilike 'copy%'", "true"])
def test_postgres_ends_a_session_while_it_copies(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """Whichever connection is lost: 75, the old rows, and the next run is as if nothing was."""
    before = _begin(pipeline)
    with monkeypatch.context() as patch:
        _during_copy(patch, lambda: _terminate(pipeline, which))
        with pytest.raises(TemporaryError, match="the database went away"):
            pipeline.load(_EPISODE)
    assert pipeline.visible() == before
    assert pipeline.load(_EPISODE).rows == 20_000
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize("stage", ["index", "wait_for_snapshots", "swap"])
def test_postgres_ends_a_session_later_on(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The same before the indexes, before the swap and within it."""
    before = _begin(pipeline)
    with monkeypatch.context() as patch:
        if stage == "swap":
            whole = swap._partitions  # noqa: SLF001 - the middle of the swap's transaction

            def partitions(*arguments: object) -> object:
                found = whole(*arguments)  # type: ignore[arg-type]  # passed on as they came
                _terminate(pipeline, "true")
                return found

            patch.setattr(swap, "_partitions", partitions)
        else:
            module = fill if stage == "index" else swap
            function = getattr(module, stage)

            def late(*arguments: object) -> object:
                _terminate(pipeline, "true")
                return function(*arguments)

            patch.setattr(module, stage, late)
        with pytest.raises(TemporaryError, match="the database went away"):
            pipeline.load(_EPISODE)
    assert pipeline.visible() == before
    assert pipeline.load(_EPISODE).rows == 20_000
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize(
    "error", [psycopg.OperationalError("lost"), KeyboardInterrupt(15)], ids=repr
)
def test_an_acknowledgement_that_is_lost(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Ended after COMMIT, whatever by: the new rows stay, and the next run does nothing."""
    _begin(pipeline)
    whole = swap.swap

    def swap_and_die(*arguments: object, **more: object) -> None:
        whole(*arguments, **more)  # type: ignore[arg-type]  # passed on as they came
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(swap, "swap", swap_and_die)
        with pytest.raises((TemporaryError, KeyboardInterrupt)):
            pipeline.load(_EPISODE)
    assert pipeline.load(_EPISODE).kind == "unchanged"
    assert pipeline.export(_EPISODE).count(b"\n") == 20_001
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_load_that_is_ended(pipeline: Pipeline, number: signal.Signals, code: int) -> None:
    """Ended while it waits for its swap, a load changes nothing, and the next one is clean."""
    before = _begin(pipeline)
    with pipeline.database.connect() as report:
        report.execute("begin isolation level repeatable read; select 1")
        with pipeline.start("load", "title.episode", IMDB_SWAP_SECONDS="60") as process:
            pipeline.wait_for(
                "select count(*) = 1 from pg_class c join pg_index on c.oid = indrelid where "
                "relname ~ '^title_episode__[0-9]+$' and not relispartition and not indisprimary",
            )
            process.send_signal(number)
            process.communicate(timeout=30)
        report.execute("commit")
    assert process.returncode == code
    assert pipeline.visible() == before
    if number != signal.SIGKILL:
        assert pipeline.leftovers() == CLEAN
    else:
        pipeline.wait_for("select count(*) = 0 from pg_locks where locktype = 'advisory'")
    assert pipeline.load(_EPISODE).rows == 20_000
    assert pipeline.leftovers() == CLEAN


def test_an_interrupt_while_copying(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM in the middle of COPY: the connections are ended, the new table is dropped."""
    before = _begin(pipeline)
    with monkeypatch.context() as patch:

        def interrupt() -> None:
            raise KeyboardInterrupt(signal.SIGTERM)

        _during_copy(patch, interrupt)
        with pytest.raises(KeyboardInterrupt):
            pipeline.load(_EPISODE)
    assert pipeline.visible() == before
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_an_object_that_goes_before_it_is_opened(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What was chosen is what is read: by its ETag, or 75 and nothing changed."""
    before = _begin(pipeline)
    whole = stores.Store.read

    def read(store: stores.Store, item: stores.StoredObject) -> object:
        client, bucket = pipeline.store.client, pipeline.store.bucket
        if how == "deleted":
            client.delete_object(Bucket=bucket, Key=item.key)
        else:
            client.put_object(
                Bucket=bucket, Key=item.key, Body=files.file(_EPISODE, range(1, 30_000))
            )
        return whole(store, item)

    with monkeypatch.context() as patch:
        patch.setattr(stores.Store, "read", read)
        with pytest.raises(TemporaryError, match=r"imdb/title\.episode/"):
            pipeline.load(_EPISODE)
    assert pipeline.visible() == before
    assert pipeline.leftovers() == CLEAN


def test_an_object_replaced_while_it_is_read(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader may be given the rest of what it began, or 75; never a mixture."""
    monkeypatch.setattr(stores, "_RANGE_BYTES", 256 << 10)
    old = files.large(BY_NAME["title.crew"], 12)
    crew = BY_NAME["title.crew"]
    key = pipeline.deposit(crew, old)
    new = old.replace(b"x" * 1000, b"y" * 1000)

    def replace() -> None:
        pipeline.store.client.put_object(Bucket=pipeline.store.bucket, Key=key, Body=new)

    with monkeypatch.context() as patch:
        _during_copy(patch, replace, 1)
        try:
            pipeline.load(crew)
        except TemporaryError:
            assert pipeline.leftovers() == CLEAN
            return
    assert pipeline.export(crew) == gzip.decompress(old)


def _interrupt_within(
    connection: Connection[TupleRow], query: bytes, before: Callable[[], object] = lambda: None
) -> None:
    """Send a query and raise an interrupt where psycopg waits for what comes of it."""

    def interrupted() -> PQGen[None]:
        connection.pgconn.send_query(query)
        yield Wait.R
        before()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connection.wait(interrupted())


def test_a_connection_is_of_use_after_an_interrupt(pipeline: Pipeline) -> None:
    """The command is cancelled, and what comes then, such as cleaning up, works."""
    with databases.connect(pipeline.settings()) as connection:
        _interrupt_within(connection, b"select pg_sleep(60)")
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_connection_is_of_use_after_an_interrupted_copy(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended, and nothing was copied."""

    def interrupted(*arguments: Any, **more: Any) -> PQGen[None]:  # noqa: ANN401 - passed on
        yield from copy_to(*arguments, **more)
        raise KeyboardInterrupt

    with databases.connect(pipeline.settings()) as connection:
        monkeypatch.setattr("psycopg._copy.copy_to", interrupted)
        with (
            pytest.raises(KeyboardInterrupt),
            connection.cursor() as cursor,
            cursor.copy("copy raw.title_ratings from stdin") as copy,
        ):
            copy.write(b"tt0000001\t5.0\t7\n" * 10_000)
        assert connection.execute("select count(*) from raw.title_ratings").fetchone() == (0,)


def test_a_connection_whose_result_has_no_end_is_closed(pipeline: Pipeline) -> None:
    """Rows that nobody will read to their end."""
    with databases.connect(pipeline.settings()) as connection:
        _interrupt_within(connection, b"copy (select generate_series(1, 1000000)) to stdout")
        assert connection.closed


def test_a_server_that_does_not_answer_is_not_waited_for(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither goes on nor hears that the command was cancelled."""
    monkeypatch.setattr(databases, "_READ_SECONDS", 0.2)
    with databases.connect(pipeline.settings()) as connection:
        server = psutil.Process(connection.info.backend_pid)
        try:
            _interrupt_within(connection, b"select pg_sleep(60)", server.suspend)
            assert connection.closed
        finally:
            server.resume()
