"""Genres: IMDb's list, and how often they come together."""

from __future__ import annotations

import numpy as np

from sandbox.source.hashing import Ints, mix
from sandbox.source.text import NULL, span

FILM, SHORT, SCRIPTED, UNSCRIPTED, OTHER = range(5)
"""Flavours: what a title is like, which decides on genres, cast and votes."""

_WEIGHTS: dict[str, tuple[int, int, int, int, int]] = {
    # film, short, scripted series, unscripted programme, other
    "Action": (50, 10, 40, 0, 30),
    "Adult": (12, 4, 0, 2, 90),
    "Adventure": (35, 8, 40, 4, 30),
    "Animation": (15, 40, 60, 0, 20),
    "Biography": (15, 6, 5, 4, 6),
    "Comedy": (120, 60, 180, 50, 60),
    "Crime": (45, 10, 70, 6, 15),
    "Documentary": (110, 70, 10, 110, 70),
    "Drama": (220, 110, 300, 4, 70),
    "Family": (25, 14, 50, 30, 20),
    "Fantasy": (22, 16, 40, 0, 20),
    "Film-Noir": (2, 0, 0, 0, 0),
    "Game-Show": (0, 0, 0, 90, 3),
    "History": (14, 6, 12, 10, 6),
    "Horror": (45, 24, 10, 0, 20),
    "Music": (14, 16, 4, 50, 60),
    "Musical": (10, 5, 4, 2, 6),
    "Mystery": (24, 8, 35, 0, 10),
    "News": (0, 2, 0, 130, 4),
    "Reality-TV": (0, 0, 2, 130, 8),
    "Romance": (60, 14, 120, 3, 15),
    "Sci-Fi": (22, 14, 25, 0, 16),
    "Short": (0, 0, 0, 0, 30),
    "Sport": (8, 6, 4, 60, 20),
    "Talk-Show": (0, 0, 0, 220, 6),
    "Thriller": (50, 16, 25, 0, 16),
    "War": (10, 3, 6, 0, 5),
    "Western": (8, 2, 6, 0, 3),
}

_LISTS = 2048
"""Different lists a flavour can have."""

# Genres of a title: none 11 %, one 45 %, two 27 %, three 17 %, once the shorts, which always
# have one, are counted in.
_HOW_MANY = (0,) * 14 + (1,) * 42 + (2,) * 27 + (3,) * 17

_FILMS_WITHOUT = 3
"""Films of 100 without a genre."""


def _lists() -> tuple[Ints, Ints]:
    """Make each flavour's lists of genres: their text, and whether they have Adult."""
    text: list[int] = []
    adult: list[int] = []
    for flavour in range(5):
        bag = [genre for genre, weights in _WEIGHTS.items() for _ in range(weights[flavour])]
        for bits in mix(np.arange(_LISTS) + flavour * _LISTS, 28).tolist():
            wanted, genres = _HOW_MANY[bits % 100], set[str]()
            if flavour == FILM and bits % 100 >= _FILMS_WITHOUT:
                wanted = max(wanted, 1)
            if flavour == SHORT:
                genres.add("Short")
                wanted = max(wanted, 1)
            while len(genres) < wanted:
                bits = bits * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407  # noqa: PLW2901
                bits %= 1 << 64  # noqa: PLW2901 - a linear congruential generator (Knuth)
                genres.add(bag[(bits >> 33) % len(bag)])
            text.append(span(",".join(sorted(genres))) or NULL)
            adult.append(int("Adult" in genres))
    return np.array(text, np.int64), np.array(adult, np.int64)


_TEXT, _ADULT = _lists()


def choice(bits: Ints, flavour: Ints) -> Ints:
    """Choose a list of genres by 11 random bits."""
    return flavour * _LISTS + (bits & (_LISTS - 1))


def text(choice: Ints) -> Ints:
    """Give the list's text; NULL if it is empty."""
    return _TEXT[choice]


def is_adult(choice: Ints) -> Ints:
    """1 where the list has the genre Adult."""
    return _ADULT[choice]
