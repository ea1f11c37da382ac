"""Writing the seven files of one day."""

from __future__ import annotations

import datetime as dt
import importlib
import multiprocessing
import os
import signal
from concurrent.futures import CancelledError, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import structlog
from isal import isal_zlib

from sandbox.source.world import LAST_DAY, Prefix, World
from steps import catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.synchronize import Event
    from pathlib import Path

    from sandbox.source.hashing import Ints

VERSION = 3
"""Counts up whenever the same arguments would give other rows."""

FIRST_DAY = dt.datetime(2026, 1, 1, 0, 40, tzinfo=dt.UTC)
"""When the files of day 0 are published; IMDb's appear daily at about 00:40."""

SMALLEST_SCALE, LARGEST_SCALE = 0.0001, 1.0

_ALONE = 0.002
"""Below this scale starting processes takes longer than they would save."""

log = structlog.get_logger(__name__)


class _Lines(Protocol):
    def lines(self, world: World, index: Ints) -> bytes: ...


@dataclass(frozen=True)
class _File:
    """How a dataset is made: the module of its lines, what it runs over, how many at a time.

    The number keeps a chunk to some tens of thousands of rows: few enough for the processor's
    cache, many enough for numpy.
    """

    module: str
    prefix: Prefix
    chunk: int

    def lines(self, world: World) -> Iterator[bytes]:
        # Not at the top: its tables take a second to make, and only who writes files waits.
        module = cast("_Lines", importlib.import_module(f"sandbox.source.files.{self.module}"))
        for index in world.chunks(self.prefix, self.chunk):
            yield module.lines(world, index)


# In order of the work they are: the longest is begun first.
_FILES = {
    "title.principals": _File("principals", "tt", 1_000),
    "title.akas": _File("akas", "tt", 2_000),
    "name.basics": _File("names", "nm", 8_000),
    "title.crew": _File("crew", "tt", 8_000),
    "title.basics": _File("basics", "tt", 8_000),
    "title.episode": _File("episode", "tt", 16_000),
    "title.ratings": _File("ratings", "tt", 16_000),
}


def generate(
    folder: Path,
    *,
    scale: float,
    seed: int = 1,
    day: int = 0,
    hostile: bool = False,
    datasets: Iterable[str] | None = None,
) -> dict[str, Path]:
    """Write `<dataset>.tsv.gz` for every dataset, or for those named, and give their paths.

    Scale 1 is IMDb of August 2026: 213 million rows. The same arguments give the same bytes,
    whatever the number of processes. A file's time of modification is the time at which the
    day's files are published. Files in the folder are overwritten.

    Raises:
        ValueError: the scale or the day is out of range, or a dataset is unknown.

    """
    wanted = set(catalog.BY_NAME) if datasets is None else set(datasets)
    if unknown := wanted - set(catalog.BY_NAME):
        message = f"no such dataset: {', '.join(sorted(unknown))}"
        raise ValueError(message)
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        message = f"scale must be {SMALLEST_SCALE} to {LARGEST_SCALE}, not {scale}"
        raise ValueError(message)
    if not 0 <= day <= LAST_DAY:
        message = f"day must be 0 to {LAST_DAY}, not {day}"
        raise ValueError(message)
    folder.mkdir(parents=True, exist_ok=True)
    world = World(scale, seed, day, hostile)
    paths = {name: folder / catalog.BY_NAME[name].file for name in _FILES if name in wanted}
    if scale < _ALONE or len(paths) == 1:
        for name, path in paths.items():
            _write(world, name, path)
            log.info("written", file=path.name, bytes=path.stat().st_size)
        return paths
    workers = min(len(paths), len(os.sched_getaffinity(0)))
    # A fork would copy the locks of a server's threads.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(workers, context, _begin_worker, (stop,)) as pool:
        work = {pool.submit(_write, world, name, path): path for name, path in paths.items()}
        try:
            for done in as_completed(work):
                done.result()
                log.info("written", file=work[done].name, bytes=work[done].stat().st_size)
        except BaseException:
            # The pool waits for its workers, which would write on for minutes.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return paths


def published(dataset: str, day: int) -> dt.datetime:
    """When a dataset's file of a day is published: one after the other, seconds apart."""
    order = list(catalog.BY_NAME).index(dataset)
    return FIRST_DAY + dt.timedelta(days=day, seconds=17 * order)


_stop: Event | None = None
"""In a worker: set when its work is no longer wanted."""


def _begin_worker(stop: Event) -> None:
    """Leave Ctrl-C, which reaches the whole group of processes, to the parent."""
    global _stop  # noqa: PLW0603 - the only way from a pool's initializer to its tasks
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _write(world: World, name: str, path: Path) -> None:
    # Bits 31 ask for gzip's frame; isal leaves its time of modification 0.
    squeezer = isal_zlib.compressobj(level=1, wbits=31)
    with path.open("wb") as file:
        file.write(squeezer.compress(catalog.BY_NAME[name].header + b"\n"))
        parent = os.getppid()
        for text in _FILES[name].lines(world):
            # A parent that was killed could not say so.
            if _stop is not None and (_stop.is_set() or os.getppid() != parent):
                raise CancelledError
            file.write(squeezer.compress(text))
        file.write(squeezer.flush())
    seconds = int(published(name, world.day).timestamp())
    os.utime(path, (seconds, seconds))
