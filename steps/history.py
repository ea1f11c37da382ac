"""The history of ratings: what each title's rating was from when to when.

It is the one thing that the files cannot give again, so it is written in the transaction that
shows a file's rows, after a full load too, and then copied to the store, from where a database
that has none takes it. Its dates are the source's Last-Modified. An object no newer than what it
already tells of, as after a rollback, adds nothing.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import psycopg
from isal import isal_zlib
from psycopg import sql

from steps import database, progress
from steps import store as stores
from steps.catalog import BY_NAME
from steps.errors import ConfigurationError, DataError
from steps.inflate import Inflater
from steps.log import log
from steps.schema import check_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.ledger import Entry, Load
    from steps.progress import Meter
    from steps.settings import Settings
    from steps.store import Store, StoredObject

DATASET = BY_NAME["title.ratings"]

_COPIED = "tconst, average_rating, num_votes, valid_from, valid_to"

_ROWS_AT_ONCE = 1000
"""Rows that are compressed together: one call for each costs more than the work."""

_READ_BYTES = 256 << 10

_LEVEL = 1
"""Of igzip, seen: 0.11 s for the 73 MB of 1.6 M rows; level 3 takes twice that for 3 % less."""


def record(
    connection: Connection[TupleRow],
    entry: Entry,
    before: Load | None,
    table: sql.Identifier,
    delta: sql.Identifier | None = None,
) -> None:
    """Write what a load changes, in its transaction; `table` holds, or will hold, its rows.

    If the history is that of the load before, a `delta` with rows and their op tells it all.
    """
    found = connection.execute("select as_of, load_id from ops.ratings_history_state").fetchone()
    as_of = entry.item.last_modified
    if found is not None and as_of <= found[0]:
        return
    if delta and before and found and found[1] == before.load_id:
        statements, source = (_CLOSE_CHANGED, _OPEN_CHANGED), delta
    else:
        statements, source = (_CLOSE_OTHERS, _OPEN_OTHERS), table
    parameters = {"as_of": as_of, "load_id": entry.load_id}
    for statement in statements:
        connection.execute(sql.SQL(statement).format(source), parameters)
    connection.execute(_STATE, parameters)


_CLOSE_CHANGED = """
    update ops.ratings_history as history
    set valid_to = %(as_of)s
    from {} as delta
    where
        delta.op in ('update', 'delete')
        and history.tconst = delta.tconst
        and history.valid_to is null
"""

_OPEN_CHANGED = """
    insert into ops.ratings_history (tconst, average_rating, num_votes, valid_from)
    select tconst, average_rating, num_votes, %(as_of)s
    from {}
    where op in ('insert', 'update')
"""

_CLOSE_OTHERS = """
    update ops.ratings_history as history
    set valid_to = %(as_of)s
    where
        valid_to is null
        and not exists (
            select
            from {} as ratings
            where
                ratings.tconst = history.tconst
                and ratings.average_rating is not distinct from history.average_rating
                and ratings.num_votes is not distinct from history.num_votes
        )
"""

_OPEN_OTHERS = """
    insert into ops.ratings_history (tconst, average_rating, num_votes, valid_from)
    select tconst, average_rating, num_votes, %(as_of)s
    from {} as ratings
    where not exists (
        select
        from ops.ratings_history as history
        where history.tconst = ratings.tconst and history.valid_to is null
    )
"""

_STATE = """
    insert into ops.ratings_history_state (as_of, load_id) values (%(as_of)s, %(load_id)s)
    on conflict (only_row) do update set as_of = excluded.as_of, load_id = excluded.load_id
"""


def export(settings: Settings, store: Store) -> StoredObject | None:
    """Copy the history to the store, unless it is there; None if there is none yet.

    It streams, whatever its size. One object is the whole history.

    Raises:
        TemporaryError: store or database went away; what is loaded stays, the next load of
            title.ratings tries again.

    """
    with (
        database.errors(),
        # Dates as they are, whatever the server's time zone and style.
        database.connect(settings, timezone="UTC", datestyle="ISO") as connection,
        connection.cursor() as cursor,
    ):
        check_version(connection)
        # One snapshot for the date and the rows.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            as_of = _as_of(connection)
            if as_of is None:
                return None
            key = store.history_key(as_of)
            if found := store.find(key):
                return found
            statement = f"copy ops.ratings_history ({_COPIED}) to stdout (format text, header)"
            with progress.shown("history", None) as meter, cursor.copy(statement) as copy:
                meter.phase = "exporting"
                return store.write(key, None, _Packed(map(bytes, copy), meter))


class _Packed:
    """A stream of rows as gzip."""

    def __init__(self, rows: Iterator[bytes], meter: Meter) -> None:
        self._rows = rows
        self._meter = meter
        self._packer = isal_zlib.compressobj(_LEVEL, wbits=31)
        self._packed = bytearray()
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        while len(self._packed) < size and not self._ended:
            rows = list(islice(self._rows, _ROWS_AT_ONCE))
            self._ended = not rows
            self._packed += self._packer.compress(b"".join(rows)) if rows else self._packer.flush()
            self._meter.rows += len(rows)
        with memoryview(self._packed) as view:
            piece = bytes(view[:size])
        del self._packed[:size]
        self._meter.done += len(piece)
        return piece


def restore(settings: Settings, store: Store, key: str | None = None) -> StoredObject:
    """Put an export of the history, the one that goes furthest or `key`, in the place of the own.

    Raises:
        ConfigurationError: there is no such object, or the own history goes further.
        DataError: the object is not an export; nothing was changed.
        TemporaryError: store or database went away; nothing was changed.

    """
    if key is None:
        item = next(iter(store.histories()), None)
    else:
        item = store.find(key) if key.startswith(store.folder(None)) else None
    if item is None:
        message = f"the store has no history {key or 'of ratings'}; nothing was changed"
        raise ConfigurationError(message)
    with database.errors(), database.connect(settings) as connection:
        check_version(connection)
        with database.locked(connection, DATASET):
            _restore(store, connection, item)
    return item


def take_over(store: Store, connection: Connection[TupleRow]) -> None:
    """Restore the history into a database that has none, before its first load of ratings.

    Without it, a database that was lost would begin a history of its own beside the one in
    the store. The dataset's lock is held.
    """
    if _as_of(connection) is None and (found := store.histories()):
        _restore(store, connection, found[0])
        log.info("history_restored", key=found[0].key)


def _restore(store: Store, connection: Connection[TupleRow], item: StoredObject) -> None:
    try:
        with connection.transaction():
            before = _as_of(connection)
            connection.execute("delete from ops.ratings_history")
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    f"copy ops.ratings_history ({_COPIED}) from stdin (format text, header match)"
                ) as copy,
                stores.errors(f"reading {item.key}"),
                store.read(item) as stream,
                progress.shown("history", item.size) as meter,
            ):
                meter.phase = "restoring"
                inflater = Inflater(item.key)
                while piece := stream.read(_READ_BYTES):
                    meter.done += len(piece)
                    for text in inflater.feed(piece):
                        copy.write(text)
                inflater.finish()
            (as_of,) = database.one_row(
                connection, "select max(greatest(valid_from, valid_to)) from ops.ratings_history"
            )
            if as_of is None:
                message = "it is a history without a row; nothing was changed"
                raise DataError(message, object=item.key)
            if before is not None and as_of < before:
                message = (
                    f"the history of {item.key} ends at {as_of}, the database's goes on to "
                    f"{before}; nothing was changed"
                )
                raise ConfigurationError(message)
            connection.execute(_STATE, {"as_of": as_of, "load_id": None})
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        message = f"it is no history: {error.diag.message_primary}; nothing was changed"
        raise DataError(message, object=item.key) from error


def _as_of(connection: Connection[TupleRow]) -> datetime | None:
    found = connection.execute("select as_of from ops.ratings_history_state").fetchone()
    return found[0] if found else None
