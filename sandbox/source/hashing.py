"""Random numbers that belong to a row: hashes of identifiers, cut into bits.

A stream of random numbers would tie a row to all rows before it. A hash of the row's own
number gives the same value whichever day, chunk or process asks for it. Only integer
arithmetic is used, because the last bit of a float's logarithm differs between machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

DRAWS = 1 << 16
"""Length of a table that turns 16 random bits into a value."""


def salt(seed: int, label: str) -> int:
    """Give the number that sets one use of the hash apart from all others."""
    digest = hashlib.blake2b(f"{seed}:{label}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def mix(numbers: Ints, salt: int) -> Bits:
    """Hash each number to 64 bits (the finaliser of splitmix64)."""
    bits = numbers.astype(np.uint64)
    bits *= np.uint64(0x9E3779B97F4A7C15)
    bits += np.uint64(salt)
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def cut(bits: Bits, low: int, width: int) -> Ints:
    """Take `width` bits from bit `low` on, as numbers."""
    return ((bits >> np.uint64(low)) & np.uint64((1 << width) - 1)).astype(np.int64)


def chance(bits: Bits, low: int, of_256: Ints | int) -> Mask:
    """Be true for so many of 256 rows, told by 8 bits from bit `low` on."""
    return cut(bits, low, 8) < of_256


def one_in(bits: Bits, low: int, odds: int) -> Mask:
    """Be true for one in `odds` (at most 65,536), told by 24 bits from bit `low` on."""
    return cut(bits, low, 24) < (1 << 24) // odds


def shares(weights: Mapping[int, int] | Sequence[int], length: int = DRAWS) -> Ints:
    """Table of `length` places in which each value has places in proportion to its weight.

    Every value with a weight gets one place at least, however small the weight.
    """
    pairs = [
        (value, weight)
        for value, weight in (
            weights.items() if isinstance(weights, Mapping) else enumerate(weights)
        )
        if weight
    ]
    total = sum(weight for _, weight in pairs)
    places = [max(1, weight * length // total) for _, weight in pairs]
    places[places.index(max(places))] += length - sum(places)
    return np.repeat(np.array([value for value, _ in pairs], np.int64), places)


def quantiles(*knots: tuple[int, int]) -> Ints:
    """Table of values by quantile, linear between knots (millionths of the rows, value)."""
    table = np.empty(DRAWS, np.int64)
    at = 0
    for place in range(DRAWS):
        share = place * 1_000_000 // (DRAWS - 1)
        while share > knots[at + 1][0]:
            at += 1
        (share0, value0), (share1, value1) = knots[at], knots[at + 1]
        table[place] = value0 + (value1 - value0) * (share - share0) // (share1 - share0)
    return table
