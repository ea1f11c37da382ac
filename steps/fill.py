"""Filling a table nobody reads yet from an object: COPY, key, indexes, and what was wrong."""

from __future__ import annotations

import queue
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, LiteralString, Self

import psycopg
from psycopg import sql

from steps import database, tsv
from steps import store as stores
from steps.errors import DataError
from steps.inflate import Inflater
from steps.schema import column_definitions, columns, storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from types import TracebackType
    from typing import BinaryIO

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.progress import Meter
    from steps.settings import Settings
    from steps.store import Store, StoredObject

_READ_BYTES = 256 << 10

_COUNTED_BLOCKS = 16
"""One block of so many is counted to show the rows so far; all of them would cost a tenth of
the time. The rows in the ledger are Postgres' own count."""

_QUEUED_BLOCKS = 16
"""Blocks that wait for a connection, 4 MB of text: enough that neither side wakes the other for
each of them, and that no connection starves while the next are inflated."""


def copy(
    settings: Settings, store: Store, item: StoredObject, table: sql.Identifier, meter: Meter
) -> int:
    """Create a table and copy an object's rows into it over some connections; return how many.

    Raises:
        DataError: a row is wrong; the message says which.

    """
    dataset = item.dataset
    checker = tsv.Checker(dataset)
    # Autovacuum would only get into the way of a table that is being filled.
    create = sql.SQL("create table {} ({}) with (autovacuum_enabled = off, {})").format(
        table, column_definitions(dataset), storage(dataset)
    )
    # Rows that come with the table in one transaction need not be logged where nobody
    # replicates, nor does anyone who reads them later have to find out that they are there.
    alone = settings.imdb_connections == 1
    if not alone:
        with database.connect(settings) as connection:
            connection.execute(create)
    statement = sql.SQL("copy {} from stdin (format text, null {}, freeze {})").format(
        table, sql.Literal(tsv.COPY_NULL), sql.Literal(alone)
    )
    blocks = text(store, item, meter)
    next(blocks)
    rows_a_byte = 0.0
    with (
        diagnosed(store, item),
        _Copiers(settings, [create, statement] if alone else [statement]) as copiers,
    ):
        for number, block in enumerate(blocks):
            if not checker.accepts(block):
                raise FaultyError
            copiers.put(tsv.to_copy(block))
            if number % _COUNTED_BLOCKS == 0:
                rows_a_byte = block.count(b"\n") / len(block)
            meter.rows += round(len(block) * rows_a_byte)
    meter.rows = copiers.rows
    return copiers.rows


class FaultyError(Exception):
    """Some line holds a number that is not canonical."""


@contextmanager
def diagnosed(store: Store, item: StoredObject) -> Iterator[None]:
    """Say of what is wrong with an object's lines where it stands.

    Raises:
        DataError: a FaultyError came, or Postgres refused a row.

    """
    try:
        yield
    except FaultyError:
        raise _diagnosis(store, item, "a number is not as Postgres writes it") from None
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise _diagnosis(store, item, str(error.diag.message_primary)) from error


class _Cancelled(Exception):  # noqa: N818 - ends a COPY from our side
    """Another part of the load failed."""


class _Copiers:
    """COPY connections that take blocks from one queue, each at its own pace.

    Leaving the block normally commits all of them; leaving it by an error commits none that
    has not ended. What is committed is in a table that nobody reads yet.
    """

    def __init__(self, settings: Settings, statements: list[sql.Composed]) -> None:
        """Take the statements of each connection, the last of which is its COPY."""
        self._settings = settings
        *self._before, self._statement = statements
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUED_BLOCKS)
        self._cancelled = False
        self._pool = ThreadPoolExecutor(settings.imdb_connections, "copy")
        self._futures: list[Future[int]] = []
        self.rows = 0

    def __enter__(self) -> Self:
        self._futures = [
            self._pool.submit(self._run) for _ in range(self._settings.imdb_connections)
        ]
        return self

    def put(self, block: bytes | None) -> None:
        """Hand over a block; waits while the queue is full.

        Raises:
            psycopg.Error: a connection has failed.

        """
        while True:
            for future in self._futures:
                if future.done() and block is not None:
                    future.result()
            try:
                self._queue.put(block, timeout=1)
            except queue.Full:
                if all(future.done() for future in self._futures):
                    return
            else:
                return

    def _run(self) -> int:
        # A commit need not wait for the disk: the swap's commit comes after it and does.
        with (
            database.connect(self._settings, synchronous_commit="off") as connection,
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            for statement in self._before:
                cursor.execute(statement)
            with cursor.copy(self._statement) as copy:
                while (block := self._queue.get()) is not None:
                    copy.write(block)
                if self._cancelled:
                    raise _Cancelled
            return cursor.rowcount

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cancelled = kind is not None
        for _ in self._futures:
            self.put(None)
        self._pool.shutdown()
        if error is None:
            self.rows = sum(future.result() for future in self._futures)


def index(
    settings: Settings,
    store: Store,
    connection: Connection[TupleRow],
    item: StoredObject,
    name: str,
) -> None:
    """Build the indexes that the parent has, so that attaching finds them and builds none.

    All at once, each over a connection of its own: parts of a build keep one core only. That of
    the key has little to sort, since rows come in its order: beside another one it does without
    parallel workers, which would take a quarter more of the processor for it and be missing where
    they pay.

    Raises:
        DataError: a key stands twice; the message says on which lines.

    """
    dataset = item.dataset
    table = sql.Identifier("raw", name)
    key = sql.Identifier(f"{name}_pkey")
    serial: LiteralString = "set max_parallel_maintenance_workers = 0; " if dataset.indexes else ""
    statements = [
        sql.SQL(serial + "create unique index {} on {} ({})").format(
            key, table, columns(dataset.key)
        ),
        *(
            sql.SQL("create index on {} ({})").format(table, columns(names))
            for names in dataset.indexes
        ),
    ]
    try:
        _at_once(settings, statements)
    except psycopg.errors.UniqueViolation as error:
        raise _duplicate(store, item, error.diag.message_detail or "") from error
    except psycopg.errors.ProgramLimitExceeded as error:
        # A B-tree takes keys of up to 2.7 kB: an id of that length is no id.
        raise _refusal(item, str(error.diag.message_primary), None) from error
    connection.execute(sql.SQL("alter table {} add primary key using index {}").format(table, key))


def _execute(connection: Connection[TupleRow], statement: sql.Composed) -> None:
    connection.execute(statement)


def _at_once(settings: Settings, statements: list[sql.Composed]) -> None:
    with ExitStack() as stack:
        builders = [stack.enter_context(database.connect(settings)) for _ in statements]
        pool = stack.enter_context(ThreadPoolExecutor(len(statements), "index"))
        try:
            for _ in pool.map(_execute, builders, statements):
                pass
        except BaseException:
            # The others would go on for minutes, and leaving the block waits for them.
            for builder in builders:
                builder.cancel_safe()
            raise


def text(store: Store, item: StoredObject, meter: Meter | None = None) -> Iterator[bytes]:
    """Yield an object's text in blocks of whole lines, its checked header first."""
    inflater = Inflater(item.dataset.file)

    def pieces(stream: BinaryIO) -> Iterator[bytes]:
        while piece := stream.read(_READ_BYTES):
            if meter is not None:
                meter.done += len(piece)
            yield from inflater.feed(piece)
        inflater.finish()

    try:
        with stores.errors(f"reading {item.key}"), store.read(item) as stream:
            blocks = tsv.blocks(pieces(stream))
            first = next(blocks, b"")
            header, _, rest = first.partition(b"\n")
            tsv.check_header(item.dataset, header)
            yield header + b"\n"
            if rest:
                yield rest
            yield from blocks
    except DataError as error:
        message = _not_loaded(item, str(error.args[0]))
        raise DataError(message, object=item.key, **error.where) from error


def _diagnosis(store: Store, item: StoredObject, reason: str) -> DataError:
    """Find the line of an error by reading the object again.

    COPY's own line numbers count each connection's share.
    """
    checker = tsv.Checker(item.dataset)
    for thorough in (False, True):
        line = 1
        for block in text(store, item):
            # The header is a block of its own, the first.
            if line > 1 and (thorough or checker.suspects(block)):
                fault = checker.first_fault(block, line)
                if fault is not None:
                    return _refusal(item, fault.reason, fault)
            line += block.count(b"\n")
    return _refusal(item, reason, None)


def _not_loaded(item: StoredObject, reason: str) -> str:
    return f"{item.dataset.name} was not loaded: {reason}; readers see what they saw"


def _refusal(item: StoredObject, reason: str, fault: tsv.Fault | None) -> DataError:
    message = _not_loaded(item, reason)
    if fault is None:
        return DataError(message, object=item.key)
    return DataError(
        message, object=item.key, line=fault.line, column=fault.column, value=fault.value
    )


_DETAIL_KEY = re.compile(r"\((?P<columns>[^()]+)\)=\((?P<values>.*)\)")
"""A duplicate key in Postgres' words, of whichever language."""


def _duplicate(store: Store, item: StoredObject, detail: str) -> DataError:
    match = _DETAIL_KEY.search(detail)
    if match is None:
        return _refusal(item, f"a key stands twice: {detail}", None)
    values = match["values"].split(", ")
    start = "\t".join(values).encode() + b"\t"
    lines, line = [], 1
    for block in text(store, item):
        if block.startswith(start) or b"\n" + start in block:
            texts = enumerate(block.split(b"\n"), start=line)
            lines += [number for number, text in texts if text.startswith(start)]
        line += block.count(b"\n")
    if not lines:
        return _refusal(item, f"a key stands twice: {detail}", None)
    reason = f"the key stands on the lines {', '.join(map(str, lines))}"
    column = ", ".join(item.dataset.key)
    return _refusal(item, reason, tsv.Fault(lines[-1], column, ", ".join(values), reason))
