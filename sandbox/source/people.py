"""Who a person is: craft, years of work, fame, name. A function of the index and the day.

The people of one craft stand in order of their first year and, within it, of their fame; a
credit draws from those who began some years before the title. Places in that order are
scattered over the identifiers by multiplication modulo the number of people of the craft,
which can be undone, so a person knows the years that the credits will draw.
"""

from __future__ import annotations

from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from sandbox.source.hashing import (
    DRAWS,
    Bits,
    Ints,
    Mask,
    chance,
    cut,
    mix,
    one_in,
    quantiles,
    shares,
)
from sandbox.source.text import replaced, span, spans
from sandbox.source.titles import FIRST_YEAR, THIS_YEAR, titles_of_year
from sandbox.source.wording import ANYONE, HOSTILE, MEN, PEOPLE, WOMEN
from sandbox.source.world import LAST_DAY

if TYPE_CHECKING:
    from sandbox.source.world import World

_CRAFTS = {
    "actor": 62,
    "actress": 46,
    "self": 30,
    "maker": 40,
    "composer": 7,
    "cinematographer": 6,
    "editor": 6,
    "other": 3,
}
ACTOR, ACTRESS, SELF, MAKER, COMPOSER, CINEMATOGRAPHER, EDITOR, OTHER = range(8)
_BLOCK = sum(_CRAFTS.values())
_SIZES = np.array(list(_CRAFTS.values()), np.int64)
_FIRST_SLOT = np.cumsum(_SIZES) - _SIZES
_CRAFT_OF_SLOT = np.repeat(np.arange(len(_CRAFTS)), _SIZES)
_SLOT = np.argsort(mix(np.arange(_BLOCK), 13), kind="stable")
_PLACE = np.argsort(_SLOT, kind="stable")

# Year of a person's first work by quantile, and its inverse: the quantile each year begins at.
_DEBUT = quantiles(
    (0, FIRST_YEAR),
    (1_000, 1895),
    (20_000, 1915),
    (50_000, 1930),
    (100_000, 1950),
    (170_000, 1965),
    (250_000, 1978),
    (340_000, 1990),
    (460_000, 2000),
    (640_000, 2010),
    (860_000, 2019),
    (1_000_000, THIS_YEAR),
)
_DEBUT_BEGINS = np.searchsorted(_DEBUT, np.arange(THIS_YEAR + 2), side="left")

# Years between a person's first work and the work at hand.
_LAG = quantiles((0, 0), (200_000, 1), (500_000, 6), (800_000, 16), (960_000, 30), (1_000_000, 48))

# Fame: a draw lands on the cube of a uniform number, so the few at the front of a year get
# most of the work (the first thousandth a tenth of it).
_FAME = np.array([place**3 // DRAWS for place in range(DRAWS + 1)], np.int64)
_FAME_BITS = 32

_PROFESSIONS = {
    ACTOR: ["actor", "actor,producer", "actor,director,writer", "actor,writer", "actor,stunts"],
    ACTRESS: ["actress", "actress,producer", "actress,soundtrack", "actress,writer"],
    SELF: ["", "miscellaneous", "actor", "actress,miscellaneous", "camera_department"],
    MAKER: ["director", "writer", "producer", "director,writer,producer", "writer,producer"],
    COMPOSER: ["composer", "composer,music_department", "composer,soundtrack"],
    CINEMATOGRAPHER: ["cinematographer", "cinematographer,camera_department", "director"],
    EDITOR: ["editor", "editor,editorial_department", "editor,director,producer"],
    OTHER: ["casting_director", "production_designer,art_department", "art_director"],
}
_PROFESSION_SPANS = np.concatenate(
    [spans((texts * 8)[:8]) for texts in _PROFESSIONS.values()]
)  # eight places for each craft
_NAMES_OF_CRAFT = np.array([MEN, WOMEN, *[ANYONE] * 6], np.int64)

_LEARNT = 3
"""After so many changes of a row the year of birth is known."""
_FAMOUS, _NOTED, _KNOWN_BIRTH = 3_000, 6_000, 2_900
"""Of the 65,536 of a year and craft: all have a profession; four known titles; a birth year."""

_PERIOD = 160
"""A person's row changes once in so many days."""


def _crowd(world: World) -> Ints:
    """People of each craft that old credits draw from: those in whole blocks."""
    return world.people_at_first // _BLOCK * _SIZES


def _strides(crowd: Ints) -> tuple[Ints, Ints]:
    """For each craft a multiplier and its inverse, by which places are scattered."""
    forth, back = [], []
    for size in crowd.tolist():
        stride = size * 618 // 1000 | 1
        while gcd(stride, size) > 1:
            stride += 2
        forth.append(stride)
        back.append(pow(stride, -1, size) if size > 1 else 0)
    return np.array(forth, np.int64), np.array(back, np.int64)


def draw(world: World, craft: Ints, year: Ints, bits: Bits) -> Ints:
    """Indexes of people of a craft who were at work in a year, the famous more often."""
    crowd = _crowd(world)
    forth, _ = _strides(crowd)
    size = crowd[craft]
    debut = np.clip(year - _LAG[cut(bits, 0, 16)], FIRST_YEAR, THIS_YEAR)
    low = _DEBUT_BEGINS[debut] * size >> 16
    high = _DEBUT_BEGINS[debut + 1] * size >> 16
    coarse = cut(bits, 16, 16)
    fame = _FAME[coarse] + ((_FAME[coarse + 1] - _FAME[coarse]) * cut(bits, 32, 16) >> 16)
    # In a small world a year has few people of a craft; there is always one.
    among = np.maximum(high - low, np.minimum(size, 3))
    place = np.minimum(low + (among * fame >> _FAME_BITS), size - 1)
    spread = place * forth[craft] % size
    of_craft = _SIZES[craft]
    slot = _FIRST_SLOT[craft] + spread % of_craft
    index: Ints = spread // of_craft * _BLOCK + _PLACE[slot]
    return index


def newcomer(world: World, day: Ints, bits: Bits) -> Ints:
    """Indexes of people who appeared by the given day, after the first."""
    known = world.people_to_come * day // LAST_DAY
    index: Ints = world.people_at_first + (cut(bits, 0, 32) * known >> 32)
    return index


class People:
    """The people of a chunk. Each property is an array with one value for each person."""

    def __init__(self, world: World, index: Ints) -> None:
        """Take the people with these indexes."""
        self.world = world
        self.index = index
        self.block, place = np.divmod(index, _BLOCK)
        self.slot = _SLOT[place]
        self.craft = _CRAFT_OF_SLOT[self.slot]

    @cached_property
    def bits(self) -> Bits:
        """Random bits of the person."""
        return self.world.hash(self.index, "person")

    @cached_property
    def number(self) -> Ints:
        """The digits of the identifier."""
        return self.world.number("nm", self.index)

    @cached_property
    def present(self) -> Mask:
        """People whom name.basics has today; credits may name others."""
        world = self.world
        born = world.birth("nm", self.index) <= world.day
        unknown = one_in(world.hash(self.index, "unknown"), 0, 1500)
        here: Mask = born & ~unknown & (world.away("nm", self.index) == 0)
        return here

    @cached_property
    def revision(self) -> Ints:
        """How often the person's row has changed by today."""
        return self.world.revision(self.world.hash(self.index, "revision"), 0, _PERIOD)

    @cached_property
    def _place(self) -> tuple[Ints, Ints]:
        """Quantile (of 65,536) of the first year, and of the fame within it (0 is famous)."""
        crowd = _crowd(self.world)
        _, back = _strides(crowd)
        size = np.maximum(crowd[self.craft], 1)
        spread = self.block * _SIZES[self.craft] + self.slot - _FIRST_SLOT[self.craft]
        place = spread % size * back[self.craft] % size
        quantile = place * DRAWS // size
        debut = _DEBUT[quantile]
        low = _DEBUT_BEGINS[debut] * size >> 16
        high = np.maximum(_DEBUT_BEGINS[debut + 1] * size >> 16, low + 1)
        rank = np.clip((place - low) * DRAWS // (high - low), 0, DRAWS - 1)
        new = self.index >= self.world.people_at_first
        return np.where(new, DRAWS - 1, quantile), np.where(new, DRAWS - 1, rank)

    @cached_property
    def debut(self) -> Ints:
        """Year of the first work."""
        return _DEBUT[self._place[0]]

    @cached_property
    def obscurity(self) -> Ints:
        """0 for the most famous of those who began in the same year, to 65,535."""
        return self._place[1]

    @cached_property
    def _is_ancient(self) -> Mask:
        """Authors of what was filmed centuries later: years that are right and look wrong."""
        return one_in(self.bits, 8, 3000)

    @cached_property
    def _is_playwright(self) -> Mask:
        """Of the ancient, those who lived in 1600 and not in Rome."""
        return chance(self.bits, 48, 200)

    @cached_property
    def birth_year(self) -> Ints:
        """Year of birth; -1 if unknown, as for all but the famous."""
        known = (self.obscurity < _KNOWN_BIRTH) | (self.revision >= _LEARNT)
        year = self.debut - 18 - cut(self.bits, 1, 5) - cut(self.bits, 6, 3)
        year = np.where(self._is_ancient, np.where(self._is_playwright, 1564, 4), year)
        return np.where(known | self._is_ancient, year, -1)

    @cached_property
    def death_year(self) -> Ints:
        """Year of death; -1 if alive or unknown."""
        year = self.debut + 8 + cut(self.bits, 16, 6)
        year = np.where(self._is_ancient, np.where(self._is_playwright, 1616, 65), year)
        known = (self.birth_year >= 0) & (cut(self.bits, 24, 2) > 0)
        known |= one_in(self.bits, 32, 400)
        return np.where(known & (year <= THIS_YEAR), year, -1)

    @cached_property
    def name(self) -> Ints:
        """Name, as spans."""
        renamed = np.where((cut(self.bits, 40, 3) == 0), self.revision, 0)
        bits = self.world.hash(self.index + (renamed << 40), "person's name")
        name = PEOPLE.draw(bits, _NAMES_OF_CRAFT[self.craft])
        hostile = self.world.share(bits, 40, 50)
        name = replaced(name, hostile, HOSTILE[cut(bits, 12, 16) % len(HOSTILE)])
        return replaced(name, one_in(self.bits, 36, 2500), span("\\N"))

    @cached_property
    def professions(self) -> Ints:
        """Professions as text: NULL for a fifth, and '' for some as before March 2024."""
        text = _PROFESSION_SPANS[self.craft * 8 + cut(self.bits, 48, 3)]
        # Nine in ten of those of no craft have none.
        unknown = (text == 0) | chance(self.bits, 51, 46)
        unknown &= self.obscurity > _FAMOUS
        text = np.where(unknown | (text == 0), span("\\N"), text)
        return np.where(one_in(self.bits, 40, 400), 0, text)

    @cached_property
    def known_for(self) -> tuple[Ints, Ints]:
        """Numbers of titles, and how many of them each person has."""
        world = self.world
        count = _KNOWN_FOR[cut(self.bits, 24, 16)]
        count = np.where(self.obscurity < _NOTED, 4, count)
        person = np.repeat(np.arange(len(self.index)), count)
        at = np.arange(len(person)) - np.repeat(np.cumsum(count) - count, count)
        # A row that changes mostly changes here.
        version = np.where(at == 0, self.revision[person], 0)
        key = (self.index[person] * 4 + at) + (version << 40)
        bits = world.hash(key, "known for")
        year = np.minimum(self.debut[person] + cut(bits, 40, 4), THIS_YEAR)
        return world.number("tt", titles_of_year(world, year, bits)), count


_KNOWN_FOR = shares({0: 120, 1: 520, 2: 150, 3: 80, 4: 130})
