r"""`imdb load title.principals` against `psql \copy` of the same rows from a plain file."""

from __future__ import annotations

import gzip
import shutil
import time
from typing import TYPE_CHECKING

from psycopg import sql

from benchmarks.measure import Pair, pair, process
from sandbox.postgres import BINARIES
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


def _psql(
    settings: Settings, environment: Mapping[str, str], text: Path, *further: sql.Composed
) -> float:
    """Make the table and fill it in one transaction, as ours does: frozen, and nothing logged."""
    _no_table(settings)
    create = sql.SQL("create table {} ({})").format(_TABLE, column_definitions(DATASET))
    copy = f"\\copy raw.bench from '{text}' (format text, header, freeze)"
    statements = (create.as_string(), copy, *(each.as_string() for each in further))
    commands = [part for each in statements for part in ("--command", each)]
    command = [str(BINARIES / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    return process([*command, "--single-transaction", *commands], environment).seconds


def copy_alone(
    settings: Settings, environment: Mapping[str, str], item: StoredObject, text: Path, runs: int
) -> Pair:
    """Compare COPY into a bare table: our reading, inflating, checking and sending with psql's.

    Both processes are connected and started inside their times, but for our interpreter's
    start, which `imdb load` as a whole has in `with_key`.
    """
    store = Store(settings)

    def theirs() -> float:
        return _psql(settings, environment, text)

    return pair(lambda: filled(settings, store, item), theirs, runs)


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
        return _psql(settings, environment, text, *indexes)

    return pair(ours, theirs, runs)
