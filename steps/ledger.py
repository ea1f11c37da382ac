"""The ledger: which object each dataset's readers see, and what each model was built from.

Loads write their row in the transaction that shows their rows, models theirs likewise, so that it
is never ahead of the data.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg import sql

from steps import database

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.catalog import Dataset
    from steps.store import StoredObject


@dataclass(frozen=True, slots=True)
class Changed:
    """How many rows a delta wrote."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __str__(self) -> str:
        """Return them as people read them."""
        return f"+{self.inserted:,} ~{self.updated:,} -{self.deleted:,}"


@dataclass(frozen=True, slots=True)
class Load:
    """One row of the ledger."""

    load_id: int
    dataset: str
    object_key: str
    etag: str
    last_modified: datetime
    rows: int
    kind: str
    started_at: datetime
    finished_at: datetime
    catalogue: str | None = None
    changed: Changed | None = None
    """What a delta wrote, None of a full load."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a load is about to write into the ledger; `changed` makes it a delta."""

    load_id: int
    item: StoredObject
    rows: int
    started_at: datetime
    vanished_rows: int | None
    vanished_example: str | None
    changed: Changed | None = None

    @property
    def kind(self) -> str:
        """How the rows came: full or delta."""
        return "delta" if self.changed else "full"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row of ops.model_builds: of which loads and files a model was built."""

    loads: Mapping[str, int]
    failed_tests: int
    project: str | None
    dates: Mapping[str, date] = field(default_factory=dict)
    """Of each of these datasets the date in UTC of the file that was loaded."""
    exists: bool = True
    """Whether a relation of this name is there; of a test none ever is."""


_COLUMNS = sql.SQL(
    "load_id, dataset, object_key, etag, last_modified, rows, kind, started_at, finished_at, "
    "catalogue, inserted_rows, updated_rows, deleted_rows"
)


def loads(connection: Connection[TupleRow], dataset: Dataset, count: int) -> list[Load]:
    """Return the latest rows of the ledger for a dataset, the latest first."""
    query = sql.SQL(
        "select {} from ops.loads where dataset = %s order by load_id desc limit %s"
    ).format(_COLUMNS)
    return [_load(*row) for row in connection.execute(query, [dataset.name, count])]


def _load(*row: Any) -> Load:  # noqa: ANN401 - what a row holds is known to the query
    *fields, inserted, updated, deleted = row
    load = Load(*fields)
    return load if inserted is None else replace(load, changed=Changed(inserted, updated, deleted))


def latest_load(connection: Connection[TupleRow], dataset: Dataset) -> Load | None:
    """Return the ledger's latest row for a dataset, None before its first load."""
    found = loads(connection, dataset, 1)
    return found[0] if found else None


def latest_change(connection: Connection[TupleRow], dataset: Dataset) -> int | None:
    """Return the id of the latest load that changed anything, as far as is known.

    A delta between two files of equal rows changes nothing. None before the first load.
    """
    (load_id,) = database.one_row(
        connection,
        "select max(load_id) from ops.loads where dataset = %s "
        "and not (changes_kept and inserted_rows + updated_rows + deleted_rows = 0)",
        dataset.name,
    )
    return None if load_id is None else int(load_id)


def write_load(connection: Connection[TupleRow], entry: Entry) -> None:
    """Write a load into the ledger, in the transaction that shows its rows."""
    item, changed = entry.item, entry.changed
    connection.execute(
        "insert into ops.loads (load_id, dataset, object_key, etag, last_modified, rows, kind, "
        "catalogue, vanished_rows, vanished_example, inserted_rows, updated_rows, deleted_rows, "
        "changes_kept, started_at) overriding system value "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            entry.load_id,
            item.dataset.name,
            item.key,
            item.etag,
            item.last_modified,
            entry.rows,
            entry.kind,
            item.dataset.fingerprint,
            entry.vanished_rows,
            entry.vanished_example,
            changed.inserted if changed else None,
            changed.updated if changed else None,
            changed.deleted if changed else None,
            changed is not None,
            entry.started_at,
        ],
    )


def model_builds(connection: Connection[TupleRow]) -> dict[str, Recorded]:
    """Return what is recorded of each model, and of each test of several models, by name."""
    return {
        name: Recorded(
            loads,
            failed,
            project,
            {key: date.fromisoformat(day) for key, day in dates.items()},
            exists,
        )
        for name, loads, failed, project, dates, exists in connection.execute(_MODEL_BUILDS)
    }


_MODEL_BUILDS = """
    select
        builds.model,
        builds.loads,
        builds.failed_tests,
        builds.project,
        (
            select
                coalesce(
                    jsonb_object_agg(
                        loads.dataset, (loads.last_modified at time zone 'UTC')::date
                    ),
                    '{}'
                )
            from jsonb_each_text(builds.loads) as used
            join ops.loads on loads.load_id = used.value::bigint
        ) as dates,
        exists (
            select from pg_class
            where relname = builds.model
            and relnamespace::regnamespace::text in ('staging', 'intermediate', 'marts')
        )
    from ops.model_builds as builds
"""


def pinned_key(connection: Connection[TupleRow], dataset: Dataset) -> str | None:
    """Return the key of the object at which a dataset is held, None if it is not held."""
    query = "select object_key from ops.pins where dataset = %s"
    found = connection.execute(query, [dataset.name]).fetchone()
    return str(found[0]) if found else None


def pin(connection: Connection[TupleRow], dataset: Dataset, key: str) -> None:
    """Hold a dataset at one object."""
    connection.execute(
        "insert into ops.pins (dataset, object_key) values (%s, %s) on conflict (dataset) "
        "do update set object_key = excluded.object_key, pinned_at = clock_timestamp()",
        [dataset.name, key],
    )


def unpin(connection: Connection[TupleRow], dataset: Dataset) -> None:
    """Let a dataset follow the source again."""
    connection.execute("delete from ops.pins where dataset = %s", [dataset.name])
