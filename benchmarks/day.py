"""One run of the pipeline on a laptop's servers, measured: seconds, bytes and memory by part."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks import watch
from benchmarks.environment import within
from sandbox import run as runs
from sandbox import servers as sandboxes
from sandbox.source import running
from steps import database, ledger
from steps.catalog import DATASETS
from steps.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sandbox.servers import Servers
    from steps.outcome import Step

_PARTS = {"prune": "files", "build": "models"}
"""A part is named by the step that ends it, but for these. Downloads and loads run side by side
until the pruning."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of a run took: wall seconds, bytes of write-ahead log, all bytes written.

    The bytes are Postgres'; those of the log are among those written.
    """

    seconds: float
    log: int
    written: int


@dataclass(frozen=True, slots=True)
class Day:
    """What a run took. Bytes throughout.

    `steps` are the seconds of downloads and of loads, which overlap, `peaks` the largest process
    of each step, `stored` what came into the store, `database` the size afterwards.
    """

    rows: int
    parts: dict[str, Part]
    steps: dict[str, float]
    peaks: dict[str, int]
    postgres: int
    stored: int
    database: int

    @property
    def seconds(self) -> float:
        """The whole run."""
        return sum(part.seconds for part in self.parts.values())

    @property
    def log(self) -> int:
        """Bytes of write-ahead log."""
        return sum(part.log for part in self.parts.values())

    @property
    def written(self) -> int:
        """Bytes that Postgres gave the system to write."""
        return sum(part.written for part in self.parts.values())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Day:
        """Return what `to_json` gave."""
        parts = {name: Part(**part) for name, part in found["parts"].items()}
        return cls(**{**found, "parts": parts})


@dataclass(slots=True)
class _Listener:
    """Ends a part with each step that has no dataset.

    Counters are read after a checkpoint, so that what a part dirtied is counted as its own; the
    checkpoint's time is nobody's.
    """

    servers: Servers
    postmaster: int
    parts: dict[str, Part] = field(default_factory=dict)
    steps: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _began: float = 0.0
    _before: tuple[int, int] = (0, 0)

    def begin(self) -> None:
        self._before = self._counters()
        self._began = time.monotonic()

    def running(self, step: str, dataset: str | None, figures: Mapping[str, Any]) -> None:
        """Nothing to see."""

    def ended(self, step: Step) -> None:
        if step.dataset is not None:
            self.steps[step.step] += step.seconds
            return
        seconds = time.monotonic() - self._began
        now = self._counters()
        log, written = (a - b for a, b in zip(now, self._before, strict=True))
        self.parts[_PARTS.get(step.step, step.step)] = Part(seconds, log, written)
        self._before = now
        self._began = time.monotonic()

    def _counters(self) -> tuple[int, int]:
        port = self.servers.state.postgres_port
        assert port is not None  # noqa: S101 - servers that are up have one
        with self.servers.postgres.connect(port) as connection:
            connection.execute("checkpoint")
            (log,) = database.one_row(
                connection, "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
            )
        return log, watch.written(self.postmaster)


def take(state: Path, files: Path) -> Day:
    """Run the pipeline on the files of a day, with the servers of a state folder.

    Raises:
        RuntimeError: a step failed.

    """
    servers = sandboxes.up(state)
    postmaster = int((servers.postgres.data / "postmaster.pid").read_text().split("\n")[0])
    environment = servers.environment()
    with running(files) as url, within({**environment, "IMDB_SOURCE_URL": url}) as settings:
        store = Store(settings)
        before = _contents(store)
        loader = dict(os.environ)
        dbt = {**loader, "PGUSER": "dbt", "PGPASSWORD": environment["IMDB_DBT_PASSWORD"]}
        listener = _Listener(servers, postmaster)
        with watch.Memory(os.getpid(), postmaster) as memory:
            listener.begin()
            steps = runs.run(runs.Servers(loader, dbt), state / sandboxes.RUN, listener)
        if failed := [step for step in steps if step.code]:
            message = f"the run failed: {failed}"
            raise RuntimeError(message)
        with database.connect(settings) as connection:
            (size,) = database.one_row(connection, "select pg_database_size(current_database())")
            loads = [ledger.latest_load(connection, dataset) for dataset in DATASETS]
        return Day(
            rows=sum(load.rows for load in loads if load is not None),
            parts=listener.parts,
            steps=dict(listener.steps),
            peaks=memory.steps,
            postgres=memory.postgres,
            stored=sum(size for key, size in _contents(store).items() if key not in before),
            database=size,
        )


def _contents(store: Store) -> dict[str, int]:
    """Return the size of every object, by key."""
    found = [item for dataset in DATASETS for item in store.objects(dataset)]
    return {item.key: item.size for item in (*found, *store.histories())}
