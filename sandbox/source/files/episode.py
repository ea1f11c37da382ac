"""Lines of title.episode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sandbox.source.hashing import Ints, chance, cut, one_in
from sandbox.source.text import Page, identifiers, small_numbers
from sandbox.source.titles import Titles

if TYPE_CHECKING:
    from sandbox.source.world import World

_GOES = 3
"""Bit of World.away: half of the episodes that vanish keep their place in the series."""


def lines(world: World, index: Ints) -> bytes:
    """Lines of the episodes among the titles with these indexes."""
    titles = Titles(world, index)
    titles = titles.take(titles.present(_GOES) & ~titles.is_ghost & titles.is_episode)
    bits = world.hash(titles.index, "place")
    unknown = chance(world.hash(titles.series, "seasons"), 0, 50)
    unknown |= chance(bits, 0, 11)
    # What is unknown is told by and by, and numbers are corrected.
    unknown &= titles.revision == 0
    corrected = np.where(cut(bits, 8, 2) == 0, titles.revision, 0)
    parent = world.number("tt", titles.parent)
    # Some parents are in no file; an identifier of nine digits would be out of order nowhere,
    # but none is known, so the missing ones are above the highest of today.
    lost = one_in(bits, 16, 1500)
    return Page().lines(
        identifiers("tt", titles.number),
        identifiers("tt", np.where(lost, 90_000_000 + cut(bits, 40, 20), parent)),
        small_numbers(np.where(unknown, -1, titles.season)),
        small_numbers(np.where(unknown, -1, titles.episode + corrected)),
    )
