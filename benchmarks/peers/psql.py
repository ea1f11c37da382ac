r"""The peers that are COPY itself: psql's, the server's own, and a reload into what is there.

Settings as Postgres' manual advises for filling a database: the table is made (or emptied) in the
transaction of its COPY, so that with wal_level minimal its rows are not logged and FREEZE spares
a later rewrite; key and indexes come after the rows, then ANALYZE. The format is csv with a quote
that IMDb's files do not have: with the quote that csv has by itself rows run together, and text
format eats backslashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from benchmarks import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.peers.target import Target

CSV = r"format csv, delimiter E'\t', null '\N', quote E'\b', escape E'\b', header, freeze"
QUOTED = r"format csv, delimiter E'\t', null '\N', header, freeze"
TEXT = "format text, header, freeze"


def plain(options: str) -> Callable[[Target, bool], float]:
    r"""Return `\copy` of the plain file, for which somebody else has paid the inflating."""
    return lambda target, indexed: _filled(
        target, rf"\copy {_name(target)} from '{target.plain}' ({options})", indexed=indexed
    )


def piped(target: Target, indexed: bool) -> float:  # noqa: FBT001 - as each peer is called
    r"""Inflate beside `\copy`, in a process of its own."""
    return _filled(
        target,
        rf"\copy {_name(target)} from pstdin ({CSV})",
        indexed=indexed,
        before=_gunzip(target),
    )


def program(target: Target, indexed: bool) -> float:  # noqa: FBT001 - as each peer is called
    """Let the server inflate: no client, no network, but a superuser and a file on its disk."""
    return _filled(
        target,
        f"copy {_name(target)} from program 'gunzip -c \"{target.compressed}\"' ({CSV})",
        indexed=indexed,
    )


def reload(target: Target, indexed: bool) -> float:  # noqa: FBT001, ARG001 - it never drops them
    r"""Empty an indexed table and copy into it: readers would wait until the end."""
    with target.connect() as connection:
        connection.execute(target.create)
        for statement in target.index:
            connection.execute(statement)
        connection.execute("checkpoint")
    empty = sql.SQL("truncate {}").format(target.table).as_string()
    copy = rf"\copy {_name(target)} from pstdin ({CSV})"
    analyze = sql.SQL("analyze {}").format(target.table).as_string()
    return measure.psql(target.environment, [empty, copy, analyze], _gunzip(target))


def index(target: Target) -> float:
    """Build key and indexes of a table that another program filled."""
    return measure.psql(target.environment, [each.as_string() for each in target.index])


def _filled(target: Target, copy: str, *, indexed: bool, before: Sequence[str] = ()) -> float:
    further = target.index if indexed else []
    commands = [target.create.as_string(), copy, *(each.as_string() for each in further)]
    return measure.psql(target.environment, commands, before)


def _gunzip(target: Target) -> list[str]:
    """Return the words before a command that give it the inflated file."""
    return ["sh", "-c", 'file=$1; shift; gunzip -c "$file" | "$@"', "sh", str(target.compressed)]


def _name(target: Target) -> str:
    return target.table.as_string()
