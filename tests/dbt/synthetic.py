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

# A rating for each fifth day before, of some titles for a week, of some for forty days.
_HISTORY = """
    insert into ops.ratings_history (tconst, average_rating, num_votes, valid_from, valid_to)
    select
        tconst,
        average_rating,
        num_votes - ago * (num_votes / 200),
        valid_from,
        lag(valid_from) over (partition by tconst order by ago)
    from raw.title_ratings
    cross join generate_series(0, 39) as ago
    cross join lateral (
        select timestamptz '2026-08-01 00:40+00' - make_interval(days => ago)
    ) as day (valid_from)
    where
        ago = 0
        or (ago % 5 = abs(hashtext(tconst)) % 5 and ago <= 5 + abs(hashtext(tconst)) % 40)
"""


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
        connection.execute(_HISTORY)
    with database.connect() as connection:
        connection.execute("vacuum analyze")
