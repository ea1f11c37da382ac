"""Delta: from the object that readers see to another one, by writing only the rows that differ.

What a reader may rely on, in the order in which it happens:

- Both objects are read to their ends as streams, with all their checks. The rows that differ go
  into a temporary table; nobody waits for that.
- One transaction writes them to the raw table by key, with the change set, the history of ratings
  and the ledger's row. It takes no lock that a reader would wait for, so that it need not wait for
  readers either: whoever began before it sees yesterday's rows to the end.
- Whatever does not fit, such as a file that is not sorted or a table that is not what the ledger
  says, is left to a full load: nothing was changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from steps import changes, database, fill, history, ledger, prewarm, tsv
from steps.ahead import ahead
from steps.compare import Op, UnsortedError, compare
from steps.errors import DataError
from steps.ledger import Changed
from steps.schema import column_definitions, columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Copy

    from steps.ledger import Entry, Load
    from steps.progress import Meter
    from steps.store import StoredObject
    from steps.task import Task

SHARE = 0.25
"""Share of a table's rows that a delta may change. For the load alone a full one is cheaper from
about a twentieth on, and here takes a third of the time (seen with name.basics); but after it every
model is built whole, and title.ratings, a fifth of whose rows change daily, would never go without.
"""

_CHANGES_AT_ONCE = 2000
"""Changes that are checked and copied together."""

_BLOCKS_AHEAD = 8
"""Blocks of each text that are inflated while others are compared, 2 MB."""

_DELTA = sql.Identifier("pg_temp", "delta")


class UnsuitedError(Exception):
    """Only a full load can show the object; the message says why. Nothing was changed."""


def apply(task: Task, meter: Meter) -> Entry:
    """Compare an object to the one that readers see, apply the difference; return its ledger row.

    Raises:
        UnsuitedError: the object has to be loaded in full.
        DataError: it is not what it should be.
        TemporaryError: store or database went away.

    """
    before, older = _previous(task)
    meter.total = older.size + task.item.size
    return _Delta(task, before, older, meter).apply()


def _previous(task: Task) -> tuple[Load, StoredObject]:
    """Return the load before and its object."""
    before = task.before
    if before is None:
        message = "it was never loaded"
        raise UnsuitedError(message)
    if before.catalogue != task.item.dataset.fingerprint:
        message = "the catalogue is not that of the last load"
        raise UnsuitedError(message)
    older = task.store.find(before.object_key)
    if older is None or older.etag != before.etag:
        message = f"the store no longer has {before.object_key}"
        raise UnsuitedError(message)
    return before, older


@dataclass(frozen=True, slots=True)
class _Delta:
    """A task, the load before it and its object."""

    task: Task
    before: Load
    older: StoredObject
    meter: Meter

    def apply(self) -> Entry:
        task, dataset, connection = self.task, self.task.item.dataset, self.task.connection
        with connection.transaction():
            connection.execute(
                sql.SQL(
                    "create temporary table delta (op text not null, {}) on commit drop"
                ).format(column_definitions(dataset))
            )
            self.meter.phase = "comparing"
            changed = self._copy()
            rows = self.before.rows + changed.inserted - changed.deleted
            task.check_rows(rows)
            self.meter.phase = "applying"
            prewarm.read(connection, dataset, self.meter.rows)
            connection.execute(sql.SQL("analyze {}").format(_DELTA))
            changes.write(connection, dataset, task.load_id, _DELTA)
            if self._write() != changed:
                message = "the table is not what its last load made of it"
                raise UnsuitedError(message)
            entry = task.entry(rows, *self._vanished(changed), changed)
            if dataset is history.DATASET:
                table = sql.Identifier("raw", dataset.table)
                history.record(connection, entry, self.before, table, _DELTA)
            ledger.write_load(connection, entry)
            if task.hold:
                ledger.pin(connection, dataset, task.item.key)
        return entry

    def _copy(self) -> Changed:
        """Copy the changes into the temporary table; return how many they are."""
        task = self.task
        statement = sql.SQL("copy {} from stdin (format text, null {})").format(
            _DELTA, sql.Literal(tsv.COPY_NULL)
        )
        try:
            with (
                fill.diagnosed(task.store, task.item),
                ahead(self._older_text(), _BLOCKS_AHEAD) as older,
                ahead(self._text(task.item), _BLOCKS_AHEAD) as newer,
                task.connection.cursor() as cursor,
                cursor.copy(statement) as copy,
            ):
                return self._copy_changes(copy, compare(task.item.dataset, older, newer))
        except UnsortedError:
            message = "its rows are not in the order of their key"
            raise UnsuitedError(message) from None

    def _text(self, item: StoredObject) -> Iterator[bytes]:
        blocks = fill.text(self.task.store, item, self.meter)
        next(blocks)
        yield from blocks

    def _older_text(self) -> Iterator[bytes]:
        try:
            yield from self._text(self.older)
        except DataError as error:
            message = f"the object of the last load is damaged: {error}"
            raise UnsuitedError(message) from error

    def _copy_changes(self, copy: Copy, found: Iterator[tuple[Op, bytes]]) -> Changed:
        checker = tsv.Checker(self.task.item.dataset)
        most = SHARE * self.before.rows
        lines: dict[Op, list[bytes]] = {op: [] for op in Op}
        counts = dict.fromkeys(Op, 0)

        def flush() -> bool:
            """Copy what was found; tell whether that may go on."""
            for op, each in lines.items():
                if not each:
                    continue
                # A row that goes was checked when it came.
                if op is not Op.DELETE and not checker.accepts(b"".join(each)):
                    raise fill.FaultyError
                prefix = f"{op.value}\t".encode()
                copy.write(prefix + tsv.to_copy(prefix.join(each)))
                counts[op] += len(each)
                each.clear()
            self.meter.rows = sum(counts.values())
            return self.meter.rows <= most

        for number, (op, line) in enumerate(found, start=1):
            lines[op].append(line)
            if number % _CHANGES_AT_ONCE == 0 and not flush():
                break
        if not flush():
            self._check_changes(counts, found)
            message = f"more than {SHARE:.0%} of its rows have changed"
            raise UnsuitedError(message)
        return Changed(counts[Op.INSERT], counts[Op.UPDATE], counts[Op.DELETE])

    def _check_changes(self, counts: Mapping[Op, int], further: Iterator[tuple[Op, bytes]]) -> None:
        """Refuse an object that is another one altogether; count to the end of the changes."""
        if not self.task.accept:
            lost = counts[Op.UPDATE] + counts[Op.DELETE]
            lost += sum(op is not Op.INSERT for op, _ in further)
            self.task.check_changes(lost)

    def _write(self) -> Changed:
        """Write the changes to the raw table; return how many rows they met."""
        dataset = self.task.item.dataset
        raw = sql.Identifier("raw", dataset.table)
        names = tuple(column.name for column in dataset.columns)
        same = sql.SQL(" and ").join(
            sql.SQL("raw.{0} = delta.{0}").format(sql.Identifier(name)) for name in dataset.key
        )
        values = sql.SQL(", ").join(
            sql.SQL("{0} = delta.{0}").format(sql.Identifier(name))
            for name in names
            if name not in dataset.key
        )
        parts = {
            "raw": raw,
            "delta": _DELTA,
            "same": same,
            "values": values,
            "columns": columns(names),
        }
        counts = {}
        try:
            for op, statement in _STATEMENTS.items():
                cursor = self.task.connection.execute(
                    sql.SQL(statement).format(**parts), [op.value]
                )
                counts[op] = cursor.rowcount
        except (psycopg.errors.UniqueViolation, psycopg.errors.ProgramLimitExceeded) as error:
            # A key that is there already, or one that is too long for an index.
            message = f"a row does not fit in: {error.diag.message_primary}"
            raise UnsuitedError(message) from None
        return Changed(counts[Op.INSERT], counts[Op.UPDATE], counts[Op.DELETE])

    def _vanished(self, changed: Changed) -> tuple[int | None, str | None]:
        """Count the keys that readers will not see any more; give an example."""
        dataset = self.task.item.dataset
        if not dataset.entity:
            return None, None
        query = sql.SQL("select min({}) from {} where op = 'delete'")
        key = sql.Identifier(dataset.key[0])
        (example,) = database.one_row(self.task.connection, query.format(key, _DELTA))
        return changed.deleted, example


# In an order in which no key stands twice.
_STATEMENTS = {
    Op.DELETE: "delete from {raw} as raw using {delta} as delta where {same} and delta.op = %s",
    Op.UPDATE: "update {raw} as raw set {values} from {delta} as delta "
    "where {same} and delta.op = %s",
    Op.INSERT: "insert into {raw} ({columns}) select {columns} from {delta} where op = %s",
}
