"""Timing: pairs in turn, so that a machine's drift hits both, and peaks of whole processes."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import watch
from sandbox.postgres import BINARIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

IMDB = [sys.executable, "-m", "steps"]
"""`imdb`, of this very interpreter."""

_PSQL = [str(BINARIES / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]

_WATCH_SECONDS = 0.05
"""Between two looks; what a process adds in its last moments may be missed."""


@dataclass(frozen=True, slots=True)
class Process:
    """What a process took: wall seconds and its own peak resident memory in bytes."""

    seconds: float
    peak: int
    output: str


def process(
    command: Sequence[str], environment: Mapping[str, str], *, kept: bool = True
) -> Process:
    """Run a command to its end; what it prints is kept unless it is too much.

    Raises:
        RuntimeError: it failed; the message has what it said.

    """
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE if kept else subprocess.DEVNULL,
        stderr=subprocess.STDOUT if kept else subprocess.PIPE,
        text=True,
    ) as child:
        watched = _Watch(child.pid)
        watched.start()
        output = "".join(filter(None, child.communicate()))
        seconds = time.perf_counter() - began
        watched.join()
    if child.returncode:
        message = f"{' '.join(command)} ended with {child.returncode}: {output[-2000:]}"
        raise RuntimeError(message)
    return Process(seconds, watched.peak, output)


def psql(
    environment: Mapping[str, str], commands: Sequence[str], before: Sequence[str] = ()
) -> float:
    """Run SQL and psql's own commands in one transaction and return its seconds.

    `before` are the words of a program that psql's command line is given to.

    Raises:
        RuntimeError: a command failed.

    """
    arguments = [part for each in commands for part in ("--command", each)]
    words = [*before, *_PSQL, "--single-transaction", *arguments]
    return process([shutil.which(words[0]) or words[0], *words[1:]], environment).seconds


class _Watch(threading.Thread):
    """Reads a process's high-water mark until it is gone.

    The accounting of a finished child is of no use here: it counts the memory of the parent
    that it was forked from.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.peak = 0

    def run(self) -> None:
        while peak := watch.high_water(self._pid):
            self.peak = max(self.peak, peak)
            time.sleep(_WATCH_SECONDS)


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds of two ways to the same thing, measured in turn."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours was, pair by pair."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    def __str__(self) -> str:
        """Return medians, and the ratio with its range."""
        ratios = self.ratios
        return (
            f"{statistics.median(self.ours):.2f} s against {statistics.median(self.theirs):.2f} s: "
            f"{statistics.median(ratios):.2f} times as fast "
            f"({min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} pairs)"
        )


def pair(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> Pair:
    """Take `runs` pairs after one that warms caches; each call returns its seconds."""
    taken = [(ours(), theirs()) for _ in range(runs + 1)][1:]
    return Pair(tuple(a for a, _ in taken), tuple(b for _, b in taken))
