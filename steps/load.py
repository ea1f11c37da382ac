"""Load: from an object in the store into its raw table, all of it or nothing.

If the store still has the object that readers see, only the rows that differ are written: see
steps/delta.py. Else, or where that would not pay, all of them are. What a reader may rely on then,
in the order in which it happens:

- One load of a dataset at a time; a second one ends with 75.
- The object is read at one ETag. Its rows go over several connections into a table that
  nobody reads yet; key and indexes are built there.
- Nothing that is wrong in the file gets further than that table.
- The swap waits, bounded, until no snapshot is older than the new rows, so that a dump or a
  repeatable-read report never finds the table empty. Its lock is asked for in short tries,
  so that readers never queue behind it for longer than one of them.
- The ledger's row commits in the swap's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from psycopg import sql

from steps import changes, database, delta, fill, history, ledger, progress, swap
from steps.errors import ConfigurationError
from steps.log import log
from steps.schema import check_version
from steps.task import Task

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.catalog import Dataset
    from steps.ledger import Changed, Entry, Load
    from steps.progress import Meter
    from steps.settings import Settings
    from steps.store import Store, StoredObject

_GROWTH = 1.1
"""Room asked for beyond what the table takes now."""

_BYTES_PER_BYTE = 16
"""Bytes in the database, table and indexes, for one compressed byte of a first load. Seen:
7 (name.basics) to 15 (title.episode)."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: `kind` is full, delta or unchanged, `rows` what the raw table holds.

    `last_modified` is the source's, of the file that readers see; `changed` what a delta wrote.
    """

    kind: str
    object_key: str
    rows: int
    last_modified: datetime
    changed: Changed | None = None


def load(
    settings: Settings,
    store: Store,
    dataset: Dataset,
    key: str | None = None,
    *,
    hold: bool = False,
    accept: bool = False,
    full: bool = False,
) -> Loaded:
    """Make a raw table show an object: `key`, else the pinned one, else the newest.

    `hold` pins the dataset to that object; `accept` lets a file through that lost more rows
    than task.SHRINK, or has more other ones than task.CHANGE; `full` fills the table anew, though
    only the rows that differ would do, and compares nothing.

    Raises:
        DataError: the object is not what it should be; readers see what they saw.
        ConfigurationError: no such object, no room, or the dataset is pinned to another.
        TemporaryError: store or database went away, or readers held the swap up for too long.

    """
    with database.errors(), database.connect(settings) as connection:
        check_version(connection)
        with database.locked(connection, dataset):
            item = _choose(connection, store, dataset, key, hold=hold)
            before = ledger.latest_load(connection, dataset)
            if before is not None and before.object_key == item.key:
                if hold:
                    ledger.pin(connection, dataset, item.key)
                if not _analyzed(connection, dataset, before):
                    _analyze(connection, dataset)
                loaded = Loaded("unchanged", item.key, before.rows, before.last_modified)
            else:
                loaded = _load(
                    settings, store, connection, item, before, hold=hold, accept=accept, full=full
                )
            if dataset is history.DATASET:
                history.export(settings, store)
            return loaded


def _choose(
    connection: Connection[TupleRow],
    store: Store,
    dataset: Dataset,
    key: str | None,
    *,
    hold: bool,
) -> StoredObject:
    pinned = ledger.pinned_key(connection, dataset)
    if key and pinned and key != pinned and not hold:
        message = (
            f"{dataset.name} is pinned to {pinned}; nothing was changed; "
            f"`imdb load {dataset.name} --unpin` lets it follow the source again"
        )
        raise ConfigurationError(message)
    wanted = key or pinned
    if wanted is None:
        objects = store.objects(dataset)
        if not objects:
            message = f"the store has no object of {dataset.name}; run `imdb download` first"
            raise ConfigurationError(message)
        return objects[0]
    item = store.find(wanted)
    if item is None:
        message = f"the store has no object {wanted}; nothing was changed"
        raise ConfigurationError(message)
    if item.dataset is not dataset:
        message = f"{wanted} is an object of {item.dataset.name}, not of {dataset.name}"
        raise ConfigurationError(message)
    return item


def _load(
    settings: Settings,
    store: Store,
    connection: Connection[TupleRow],
    item: StoredObject,
    before: Load | None,
    *,
    hold: bool,
    accept: bool,
    full: bool,
) -> Loaded:
    dataset = item.dataset
    for name in _drop_unattached(connection, dataset):
        log.warning("dropped_abandoned_table", dataset=dataset.name, table=name)
    if dataset is history.DATASET:
        history.take_over(store, connection)
    task = Task(
        store, connection, item, before, _next_load_id(connection), datetime.now(UTC), hold, accept
    )
    entry = None
    with progress.shown(f"load {dataset.name}", item.size) as meter:
        if not full:
            try:
                entry = delta.apply(task, meter)
            except delta.UnsuitedError as reason:
                log.info("full_load", dataset=dataset.name, reason=str(reason))
        if entry is None:
            meter.total, meter.done, meter.rows = item.size, 0, 0
            entry = _full(settings, task, meter)
        meter.phase = "analyzing"
        _analyze(connection, dataset)
    return Loaded(entry.kind, item.key, entry.rows, item.last_modified, entry.changed)


def _full(settings: Settings, task: Task, meter: Meter) -> Entry:
    store, connection, item = task.store, task.connection, task.item
    dataset = item.dataset
    _check_room(settings, connection, item, task.before)
    name = f"{dataset.table}__{task.load_id}"
    table = sql.Identifier("raw", name)
    try:
        meter.phase = "copying"
        rows = fill.copy(settings, store, item, table, meter)
        task.check_rows(rows)
        horizon = swap.horizon(connection)
        meter.phase = "indexing"
        fill.index(settings, store, connection, item, name)
        vanished = _vanished(connection, dataset, table) if task.before else (None, None)
        entry = task.entry(rows, *vanished)
        meter.phase = "waiting for readers"
        swap.wait_for_snapshots(settings, connection, horizon)

        def prepare() -> None:
            changes.forget(connection, dataset)
            if dataset is history.DATASET:
                history.record(connection, entry, task.before, table)

        swap.swap(settings, connection, table, entry, prepare, hold=task.hold)
    except BaseException:
        if not connection.closed:
            # Not by its name: the swap may have committed before its answer was lost.
            _drop_unattached(connection, dataset)
        raise
    return entry


def _analyze(connection: Connection[TupleRow], dataset: Dataset) -> None:
    """Analyze what readers name: autovacuum analyzes partitions, never their parent."""
    connection.execute(sql.SQL("analyze {}").format(sql.Identifier("raw", dataset.table)))


def _analyzed(connection: Connection[TupleRow], dataset: Dataset, load: Load) -> bool:
    """Tell whether a load came to its end, or was interrupted between its commit and that."""
    query = sql.SQL("select last_analyze from pg_stat_user_tables where relid = {}::regclass")
    (last,) = database.one_row(connection, query.format(f"raw.{dataset.table}"))
    return last is not None and last >= load.finished_at


def _drop_unattached(connection: Connection[TupleRow], dataset: Dataset) -> list[str]:
    """Drop the tables that a load made and no reader sees; return their names.

    The dataset's lock is ours, so that they are this load's or those of loads that were killed.
    """
    found = connection.execute(
        "select relname from pg_class where relnamespace = 'raw'::regnamespace and relkind = 'r' "
        "and relname ~ %s and not relispartition",
        [f"^{dataset.table}__[0-9]+$"],
    ).fetchall()
    for (name,) in found:
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier("raw", name)))
    return [name for (name,) in found]


def _next_load_id(connection: Connection[TupleRow]) -> int:
    query = "select nextval(pg_get_serial_sequence('ops.loads', 'load_id'))"
    (load_id,) = database.one_row(connection, query)
    return int(load_id)


def _check_room(
    settings: Settings, connection: Connection[TupleRow], item: StoredObject, before: Load | None
) -> None:
    """Refuse a load for which the database's volume has no room.

    A client cannot ask Postgres for the size of its volume: IMDB_DATABASE_CAPACITY tells it.
    """
    if settings.imdb_database_capacity is None:
        return
    used, size, longest_wal = database.one_row(
        connection,
        "select (select sum(pg_database_size(oid)) from pg_database)"
        " + (select coalesce(sum(size), 0) from pg_ls_waldir()),"
        " (select sum(pg_total_relation_size(relid)) from pg_partition_tree(%s)),"
        " (select setting::bigint * 1024 * 1024 from pg_settings where name = 'max_wal_size')",
        f"raw.{item.dataset.table}",
    )
    table = round(float(size) * _GROWTH) if before else item.size * _BYTES_PER_BYTE
    needed = table + min(table, longest_wal)
    free = settings.imdb_database_capacity - int(used)
    if needed > free:
        message = (
            f"no room for a second {item.dataset.name}: about {needed:,} bytes are needed for "
            f"table, indexes and WAL, {free:,} of IMDB_DATABASE_CAPACITY "
            f"{settings.imdb_database_capacity:,} are free; nothing was changed; enlarge the volume"
        )
        raise ConfigurationError(message)


def _vanished(
    connection: Connection[TupleRow], dataset: Dataset, table: sql.Identifier
) -> tuple[int | None, str | None]:
    """Count what readers see today and will not tomorrow; give an example."""
    if not dataset.entity:
        return None, None
    key = sql.Identifier(dataset.key[0])
    query = sql.SQL(
        "select count(*), min(o.{key}) from {old} o "
        "where not exists (select from {new} n where n.{key} = o.{key})"
    ).format(key=key, old=sql.Identifier("raw", dataset.table), new=table)
    count, example = database.one_row(connection, query)
    return count, example
