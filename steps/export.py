"""Export: a raw table back as the exact text of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from steps import database, progress, tsv
from steps.catalog import NULL
from steps.schema import check_version, columns

if TYPE_CHECKING:
    from typing import BinaryIO

    from steps.catalog import Dataset
    from steps.settings import Settings


def export(settings: Settings, dataset: Dataset, output: BinaryIO) -> None:
    """Write a raw table as text: the header, then the rows in the order of the key.

    IMDb's files are sorted by key, so that this is the loaded file byte for byte; of a file
    that was not, its lines sorted.

    Raises:
        ConfigurationError, TemporaryError: the database cannot be read.

    """
    names = tuple(column.name for column in dataset.columns)
    statement = sql.SQL(
        "copy (select {} from {} order by {}) to stdout (format text, null {})"
    ).format(
        columns(names),
        sql.Identifier("raw", dataset.table),
        columns(dataset.key),
        sql.Literal(NULL),
    )
    with (
        database.errors(),
        # Another name than a load's, so that a swap takes it for the reader that it is.
        database.connect(settings, application_name="imdb-export") as connection,
        connection.cursor() as cursor,
        progress.shown(f"export {dataset.name}", None) as meter,
    ):
        check_version(connection)
        output.write(dataset.header + b"\n")
        with cursor.copy(statement) as copy:
            meter.phase = "exporting"
            for rows in copy:
                meter.rows += 1
                meter.done += output.write(tsv.from_copy(bytes(rows)))
    output.flush()
