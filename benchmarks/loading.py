r"""`imdb load title.principals` against `psql \copy` of the same rows from a plain file."""

from __future__ import annotations

import gzip
import shutil
import time
from typing import TYPE_CHECKING

from psycopg import sql

from benchmarks.measure import Pair, pair, process, psql
from steps import database, fill
from steps.catalog import BY_NAME
from steps.progress import Meter
from steps.schema import column_definitions, columns
from steps.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from steps.settings import Settings
    from steps.store import StoredObject

DATASET = BY_NAME["title.principals"]

_TABLE = sql.Identifier("raw", "bench")


def plain(compressed: Path, target: Path) -> Path:
    """Write the plain file that psql reads, once."""
    if not target.exists():
        part = target.with_suffix(".part")
        with gzip.open(compressed) as source, part.open("wb") as text:
            shutil.copyfileobj(source, text, 1 << 20)
        part.replace(target)
    return target


def _no_table(settings: Settings) -> None:
    with database.connect(settings) as connection:
        connection.execute(sql.SQL("drop table if exists {}").format(_TABLE))


def filled(settings: Settings, store: Store, item: StoredObject) -> float:
    """Copy an object's rows into a table that it makes, as a full load begins; return seconds."""
    _no_table(settings)
    began = time.perf_counter()
    fill.copy(settings, store, item, _TABLE, Meter(item.size))
    return time.perf_counter() - began


def _filling(text: Path) -> list[str]:
    """Return what makes a table and fills it in one transaction: frozen, and nothing logged."""
    create = sql.SQL("create table {} ({})").format(_TABLE, column_definitions(DATASET))
    return [create.as_string(), f"\\copy raw.bench from '{text}' (format text, header, freeze)"]


def copy_alone(
    settings: Settings, environment: Mapping[str, str], item: StoredObject, text: Path, runs: int
) -> dict[str, Pair]:
    r"""Compare COPY into a bare table: our reading, inflating, checking and sending with psql's.

    That by what psql does: `\copy` into a table that is there, as people type it, whose rows are
    logged; and its best, in the transaction that makes the table. Both processes are connected
    and started inside their times, but for our interpreter's start, which `imdb load` as a whole
    has in `with_key`.
    """
    store = Store(settings)
    create, freezing = _filling(text)

    def ours() -> float:
        return filled(settings, store, item)

    def typed() -> float:
        _no_table(settings)
        with database.connect(settings) as connection:
            connection.execute(create.encode())
        return psql(environment, [f"\\copy raw.bench from '{text}' (format text, header)"])

    def best() -> float:
        _no_table(settings)
        return psql(environment, [create, freezing])

    return {
        "into a table that is there": pair(ours, typed, runs),
        "in the transaction that makes the table, frozen": pair(ours, best, runs),
    }


def with_key(
    settings: Settings,
    environment: Mapping[str, str],
    command: list[str],
    text: Path,
    runs: int,
) -> Pair:
    """Compare the whole of `imdb load` with psql's copy, the same key, indexes and statistics."""
    indexes = [
        sql.SQL("alter table {} add primary key ({})").format(_TABLE, columns(DATASET.key)),
        *(
            sql.SQL("create index on {} ({})").format(_TABLE, columns(names))
            for names in DATASET.indexes
        ),
        sql.SQL("analyze {}").format(_TABLE),
    ]

    def ours() -> float:
        with database.connect(settings) as connection:
            # Without its ledger row the object is new to the database.
            connection.execute("delete from ops.loads where dataset = %s", [DATASET.name])
        return process([*command, "load", DATASET.name], environment).seconds

    def theirs() -> float:
        _no_table(settings)
        return psql(environment, [*_filling(text), *(each.as_string() for each in indexes)])

    return pair(ours, theirs, runs)
