"""Prewarm: read a table and its indexes in sequence, where writing to them reads most of it anyway.

A delta looks its rows up one after another, each wherever it is, and so does a model whose rows it
affected: a disk gives pages in sequence twenty times as fast (seen on an SSD: 2 GB/s, and 10,000
pages of 8 kB a second one by one). Into the system's cache, not into Postgres' buffers, which
belong to its readers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from steps import database
from steps.log import log

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.catalog import Dataset

# Of the table and of each index 16 pages at most for each row: more of them in sequence cost as
# much as the one by itself. And none that by itself is larger than the cache, by the planner's
# figure: its first pages would be gone before they are wanted.
_FUNCTION = """
create or replace function ops.read_ahead(relation regclass, rows bigint) returns bigint
language plpgsql
as $function$
declare
    prewarm text;
    pages bigint;
begin
    select format('%I.pg_prewarm', extnamespace::regnamespace) into prewarm
    from pg_extension
    where extname = 'pg_prewarm' and has_schema_privilege(extnamespace, 'usage');
    if prewarm is null then
        return 0;
    end if;
    execute format(
        $query$
            with tables as (
                select relid as part from pg_partition_tree($1)
                union
                select $1
            ),
            sizes as (
                select part, pg_relation_size(part) / current_setting('block_size')::bigint as pages
                from (
                    select part from tables
                    union all
                    select indexrelid from pg_index inner join tables on indrelid = part
                ) as parts
            )
            select coalesce(sum(%s(part, 'read')), 0)
            from sizes
            where
                pg_relation_filenode(part) is not null
                and pages <= $2 * 16
                and pages <= (
                    select setting::bigint from pg_settings where name = 'effective_cache_size'
                )
        $query$,
        prewarm
    ) into pages using relation, rows;
    return pages;
end
$function$;
comment on function ops.read_ahead is
    'Reads a table and its indexes in sequence if so many of its rows are about to be looked up '
    'one by one that this is cheaper; returns how many pages; none without the extension '
    'pg_prewarm.';
"""


def extend(connection: Connection[TupleRow]) -> None:
    """Make the extension if this role may and the server has it; without it deltas are slower."""
    try:
        with connection.transaction():
            connection.execute("create extension if not exists pg_prewarm schema ops")
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.FeatureNotSupported,  # it is not installed
    ) as error:
        log.info("no_pg_prewarm", reason=error.diag.message_primary)


def define(connection: Connection[TupleRow]) -> None:
    """Make the function by which loads and models read ahead, in schema ops."""
    connection.execute(_FUNCTION)


def read(connection: Connection[TupleRow], dataset: Dataset, rows: int) -> int:
    """Read a raw table and its indexes if so many rows are to be written; return pages of 8 kB."""
    query = "select ops.read_ahead(%s::regclass, %s)"
    (pages,) = database.one_row(connection, query, f"raw.{dataset.table}", rows)
    return int(pages)
