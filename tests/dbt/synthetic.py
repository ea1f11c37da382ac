"""The synthetic IMDb in the raw tables of a test's database."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from psycopg import sql

from sandbox.source import cached
from steps.catalog import DATASETS
from tests.dbt.conftest import note_load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.places import Database

# Enough for every class of title, person, genre and series to occur, little enough for a test.
SCALE = 0.005


def fill(database: Database, folder: Path) -> None:
    """Load the seven files, made inside `folder`, as of a day in 2026."""
    files = cached(folder, scale=SCALE)
    with database.connect() as connection, connection.transaction():
        for dataset in DATASETS:
            copy = sql.SQL("copy {} from stdin (null {})").format(
                sql.Identifier("raw", dataset.table), sql.Literal("\\\\N")
            )
            with (
                gzip.open(files / dataset.file) as lines,
                connection.cursor().copy(copy) as writer,
            ):
                lines.readline()
                for line in lines:
                    writer.write(line.replace(b"\\", b"\\\\").replace(b"\r", b"\\r"))
            note_load(connection, dataset.name)
    with database.connect() as connection:
        connection.execute("vacuum analyze")
