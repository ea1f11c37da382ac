"""Who worked on a title: how many of each category, and which people.

title.crew and title.principals ask the same functions, so the directors of one are the
directors of the other.
"""

from __future__ import annotations

import numpy as np

from sandbox.source import genres, people
from sandbox.source.hashing import Ints, chance, cut, one_in, shares
from sandbox.source.titles import MINI_SERIES, MOVIE, SERIES, Titles, titles_between

# In the order in which a title lists them. The last two hold further actors: archive footage,
# and those added after the title appeared.
CATEGORIES = (
    "actor",
    "actress",
    "self",
    "director",
    "writer",
    "producer",
    "composer",
    "cinematographer",
    "editor",
    "casting_director",
    "production_designer",
    "archive_footage",
    "archive_sound",
)
(
    ACTOR,
    ACTRESS,
    SELF,
    DIRECTOR,
    WRITER,
    PRODUCER,
    COMPOSER,
    CINEMATOGRAPHER,
    EDITOR,
    CASTING,
    DESIGNER,
    FOOTAGE,
    SOUND,
) = range(13)
LATE = len(CATEGORIES)
"""Actors who were added after the title appeared: last in its list."""

_LATE_PERIOD = 120
"""A recent title gets another actor once in so many days, twice at most."""

_MOST = 75
"""No title has more principals (August 2026)."""

# Actors and actresses of a scripted title, people as themselves of another: from a table by
# 16 random bits. The tail is that of films with the whole cast listed.
_CAST = shares(
    {0: 80, 1: 60, 2: 90, 3: 110, 4: 150, 5: 120, 6: 110, 7: 80, 8: 80, 9: 60, 10: 110, 14: 14}
    | {20: 4, 30: 2, 45: 1, 60: 1}
)
_SELVES = shares({0: 80, 1: 110, 2: 130, 3: 120, 4: 110, 5: 90, 6: 80, 8: 80, 10: 100, 25: 10})
_DIRECTORS = shares({0: 330, 1: 520, 2: 80, 3: 30, 4: 14, 5: 10, 7: 6, 10: 6})
_WRITERS = shares({0: 380, 1: 290, 2: 150, 3: 80, 4: 40, 5: 20, 7: 20, 10: 14, 14: 6})
_PRODUCERS = shares({0: 760, 1: 120, 2: 60, 3: 30, 4: 20, 6: 10})
_LONG_CREW = 590
"""Writers of the longest line of title.crew: it then has more than 6,000 bytes."""
_LISTED = 12
"""Directors or writers of a title that are among its principals, at most."""

_CRAFT = np.array(
    [
        people.ACTOR,
        people.ACTRESS,
        people.SELF,
        people.MAKER,
        people.MAKER,
        people.MAKER,
        people.COMPOSER,
        people.CINEMATOGRAPHER,
        people.EDITOR,
        people.OTHER,
        people.OTHER,
        people.ACTOR,
        people.ACTRESS,
        people.ACTOR,
    ]
)
# How often of 256 an episode's credit is its series' credit, and among how many people of the
# series (a power of two) it goes round.
_REGULAR = np.array([190, 190, 150, 190, 190, 230, 230, 200, 200, 230, 230, 0, 0, 100])
_ROUND = np.array([0, 0, 1, 2, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0])
_WIDTH = 10  # bits of the place within a category
# How many people of a category a company has, and how often of 256 one of as many first credits of
# any other title goes to them.
_COMPANY = np.array([16, 16, 8, 2, 2, 2, 1, 1, 1, 1, 1, 0, 0, 0])
_OF_COMPANY = np.array([60, 60, 20, 110, 70, 110, 150, 150, 150, 150, 150, 0, 0, 0])
_TITLES_A_COMPANY = 240
"""In the decade for which a company lasts; some twenty of them have a hundred votes."""


def directors(titles: Titles) -> Ints:
    """How many directors each title has."""
    bits = titles.world.hash(titles.index, "crew")
    count = _DIRECTORS[cut(bits, 0, 16)]
    none = (titles.flavour == genres.UNSCRIPTED) & chance(bits, 16, 150)
    none |= ((titles.type == SERIES) | (titles.type == MINI_SERIES)) & chance(bits, 16, 190)
    return np.where(none, 0, count)


def writers(titles: Titles) -> Ints:
    """How many writers each title has; more with each revision of some."""
    bits = titles.world.hash(titles.index, "crew")
    count = _WRITERS[cut(bits, 24, 16)]
    none = (titles.flavour == genres.UNSCRIPTED) & chance(bits, 40, 130)
    count = np.where(none, 0, count)
    # One at every scale, and a few more at full scale.
    longest = (titles.block == 0) & (titles.slot == 0)
    longest |= one_in(titles.world.hash(titles.index, "long crew"), 0, 1 << 16) & titles.is_series
    count = np.where(longest, _LONG_CREW, count)
    added = np.where(chance(bits, 48, 12), titles.revision, 0)
    return count + added


def counts(titles: Titles) -> Ints:
    """Principals of each title and category: shape (titles, categories and the late ones)."""
    world = titles.world
    bits, more = world.hash(titles.index, "cast"), world.hash(titles.index, "cast's rest")
    table = np.zeros((len(titles), LATE + 1), np.int64)
    scripted = titles.flavour != genres.UNSCRIPTED
    documentary = ~scripted | chance(bits, 32, 22)
    cast = np.where(documentary, 0, _CAST[cut(bits, 0, 16)])
    # 57 of 100 actors are men.
    table[:, ACTOR] = (cast * (300 + cut(bits, 40, 9)) + 511) // 1024
    table[:, ACTRESS] = cast - table[:, ACTOR]
    table[:, SELF] = np.where(documentary, _SELVES[cut(bits, 16, 16)], 0)
    table[:, DIRECTOR] = np.minimum(directors(titles), _LISTED)
    table[:, WRITER] = np.minimum(writers(titles), _LISTED)
    table[:, PRODUCER] = _PRODUCERS[cut(bits, 48, 16)]
    film = np.where(titles.type == MOVIE, 160, 84)
    table[:, COMPOSER] = chance(more, 0, film)
    table[:, CINEMATOGRAPHER] = chance(more, 8, film)
    table[:, EDITOR] = chance(more, 16, film)
    table[:, CASTING] = chance(more, 24, 6)
    table[:, DESIGNER] = chance(more, 32, 7)
    table[:, FOOTAGE] = chance(more, 40, 4)
    table[:, SOUND] = chance(more, 48, 1)
    late = np.minimum(world.revision(bits, 32, _LATE_PERIOD), 2)
    recent = titles.index > world.titles_at_first * 49 // 50
    table[:, LATE] = np.where(recent, late, 0)
    # One title in ten has no principals.
    table[chance(more, 56, 26)] = 0
    total = table.sum(axis=1)
    table[:, ACTOR] -= np.minimum(np.maximum(total - _MOST, 0), table[:, ACTOR])
    return table


def credited(titles: Titles, row: Ints, category: Ints, place: Ints, version: Ints) -> Ints:
    """Index of the person with the given place in a category of the title at `row`.

    A version above 0 gives somebody else.
    """
    world = titles.world
    bits = titles.bits[row]
    # The same person in several categories: who directs often writes and produces.
    alias = (place == 0) & (
        ((category == WRITER) & chance(bits, 0, 90))
        | ((category == PRODUCER) & chance(bits, 8, 60))
    )
    category = np.where(alias, DIRECTOR, category)
    # The same person twice in one list.
    twice = (place == 1) & (category == DIRECTOR) & one_in(bits, 16, 200)
    place = np.where(twice, 0, place)

    key = (titles.index[row] << 14 | category << _WIDTH | place) + (version << 44)
    drawn = world.hash(key, "credit")
    is_episode = titles.is_episode[row]
    regular = is_episode & chance(drawn, 0, _REGULAR[category]) & (version == 0)
    turn = cut(drawn, 8, 8) & ((1 << _ROUND[category]) - 1)
    key = titles.series[row] << 16 | turn << 14 | category << _WIDTH | place
    drawn = np.where(regular, world.hash(key, "series credit"), drawn)
    year = np.where(regular, titles.begun[row], titles.era[row])
    of_company = ~is_episode & chance(drawn, 0, _OF_COMPANY[category]) & (version == 0)
    of_company &= place < _COMPANY[category]
    key = _company(titles)[row] << 14 | category << _WIDTH | place
    drawn = np.where(of_company, world.hash(key, "company's credit"), drawn)
    year = np.where(of_company, titles.era[row] // 10 * 10, year)
    craft = _CRAFT[category]
    # Actors appear as themselves and direct.
    craft = np.where((category == SELF) & chance(drawn, 48, 64), people.ACTOR, craft)
    craft = np.where((category == DIRECTOR) & chance(drawn, 48, 8), people.ACTOR, craft)
    person = people.draw(world, craft, year, drawn)
    new = (titles.birth[row] > 0) & ~of_company & chance(drawn, 56, 40)
    if not new.any() or not world.people_to_come:
        return person
    return np.where(new, people.newcomer(world, titles.birth[row], drawn), person)


def _company(titles: Titles) -> Ints:
    """Return the company of each title: it makes titles for a decade, with the same people."""
    decade = titles.era // 10
    made = titles_between(titles.world, decade * 10, decade * 10 + 10)
    companies = np.maximum(made // _TITLES_A_COMPANY, 1)
    drawn = cut(titles.world.hash(titles.index, "company"), 0, 32) * companies >> 32
    return decade << 28 | drawn
