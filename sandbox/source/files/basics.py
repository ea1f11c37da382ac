"""Lines of title.basics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.source import genres
from sandbox.source.text import Page, identifiers, small_numbers
from sandbox.source.titles import Titles

if TYPE_CHECKING:
    from sandbox.source.hashing import Ints
    from sandbox.source.world import World


def lines(world: World, index: Ints) -> bytes:
    """Lines of the titles with these indexes that title.basics has today."""
    titles = Titles(world, index)
    titles = titles.take(titles.present())
    return Page().lines(
        identifiers("tt", titles.number),
        titles.type_text,
        titles.primary_title,
        titles.original_title,
        small_numbers(genres.is_adult(titles.genres)),
        small_numbers(titles.year),
        small_numbers(titles.end_year),
        small_numbers(titles.runtime),
        titles.genres_text,
    )
