"""Lines of title.ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.source import ratings
from sandbox.source.text import Page, identifiers, numbers, spans
from sandbox.source.titles import Titles

if TYPE_CHECKING:
    from sandbox.source.hashing import Ints
    from sandbox.source.world import World

_TENTHS = spans(f"{tenths // 10}.{tenths % 10}" for tenths in range(101))

_GOES = 1
"""Bit of World.away: half of the titles that vanish keep their rating."""


def lines(world: World, index: Ints) -> bytes:
    """Lines of the titles with these indexes that title.ratings has today."""
    titles = Titles(world, index)
    titles = titles.take(titles.present(_GOES))
    titles = titles.take(ratings.is_rated(titles))
    return Page().lines(
        identifiers("tt", titles.number),
        _TENTHS[ratings.average(titles)],
        numbers(ratings.votes(titles)),
    )
