"""Lines of name.basics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.source.people import People
from sandbox.source.text import Page, identifiers, small_numbers

if TYPE_CHECKING:
    from sandbox.source.hashing import Ints
    from sandbox.source.world import World


def lines(world: World, index: Ints) -> bytes:
    """Lines of the people with these indexes that name.basics has today."""
    people = People(world, index)
    people = People(world, index[people.present])
    page = Page()
    known_for, counts = people.known_for
    return page.lines(
        identifiers("nm", people.number),
        people.name,
        small_numbers(people.birth_year),
        small_numbers(people.death_year),
        people.professions,
        page.lists(identifiers("tt", known_for), counts),
    )
