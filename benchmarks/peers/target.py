"""What every peer is given: a file, a table, and who may write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from steps.schema import column_definitions, columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from steps.catalog import Dataset

SCHEMA = "bench"


@dataclass(frozen=True, slots=True)
class Target:
    """A dataset's file, gzipped and plain, and the table of the peers that it goes into.

    The peers are the superuser, who alone may let the server run a program.
    """

    dataset: Dataset
    compressed: Path
    plain: Path
    environment: Mapping[str, str]

    @property
    def table(self) -> sql.Identifier:
        """The table, which is that of whichever peer comes next."""
        return sql.Identifier(SCHEMA, self.dataset.table)

    @property
    def create(self) -> sql.Composed:
        """Statement of the bare table, columns and types as in the raw one."""
        return sql.SQL("create table {} ({})").format(self.table, column_definitions(self.dataset))

    @property
    def index(self) -> list[sql.Composed]:
        """Statements of key and indexes, and of the statistics that a loader leaves too."""
        return [
            sql.SQL("alter table {} add primary key ({})").format(
                self.table, columns(self.dataset.key)
            ),
            *(
                sql.SQL("create index on {} ({})").format(self.table, columns(names))
                for names in self.dataset.indexes
            ),
            sql.SQL("analyze {}").format(self.table),
        ]

    def connect(self) -> psycopg.Connection:
        """Connect in autocommit."""
        return psycopg.connect(self.conninfo, autocommit=True)

    @property
    def conninfo(self) -> str:
        """The connection string."""
        return psycopg.conninfo.make_conninfo(
            host=self.environment["PGHOST"],
            port=self.environment["PGPORT"],
            dbname=self.environment["PGDATABASE"],
            user=self.environment["PGUSER"],
            password=self.environment["PGPASSWORD"],
        )

    def clear(self) -> None:
        """Leave an empty schema, and no work of the last peer's for the server to catch up with."""
        name = sql.Identifier(SCHEMA)
        with self.connect() as connection:
            connection.execute("set client_min_messages = warning")
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(name))
            connection.execute(sql.SQL("create schema {}").format(name))
            connection.execute("checkpoint")

    def rows(self, schema: str = SCHEMA) -> Iterator[bytes]:
        """Yield rows as COPY writes them, of the table or of its namesake in another schema."""
        names = tuple(column.name for column in self.dataset.columns)
        statement = sql.SQL("copy (select {} from {}) to stdout").format(
            columns(names), sql.Identifier(schema, self.dataset.table)
        )
        with (
            self.connect() as connection,
            connection.cursor() as cursor,
            cursor.copy(statement) as copy,
        ):
            for row in copy:
                yield bytes(row)
