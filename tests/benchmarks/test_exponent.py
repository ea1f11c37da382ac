"""The exponent of growth."""

from __future__ import annotations

import pytest

from benchmarks.exponent import exponent


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 1.7])
def test_law(power: float) -> None:
    """A law of growth is found again, whatever its factor."""
    sizes = [0.01, 0.1, 1.0]
    assert exponent(sizes, [40 * size**power for size in sizes]) == pytest.approx(power)


def test_two() -> None:
    """Two sizes give the slope between them: ten times the rows, a hundred times the seconds."""
    assert exponent([1, 10], [3, 300]) == pytest.approx(2)


def test_least_squares() -> None:
    """What lies off the line by equal parts above and below does not tilt it."""
    assert exponent([1, 10, 100, 1000], [2, 5, 50, 2000]) == pytest.approx(1.0)
