"""How fast something grows."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the p of the law `values = c * sizes ** p` that fits best: 1 is growth in proportion.

    It is the slope of a straight line through the logarithms, by least squares; all must be
    positive, and two sizes different.
    """
    return statistics.linear_regression(
        [math.log(size) for size in sizes], [math.log(value) for value in values]
    ).slope
