"""Rounds: ours and every peer in turn, so that a machine's drift hits all alike."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.peers.count import reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.ours import Ours
    from benchmarks.peers.peer import Peer
    from benchmarks.peers.target import Target


@dataclass(slots=True)
class Times:
    """Seconds of one way, round by round: COPY alone, with key and indexes, and of a day.

    A peer has no `day`: its only way to the next day is to load the whole file.
    """

    alone: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)
    day: list[float] = field(default_factory=list)
    failed: str | None = None


def against(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Return how many times as fast as theirs ours was: the median of the rounds, and the range."""
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def median(seconds: Sequence[float]) -> str:
    """Return seconds as a table shows them."""
    return f"{statistics.median(seconds):.2f}"


def take(
    ours: Ours, peers: Sequence[Peer], target: Target, rounds: int
) -> tuple[Times, dict[str, Times]]:
    """Take `rounds` rounds after one that warms caches."""
    mine = Times()
    theirs = {peer.name: Times() for peer in peers}
    for number in range(rounds + 1):
        _ours(ours, target, mine)
        for peer in peers:
            times = theirs[peer.name]
            if times.failed is None:
                _theirs(peer, target, times)
        if number == 0:
            mine = Times()
            theirs = {name: Times(failed=times.failed) for name, times in theirs.items()}
    return mine, theirs


def _ours(ours: Ours, target: Target, times: Times) -> None:
    for taken, way in (
        (times.alone, ours.alone),
        (times.full, ours.full),
        (times.day, ours.delta),
    ):
        target.clear()
        taken.append(way())


def _theirs(peer: Peer, target: Target, times: Times) -> None:
    def load(*, indexed: bool) -> float:
        target.clear()
        return peer.load(target, indexed)

    if peer.missing:
        times.failed = "not installed"
        return
    try:
        if peer.alone:
            times.alone.append(load(indexed=False))
        times.full.append(load(indexed=True))
    except RuntimeError as error:
        times.failed = reason(error)
