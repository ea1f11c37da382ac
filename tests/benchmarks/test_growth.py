"""Results are kept, so that a scale that takes half an hour is taken once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.day import Day, Part
from benchmarks.growth import kept

if TYPE_CHECKING:
    from pathlib import Path

FIRST = Day(
    rows=2_000_000,
    parts={"files": Part(10.5, 300, 1000), "models": Part(20.25, 200, 500)},
    steps={"download": 4.5, "load": 12.0},
    peaks={"load": 100_000_000, "build": 150_000_000},
    postgres=400_000_000,
    stored=20_000_000,
    database=500_000_000,
)
SECOND = replace(FIRST, parts={"files": Part(2.0, 1, 2)})
AGAIN = replace(FIRST, parts={"plan": Part(1.0, 0, 0)}, steps={})


def test_kept(tmp_path: Path) -> None:
    """What was taken once is read again as it was, and not run."""
    taken = kept(tmp_path, 0.01, lambda _: (FIRST, SECOND, AGAIN))

    def run(scale: float) -> tuple[Day, Day, Day]:
        pytest.fail(f"scale {scale} was run again")

    assert kept(tmp_path, 0.01, run) == taken
    assert (taken.scale, taken.first, taken.second, taken.again) == (0.01, FIRST, SECOND, AGAIN)


def test_missing(tmp_path: Path) -> None:
    """Another scale is run, and a run that fails leaves nothing that would pass for a result."""
    kept(tmp_path, 0.01, lambda _: (FIRST, SECOND, AGAIN))

    def fail(_: float) -> tuple[Day, Day, Day]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kept(tmp_path, 0.1, fail)
    assert kept(tmp_path, 0.1, lambda _: (SECOND, FIRST, AGAIN)).first == SECOND


def test_whole() -> None:
    """A run is the sum of its parts."""
    assert (FIRST.seconds, FIRST.log, FIRST.written) == (30.75, 500, 1500)
