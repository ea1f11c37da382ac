"""Change sets: what each delta changed, for the models that follow it.

`ops.changes_<table>` has a row for each key that a delta inserted, updated or deleted, with the
old and new values of the columns that the catalogue tracks. The ledger says of which loads the
change set is all there (`changes_kept`). A model that was built from load N is brought up to date
by those of the later loads, if each of them is kept; otherwise, as after a full load, anything
may have changed. Ledger and change sets are to be read in one statement: a prune or a full load
may come between two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from steps.schema import columns

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.catalog import Dataset


def table(dataset: Dataset) -> sql.Identifier:
    """Return the name of the table of a dataset's change sets."""
    return sql.Identifier("ops", dataset.changes_table)


def write(
    connection: Connection[TupleRow],
    dataset: Dataset,
    load_id: int,
    delta: sql.Identifier,
) -> None:
    """Write down what a delta is about to change; `delta` has its rows and their op."""
    key = dataset.key
    old = tuple(f"old_{name}" for name in dataset.tracked)
    new = tuple(f"new_{name}" for name in dataset.tracked)
    values = [
        *(sql.SQL("delta.{}").format(sql.Identifier(name)) for name in key),
        *(sql.SQL("old.{}").format(sql.Identifier(name)) for name in dataset.tracked),
        *(
            sql.SQL("case when delta.op <> 'delete' then delta.{} end").format(sql.Identifier(name))
            for name in dataset.tracked
        ),
    ]
    connection.execute(
        sql.SQL(
            "insert into {changes} (load_id, op, {columns}) select {load_id}, delta.op, {values} "
            "from {delta} as delta left join {raw} as old using ({key})"
        ).format(
            changes=table(dataset),
            columns=columns((*key, *old, *new)),
            load_id=load_id,
            values=sql.SQL(", ").join(values),
            delta=delta,
            raw=sql.Identifier("raw", dataset.table),
            key=columns(key),
        )
    )
    # Or models and tests that look up a few thousand keys would be planned for any number.
    connection.execute(sql.SQL("analyze {}").format(table(dataset)))


def forget(connection: Connection[TupleRow], dataset: Dataset) -> None:
    """Drop every change set of a dataset: a full load is about to change everything."""
    connection.execute(sql.SQL("delete from {}").format(table(dataset)))
    connection.execute(
        "update ops.loads set changes_kept = false where dataset = %s and changes_kept",
        [dataset.name],
    )


def prune(connection: Connection[TupleRow], dataset: Dataset) -> int:
    """Drop the change sets that every model and test has used; return of how many loads they were.

    A model that is not recorded will be built whole. One that lags behind by more changes than
    the table has rows, such as one that is gone from the project, will be too.
    """
    with connection.transaction():
        pruned = connection.execute(_PRUNE, {"dataset": dataset.name}).fetchall()
        for (load_id,) in pruned:
            connection.execute(
                sql.SQL("delete from {} where load_id = %s").format(table(dataset)), [load_id]
            )
    return len(pruned)


_PRUNE = """
    update ops.loads
    set changes_kept = false
    from (
        select
            load_id,
            rows,
            sum(inserted_rows + updated_rows + deleted_rows)
                over (order by load_id desc) as pending
        from ops.loads
        where dataset = %(dataset)s and changes_kept
    ) as kept
    where
        loads.load_id = kept.load_id
        and (
            kept.pending > kept.rows
            or kept.load_id <= (
                select coalesce(min((loads ->> %(dataset)s)::bigint), kept.load_id)
                from (
                    select loads from ops.model_builds
                    union all
                    select loads from ops.test_passes
                ) as used
            )
        )
    returning loads.load_id
"""
