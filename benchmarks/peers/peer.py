"""The peers: what each is called, how it is set, and how it fills a table."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.measure import process
from benchmarks.peers import psql
from benchmarks.peers.target import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.target import Target

INSTALL = "python -m pip install --require-hashes -r requirements/bench.txt"


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to fill a table; `load` takes it and whether key and indexes are to be built.

    It returns seconds, and is not timed if it is only there to be counted. `alone` is false of one
    that cannot be had without key and indexes, `largest` the scale beyond which nobody would wait
    for it, `module` what has to be installed.
    """

    name: str
    load: Callable[[Target, bool], float]
    timed: bool = True
    alone: bool = True
    largest: float = 1.0
    module: str | None = None

    @property
    def missing(self) -> bool:
        """Tell whether its library is not installed."""
        return self.module is not None and importlib.util.find_spec(self.module) is None


def _child(name: str, *, makes: bool) -> Callable[[Target, bool], float]:
    """Return a peer of benchmarks/peers/child.py; `makes` is true if it makes its own table.

    COPY alone is timed after its imports, as ours is; with key and indexes the whole process is.
    """

    def load(target: Target, indexed: bool) -> float:  # noqa: FBT001 - as each peer is called
        if not makes:
            with target.connect() as connection:
                connection.execute(target.create)
        given = {
            "dataset": target.dataset.name,
            "file": str(target.compressed),
            "schema": SCHEMA,
        }
        command = [sys.executable, "-m", "benchmarks.peers.child", name, json.dumps(given)]
        taken = process(command, target.environment)
        if indexed:
            return taken.seconds + psql.index(target)
        return float(taken.output.splitlines()[-1])

    return load


PEERS = (
    Peer("`psql \\copy`, plain file, csv with its own quote", psql.plain(psql.QUOTED), timed=False),
    Peer("`psql \\copy`, plain file, text format", psql.plain(psql.TEXT)),
    Peer("`psql \\copy`, plain file, csv", psql.plain(psql.CSV)),
    Peer("`gunzip -c`, `psql \\copy from stdin`, csv", psql.piped),
    Peer("`COPY … FROM PROGRAM 'gunzip -c'`, csv", psql.program),
    Peer("TRUNCATE and COPY into the indexed table", psql.reload, alone=False),
    Peer(
        "DuckDB, `read_csv` into an attached table", _child("duckdb", makes=False), module="duckdb"
    ),
    Peer("dlt, Arrow and csv", _child("dlt", makes=True), largest=0.01, module="dlt"),
)
