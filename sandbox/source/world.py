"""How large the synthetic IMDb is, which day it is, and which rows exist on that day.

Titles and people are numbered in the order of their making; the number decides everything
else about them, so any row of any day can be made by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from sandbox.source.hashing import Bits, Ints, Mask, cut, mix, one_in, salt

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST_DAY = 365
"""Rows that are yet to appear are spread over so many days."""

TITLE_BLOCK = 1000
"""Every thousand titles in order of making hold the same number of each type."""

_TITLES = 12_800_000
_PEOPLE = 15_600_000
_TITLES_A_DAY = 2_400
_PEOPLE_A_DAY = 2_900
_LATE_TITLES_A_DAY = 300
"""Of the new titles of a day, those whose identifier is older than the newest."""

# Highest identifiers of 2026, about.
_HIGHEST = {"tt": 41_000_000, "nm": 17_600_000}

_VANISHING_EPOCH = 16
_VANISHING_ODDS = 600
"""In 16 days one title in 600 is away for 1 to 5 days: one in 10,000 goes on a day."""

_EIGHT_DIGITS = 10_000_000
"""Identifiers have seven digits below this number and eight from it on."""

Prefix = Literal["tt", "nm"]


@cache
def _salt(seed: int, label: str) -> int:
    return salt(seed, label)


@dataclass(frozen=True)
class World:
    """The synthetic IMDb of one scale, seed and day."""

    scale: float
    seed: int
    day: int
    hostile: bool

    def hash(self, numbers: Ints, label: str) -> Bits:
        """64 random bits for each number, of a use told by `label`."""
        return mix(numbers, _salt(self.seed, label))

    @cached_property
    def titles_at_first(self) -> int:
        """Titles numbered before day 1."""
        return round(_TITLES * self.scale)

    @cached_property
    def people_at_first(self) -> int:
        """People numbered before day 1."""
        return round(_PEOPLE * self.scale)

    @cached_property
    def _titles_to_come(self) -> int:
        return round((_TITLES_A_DAY - _LATE_TITLES_A_DAY) * LAST_DAY * self.scale)

    @cached_property
    def people_to_come(self) -> int:
        """People that appear between day 1 and the last day."""
        return round(_PEOPLE_A_DAY * LAST_DAY * self.scale)

    def count(self, prefix: Prefix) -> int:
        """How many titles or people have been numbered up to this day."""
        first, to_come = self._counts(prefix)
        return first + to_come * self.day // LAST_DAY

    def birth(self, prefix: Prefix, index: Ints) -> Ints:
        """Day on which each title or person appears; 0 for those there from the start."""
        first, to_come = self._counts(prefix)
        if not to_come:
            return np.zeros(len(index), np.int64)
        day = np.where(index < first, 0, 1 + (index - first) * LAST_DAY // max(to_come, 1))
        if prefix == "tt":
            bits = self.hash(index, "late title")
            late = one_in(bits, 0, _TITLES // (_LATE_TITLES_A_DAY * LAST_DAY)) & (index < first)
            day = np.where(late, 1 + cut(bits, 24, 16) % LAST_DAY, day)
        return day

    def _counts(self, prefix: Prefix) -> tuple[int, int]:
        if prefix == "tt":
            return self.titles_at_first, self._titles_to_come
        return self.people_at_first, self.people_to_come

    def number(self, prefix: Prefix, index: Ints) -> Ints:
        """Give the digits of each identifier: they rise with the index, with gaps."""
        first, _ = self._counts(prefix)
        highest = _HIGHEST[prefix]
        gap = max(1, highest // first)
        jitter = self.hash(index, prefix) % np.uint64(gap)
        return 1 + index * highest // first + jitter.astype(np.int64)

    def chunks(self, prefix: Prefix, size: int) -> Iterator[Ints]:
        """Indexes of everything numbered up to today in C order of the identifiers' text.

        A seven-digit identifier stands before the eight-digit ones that begin with its
        digits, so the order merges the two lengths, both of which rise with the index.
        A chunk has at most twice `size` indexes.
        """
        count = self.count(prefix)
        split = int(self._first_index(prefix, np.array([_EIGHT_DIGITS]))[0])
        # The text as a number: twice the eight digits; seven get a zero for the eighth and
        # stand just before that, behind the nine of the identifiers before.
        short = self.number(prefix, np.arange(0, split, size)) * 20 - 1
        long = self.number(prefix, np.arange(split, count, size)) * 2
        edges = np.unique(np.concatenate([[0], short, long, [10**9]]))
        shorts = np.minimum(self._first_index(prefix, (edges + 20) // 20), split)
        longs = np.clip(self._first_index(prefix, (edges + 1) // 2), split, count)
        for at in range(len(edges) - 1):
            index = np.concatenate(
                [np.arange(*shorts[at : at + 2]), np.arange(*longs[at : at + 2])]
            )
            if not len(index):
                continue
            number = self.number(prefix, index)
            key = np.where(number < _EIGHT_DIGITS, number * 20 - 1, number * 2)
            yield index[np.argsort(key, kind="stable")]

    def _first_index(self, prefix: Prefix, numbers: Ints) -> Ints:
        """First index whose identifier is at least the number, for each number."""
        low = np.zeros(len(numbers), np.int64)
        high = np.full(len(numbers), self.count(prefix), np.int64)
        while (low < high).any():
            middle = (low + high) // 2
            below = (self.number(prefix, middle) < numbers) & (low < high)
            low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
        return low

    def revision(self, bits: Bits, low: int, period: Ints | int) -> Ints:
        """How often each row has changed by today if it changes once in `period` days.

        The day in the period is told by 16 bits from bit `low` on. Zero for all on day 0.
        """
        return (self.day + cut(bits, low, 16) % period) // period

    def away(self, prefix: Prefix, index: Ints) -> Bits:
        """Random bits for what is away today, 0 for what is there.

        Something vanishes for 1 to 5 days out of 16 and returns. The lowest bit is set, the
        others tell which of its rows in other files go with it.
        """
        epoch, day = divmod(self.day, _VANISHING_EPOCH)
        bits = self.hash(index * (LAST_DAY + 1) + epoch, f"away {prefix}")
        first = 1 + cut(bits, 24, 8) % (_VANISHING_EPOCH - 6)
        gone = (day >= first) & (day <= first + cut(bits, 32, 8) % 5)
        # People vanish more rarely than titles.
        odds = _VANISHING_ODDS if prefix == "tt" else 4 * _VANISHING_ODDS
        return np.where(gone & one_in(bits, 0, odds), bits | np.uint64(1), np.uint64(0))

    def share(self, bits: Bits, low: int, odds: int) -> Mask:
        """Be true for one row in `odds` if hostile rows were asked for, else for none."""
        if not self.hostile:
            return np.zeros(len(bits), np.bool_)
        return one_in(bits, low, odds)
