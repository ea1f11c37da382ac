"""Lines of title.crew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sandbox.source import crediting
from sandbox.source.text import Page, identifiers
from sandbox.source.titles import Titles

if TYPE_CHECKING:
    from sandbox.source.hashing import Ints
    from sandbox.source.world import World

_GOES = 2
"""Bit of World.away: half of the titles that vanish keep their crew."""


def lines(world: World, index: Ints) -> bytes:
    """Lines of the titles with these indexes that title.crew has today."""
    titles = Titles(world, index)
    # 12.3 of 12.8 million titles have a line.
    bits = world.hash(index, "crew line")
    titles = titles.take(titles.present(_GOES) & ~titles.is_ghost & (bits % np.uint64(26) > 0))
    page = Page()
    return page.lines(
        identifiers("tt", titles.number),
        _list(page, titles, crediting.DIRECTOR, crediting.directors(titles)),
        _list(page, titles, crediting.WRITER, crediting.writers(titles)),
    )


def _list(page: Page, titles: Titles, category: int, counts: Ints) -> Ints:
    row = np.repeat(np.arange(len(titles)), counts)
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    person = crediting.credited(titles, row, np.full_like(row, category), place, np.zeros_like(row))
    return page.lists(identifiers("nm", titles.world.number("nm", person)), counts)
