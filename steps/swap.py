"""The swap: a filled table takes the place of the one that readers see.

It waits, bounded, until no snapshot is older than the new rows, so that a dump or a
repeatable-read report never finds the table empty. Its lock is asked for in short tries, so
that readers never queue behind it for longer than one of them. The ledger's row commits in
the same transaction, as does what the load has to say to models and to the history of ratings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import stamina
from psycopg import sql

from steps import database, ledger
from steps.errors import TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.catalog import Dataset
    from steps.ledger import Entry
    from steps.settings import Settings

_LOCK_TIMEOUT = "500ms"
"""How long readers may queue behind a swap that waits for its lock."""


def horizon(connection: Connection[TupleRow]) -> tuple[str, datetime]:
    """Return the first transaction id after the new rows, and the time."""
    xid, now = database.one_row(
        connection, "select pg_snapshot_xmax(pg_current_snapshot())::xid::text, clock_timestamp()"
    )
    return xid, now


_OLDER_SNAPSHOTS = """
    select pid, usename, now() - xact_start
    from pg_stat_activity
    where datname = current_database()
        and backend_type in ('client backend', 'parallel worker', 'walsender')
        -- Loads of other datasets read none of this one.
        and application_name <> 'imdb'
        and backend_xmin is not null
        and age(backend_xmin) > age(%s::xid)
        -- A transaction that began later has a later snapshot, however old its xmin is made
        -- by some other writer.
        and xact_start < %s
    order by xact_start
"""


def wait_for_snapshots(
    settings: Settings, connection: Connection[TupleRow], horizon: tuple[str, datetime]
) -> None:
    """Wait until nobody reads with a snapshot in which the new table is still empty.

    Raises:
        TemporaryError: somebody still does after `imdb_swap_seconds`.

    """

    class Older(Exception):  # noqa: N818 - asks for another look
        pass

    try:
        for attempt in stamina.retry_context(
            on=Older,
            attempts=None,
            timeout=settings.imdb_swap_seconds,
            wait_initial=0.05,
            wait_max=2,
            wait_jitter=0.1,
        ):
            with attempt:
                readers = connection.execute(_OLDER_SNAPSHOTS, horizon).fetchall()
                if readers:
                    raise Older
    except Older:
        pid, user, age = readers[0]
        message = (
            f"a transaction of {user} (pid {pid}) has been reading for {age} and would see an "
            f"empty table; waited {settings.imdb_swap_seconds:.0f} s; the old data stays; end it "
            "or raise IMDB_SWAP_SECONDS"
        )
        raise TemporaryError(message) from None


def swap(
    settings: Settings,
    connection: Connection[TupleRow],
    table: sql.Identifier,
    entry: Entry,
    prepare: Callable[[], None],
    *,
    hold: bool,
) -> None:
    """Put the new table into the place of the old one and write the ledger's row.

    `prepare` is done first, once, in the same transaction, while readers read on.

    Raises:
        TemporaryError: readers held the lock in every try for `imdb_swap_seconds`.

    """
    dataset = entry.item.dataset
    parent = sql.Identifier("raw", dataset.table)
    attempts = stamina.retry_context(
        on=psycopg.errors.LockNotAvailable,
        attempts=None,
        timeout=settings.imdb_swap_seconds,
        wait_initial=0.1,
        wait_max=5,
    )
    try:
        with connection.transaction():
            prepare()
            for attempt in attempts:
                # Within the other a savepoint: what failed gives its locks back.
                with attempt, connection.transaction():
                    connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
                    _exchange(connection, dataset, parent, table)
                    ledger.write_load(connection, entry)
                    if hold:
                        ledger.pin(connection, dataset, entry.item.key)
    except psycopg.errors.LockNotAvailable as error:
        message = (
            f"readers held {dataset.name} for {settings.imdb_swap_seconds:.0f} s without a pause; "
            "the old data stays; try again or raise IMDB_SWAP_SECONDS"
        )
        raise TemporaryError(message) from error


def _exchange(
    connection: Connection[TupleRow],
    dataset: Dataset,
    parent: sql.Identifier,
    table: sql.Identifier,
) -> None:
    connection.execute(sql.SQL("lock table {} in access exclusive mode").format(parent))
    connection.execute(sql.SQL("alter table {} reset (autovacuum_enabled)").format(table))
    for old in _partitions(connection, dataset):
        connection.execute(sql.SQL("alter table {} detach partition {}").format(parent, old))
        connection.execute(sql.SQL("drop table {}").format(old))
    connection.execute(
        sql.SQL(
            "alter table {} attach partition {} for values from (minvalue) to (maxvalue)"
        ).format(parent, table)
    )


def _partitions(connection: Connection[TupleRow], dataset: Dataset) -> list[sql.Identifier]:
    names = connection.execute(
        "select relname from pg_class join pg_inherits on oid = inhrelid "
        "where inhparent = %s::regclass",
        [f"raw.{dataset.table}"],
    ).fetchall()
    return [sql.Identifier("raw", name) for (name,) in names]
