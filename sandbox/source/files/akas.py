"""Lines of title.akas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sandbox.source import ratings
from sandbox.source.hashing import Ints, chance, cut, one_in, shares
from sandbox.source.text import NULL, Page, identifiers, replaced, small_numbers, span, spans
from sandbox.source.titles import MOVIE, Titles
from sandbox.source.wording import HOSTILE, LANGUAGE_NUMBER, LONG_TITLES, TITLES

if TYPE_CHECKING:
    from sandbox.source.world import World

_GOES = 5
"""Bit of World.away: half of the titles that vanish keep their names."""

# Where titles are shown: region, language of the row (or none), language of the wording.
_PLACES = [
    ("US", None, "en"), ("GB", None, "en"), ("DE", "de", "de"), ("FR", "fr", "fr"),
    ("IN", "hi", "hi"), ("IT", "it", "it"), ("ES", "es", "es"), ("PT", "pt", "pt"),
    ("JP", "ja", "ja"), ("IN", "en", "en"), ("CA", "en", "en"), ("CA", "fr", "fr"),
    ("AU", None, "en"), ("BR", "pt", "pt"), ("MX", "es", "es"), ("AR", "es", "es"),
    ("RU", "ru", "ru"), ("UA", "uk", "ru"), ("PL", "pl", "pl"), ("TR", "tr", "tr"),
    ("GR", "el", "el"), ("EG", "ar", "ar"), ("IL", "he", "he"), ("CN", "cmn", "zh"),
    ("TW", "cmn", "zh"), ("HK", "yue", "zh"), ("KR", "ko", "ko"), ("TH", "th", "th"),
    ("AT", "de", "de"), ("CH", "de", "de"), ("BE", "fr", "fr"), ("XWW", "en", "en"),
    ("SUHH", "ru", "ru"), ("XWG", "de", "de"), ("CSHH", "cs", "pl"), (None, "en", "en"),
    ("CL", "es", "es"), ("CO", "es", "es"), ("VE", "es", "es"), ("NZ", "en", "en"),
]  # fmt: skip
_REGION = np.array([span(region) if region else NULL for region, _, _ in _PLACES], np.int64)
_LANGUAGE = np.array([span(language) if language else NULL for _, language, _ in _PLACES], np.int64)
_WORDING = np.array([LANGUAGE_NUMBER[wording] for _, _, wording in _PLACES], np.int64)
_TURNS = 40
_STRIDE = 7
"""Prime to the places, so that a title comes to each of them before it repeats one."""

# "Episode #1.1" as those languages have it, by group of wording.TITLES.
_EPISODE_WORD = spans(
    {
        "es": "Episodio #", "fr": "Épisode #", "de": "Folge #", "pt": "Episódio #",
        "it": "Episodio #", "hi": "एपिसोड #", "ja": "エピソード #", "ru": "Эпизод #",
        "tr": "Bölüm #", "pl": "Odcinek #",
    }.get(language, "Episode #")
    for language in LANGUAGE_NUMBER
)  # fmt: skip

_COUNT = shares({0: 70, 1: 120, 2: 60, 3: 60, 4: 80, 5: 80, 6: 120, 7: 160, 8: 220, 9: 30})
_FILM_COUNT = shares(
    {1: 200, 2: 240, 3: 160, 4: 120, 6: 120, 10: 80, 20: 50, 35: 20, 60: 5, 150: 1}
)
_OTHER_COUNT = shares({0: 120, 1: 250, 2: 450, 3: 110, 4: 50, 7: 20, 15: 2})

_FAMOUS_VOTES = 50_000
"""Titles with more votes have names in all regions."""

_TYPES = ["imdbDisplay", "\\N", "alternative", "working", "dvd", "video", "tv", "festival"]
_TYPES += ["dvd\x02working", "imdbDisplay\x02tv", "alternative\x02video"]
_TYPE = spans(_TYPES)[shares([5600, 3200, 500, 300, 120, 120, 40, 60, 1, 1, 1])]
_ORIGINAL = span("original")
_ATTRIBUTES = ["\\N", "transliterated title", "literal English title", "short title"]
_ATTRIBUTES += ["complete title", "alternative spelling", "reissue title", "informal title"]
_ATTRIBUTES += ["new title", "first season title", "", "reissue title\x02short title"]
_ATTRIBUTE = spans(_ATTRIBUTES)[shares([9750, 60, 40, 40, 30, 20, 20, 10, 10, 10, 3, 2])]


def lines(world: World, index: Ints) -> bytes:
    """Lines of the titles with these indexes that title.akas has today."""
    titles = Titles(world, index)
    titles = titles.take(titles.present(_GOES))
    counts = _counts(titles)
    row = np.repeat(np.arange(len(titles)), counts)
    ordering = np.arange(len(row)) + 1 - np.repeat(np.cumsum(counts) - counts, counts)
    original = ordering == 1
    key = titles.index[row] << 8 | ordering
    fixed = world.hash(key, "aka")
    # Six in ten names of a changed title have changed.
    revision = np.where(chance(fixed, 0, 154), titles.revision[row], 0)
    bits = world.hash(key + (revision << 44), "aka")

    place = (cut(titles.bits[row], 0, 8) + ordering * _STRIDE) % _TURNS
    wording = _WORDING[place]
    title = titles.original_title[row]
    local = TITLES.draw(bits, wording)
    title = np.where((chance(fixed, 8, 140) | (revision > 0))[:, None], local, title)
    numbered = titles.numbered[row] & (revision == 0)
    title = np.where(numbered[:, None], titles.original_title[row], title)
    title[:, 0] = np.where(numbered, _EPISODE_WORD[wording], title[:, 0])
    title = np.where((original & (revision == 0))[:, None], titles.original_title[row], title)
    long = LONG_TITLES[cut(fixed, 16, 8) % len(LONG_TITLES)]
    title = replaced(title, one_in(fixed, 24, 4000), long)
    hostile = world.share(fixed, 36, 50)
    title = replaced(title, hostile, HOSTILE[cut(bits, 12, 16) % len(HOSTILE)])
    attribute = np.where(original, NULL, _ATTRIBUTE[cut(bits, 48, 16)])
    hostile = world.share(fixed, 30, 50)
    attribute = np.where(hostile, HOSTILE[cut(bits, 16, 16) % len(HOSTILE)], attribute)
    language = np.where(chance(fixed, 56, 26), NULL, _LANGUAGE[place])
    return Page().lines(
        identifiers("tt", titles.number)[row],
        small_numbers(ordering),
        title,
        np.where(original, NULL, _REGION[place]),
        np.where(original, NULL, language),
        np.where(original, _ORIGINAL, _TYPE[cut(bits, 32, 16)]),
        attribute,
        small_numbers(original.astype(np.int64)),
    )


def _counts(titles: Titles) -> Ints:
    """Names of each title; they become more with its revisions, and with its votes."""
    bits = titles.world.hash(titles.index, "akas")
    draw = cut(bits, 0, 16)
    count = np.where(titles.is_episode, _COUNT[draw], _OTHER_COUNT[draw])
    count = np.where(titles.type == MOVIE, _FILM_COUNT[draw], count)
    famous = ratings.is_rated(titles) & (ratings.votes(titles) > _FAMOUS_VOTES)
    count = np.where(famous, 60 + draw % 100, count)
    added = np.where((cut(bits, 16, 4) == 0) & (count > 0), titles.revision, 0)
    return count + added
