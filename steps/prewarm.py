"""Prewarm: read a table and its indexes in sequence, where writing to them reads most of it anyway.

A delta looks its rows up one after another, each wherever it is: a disk gives pages in sequence
twenty times as fast (seen on an SSD: 2 GB/s, and 10,000 pages of 8 kB a second one by one). Into
the system's cache, not into Postgres' buffers, which belong to its readers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from steps import database
from steps.log import log

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.catalog import Dataset

_PAGES_PER_ROW = 16
"""Pages of a table or an index that are read at most for each row that is to be written: less
than that in sequence costs about as much as the one by itself."""

# What fits into the cache with all the others that will be read: else the first pages would be
# gone before they are wanted. The planner has the same figure for the same reason.
_READ = """
    with tables as (
        select relid as relation from pg_partition_tree(%s) where isleaf
    ),
    sizes as (
        select relation, pg_relation_size(relation) / current_setting('block_size')::bigint as pages
        from (
            select relation from tables
            union all
            select indexrelid from pg_index inner join tables on indrelid = relation
        ) as relations
    )
    select coalesce(sum({function}(relation, 'read')), 0)::bigint
    from sizes
    where
        pages <= %s
        and (select sum(pages) from sizes) <= (
            select setting::bigint from pg_settings where name = 'effective_cache_size'
        )
"""


def prepare(connection: Connection[TupleRow]) -> None:
    """Make the extension if this role may and the server has it; without it deltas are slower."""
    try:
        with connection.transaction():
            connection.execute("create extension if not exists pg_prewarm schema ops")
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.FeatureNotSupported,  # it is not installed
        psycopg.errors.UndefinedFile,  # the same, before Postgres 16
    ) as error:
        log.info("no_pg_prewarm", reason=error.diag.message_primary)


def read(connection: Connection[TupleRow], dataset: Dataset, rows: int) -> int:
    """Read a raw table and its indexes if so many rows are to be written; return pages of 8 kB.

    Nothing without the extension pg_prewarm, which only a superuser can make.
    """
    (schema,) = database.one_row(
        connection,
        "select max(extnamespace::regnamespace::text) from pg_extension "
        "where extname = 'pg_prewarm'",
    )
    if schema is None:
        return 0
    query = sql.SQL(_READ).format(function=sql.Identifier(schema, "pg_prewarm"))
    (pages,) = database.one_row(connection, query, f"raw.{dataset.table}", rows * _PAGES_PER_ROW)
    return int(pages)
