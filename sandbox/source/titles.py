"""What a title is: type, series, years, genres, name. A function of its index and the day."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from sandbox.source import genres
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
from sandbox.source.text import replaced, small_numbers, span, spans
from sandbox.source.wording import HOSTILE, LANGUAGE_NUMBER, TITLES
from sandbox.source.world import TITLE_BLOCK, World

# Types in a thousand titles. Those that are no episodes have the first slots of a block,
# series before all others.
_TYPES = {
    "tvSeries": 23,
    "tvMiniSeries": 6,
    "movie": 57,
    "tvMovie": 12,
    "short": 92,
    "tvSpecial": 5,
    "video": 27,
    "tvShort": 1,
    "videoGame": 4,
    "tvPilot": 1,
    "tvEpisode": 772,
}
TYPE_NAMES = list(_TYPES)
SERIES, MINI_SERIES, MOVIE, TV_MOVIE, SHORT, SPECIAL, VIDEO, _, _, PILOT, EPISODE = range(11)
_TYPE_SPANS = spans(TYPE_NAMES)
_TYPE_OF_SLOT = np.repeat(np.arange(len(_TYPES)), list(_TYPES.values()))

SERIES_A_BLOCK = _TYPES["tvSeries"] + _TYPES["tvMiniSeries"]
EPISODES_A_BLOCK = _TYPES["tvEpisode"]
STANDALONE_A_BLOCK = TITLE_BLOCK - EPISODES_A_BLOCK
"""Slots of what is no episode: series included."""

# The place of each slot in a block, so that types stand mixed in the order of identifiers.
_SLOT = np.argsort(mix(np.arange(TITLE_BLOCK), 11), kind="stable")
_PLACE = np.argsort(_SLOT, kind="stable")

_FLAVOUR = np.array(
    [
        {
            "short": genres.SHORT,
            "tvShort": genres.SHORT,
            "movie": genres.FILM,
            "tvMovie": genres.FILM,
            "tvSpecial": genres.UNSCRIPTED,
            "tvPilot": genres.SCRIPTED,
        }.get(name, genres.OTHER)
        for name in TYPE_NAMES
    ]
)

# Year of release by quantile of what is no episode. 2026 is the year of the first day; what
# is announced lies beyond it, as far as the film locked away until 2115.
_YEAR = quantiles(
    (0, 1874),
    (200, 1895),
    (12_000, 1912),
    (35_000, 1925),
    (80_000, 1945),
    (130_000, 1960),
    (190_000, 1970),
    (250_000, 1980),
    (320_000, 1990),
    (400_000, 2000),
    (530_000, 2008),
    (700_000, 2015),
    (900_000, 2022),
    (990_000, 2026),
    (998_000, 2028),
    (999_900, 2033),
    (1_000_000, 2033),
)
_FARTHEST_YEAR = 2115
FIRST_YEAR, THIS_YEAR = 1874, 2026
_TELEVISION = int(np.searchsorted(_YEAR, 1948))
_STEP = 65_536 // STANDALONE_A_BLOCK
_STRIDE = 89
"""Slots of a block are _STEP apart in the quantiles of years, taken in strides (a number prime
to the slots) so that each type meets all years."""

# Weight of a series: how many episodes it has, before all weights are scaled to the number of
# episodes. A third has none; the longest series of IMDb has 18,593.
_EPISODES = quantiles(
    (0, 0),
    (340_000, 0),
    (341_000, 1),
    (450_000, 4),
    (560_000, 8),
    (680_000, 13),
    (800_000, 28),
    (900_000, 60),
    (960_000, 140),
    (990_000, 420),
    (997_000, 1_100),
    (999_700, 4_000),
    (1_000_000, 18_593),
)
_SEASON_LENGTH = shares({6: 15, 8: 15, 10: 20, 12: 10, 13: 20, 20: 10, 22: 10, 26: 8, 52: 4})
_LONG_SERIES, _LONG_SEASON = 1000, 250
"""A daily series has 250 episodes in a season."""

_STANDARD_RUNTIME = quantiles((0, 1), (50_000, 4), (300_000, 12), (700_000, 45), (1_000_000, 120))
_FEATURE_RUNTIME = quantiles(
    (0, 41), (100_000, 68), (500_000, 92), (900_000, 124), (1_000_000, 320)
)
_EPISODE_RUNTIME = shares({5: 2, 11: 4, 22: 20, 24: 10, 30: 25, 43: 10, 45: 15, 60: 20, 90: 3})

_MONTHS = """January February March April May June July August September October November
December""".split()  # noqa: SIM905
_EPISODE_NUMBER = span("Episode #")
_EPISODE_DATED = spans(f"Episode dated {day} {month} " for month in _MONTHS for day in range(1, 29))
_DOT = span(".")

# Country of a title by its language: most titles are named in English.
_LANGUAGE = shares(
    {
        LANGUAGE_NUMBER[language]: weight
        for language, weight in {
            "en": 620, "es": 70, "fr": 50, "de": 50, "pt": 40, "it": 30, "pl": 10, "tr": 20,
            "ru": 15, "el": 8, "ar": 12, "he": 5, "hi": 20, "ja": 25, "zh": 12, "ko": 10, "th": 3,
        }.items()
    }
)  # fmt: skip

# What has changed in title.basics, of the 16 kinds of changed title: most of all the length.
_GENRES_CHANGE, _NAME_CHANGES, _LENGTH_CHANGES = (0, 1), (2,), tuple(range(5, 16))

# Styles of a series, of 256: its episodes are numbered, named, or dated.
_NUMBERED, _DATED = 80, 25

# Of titles that change, the recent ones change more often.
_PERIOD_RECENT, _PERIOD_OLD = 60, 200
_RECENT = 20  # the newest twentieth of titles


class Titles:
    """The titles of a chunk. Each property is an array with one value for each title."""

    def __init__(self, world: World, index: Ints) -> None:
        """Take the titles with these indexes."""
        self.world = world
        self.index = index
        self.block, place = np.divmod(index, TITLE_BLOCK)
        self.slot = _SLOT[place]
        self.type = _TYPE_OF_SLOT[self.slot]
        self.is_episode: Mask = self.type == EPISODE
        self.is_series: Mask = self.slot < SERIES_A_BLOCK

    def __len__(self) -> int:
        """How many titles there are."""
        return len(self.index)

    def take(self, rows: Ints | Mask) -> Titles:
        """Take some of the titles."""
        return Titles(self.world, self.index[rows])

    @cached_property
    def bits(self) -> Bits:
        """Random bits of the title; what cuts them says which it takes."""
        return self.world.hash(self.index, "title")

    @cached_property
    def number(self) -> Ints:
        """The digits of the identifier."""
        return self.world.number("tt", self.index)

    @cached_property
    def birth(self) -> Ints:
        """Day on which the title appears."""
        return self.world.birth("tt", self.index)

    @cached_property
    def away(self) -> Bits:
        """See World.away."""
        return self.world.away("tt", self.index)

    @cached_property
    def is_ghost(self) -> Mask:
        """Titles that other files know and title.basics never does."""
        return one_in(self.world.hash(self.index, "ghost"), 0, 2000)

    def present(self, stays: int | None = None) -> Mask:
        """Titles that a file has today.

        A title that vanished stays in a file if bit `stays` of World.away is not set; None
        is for title.basics, which every such title leaves.
        """
        born = self.birth <= self.world.day
        if stays is None:
            here: Mask = born & (self.away == 0) & ~self.is_ghost
        else:
            here = born & (cut(self.away, stays, 1) == 0)
        return here

    @cached_property
    def revision(self) -> Ints:
        """How often the title's rows have changed by today; see World.revision."""
        bits = self.world.hash(self.index, "revision")
        recent = self.index >= self.world.titles_at_first * (_RECENT - 1) // _RECENT
        return self.world.revision(bits, 0, np.where(recent, _PERIOD_RECENT, _PERIOD_OLD))

    @cached_property
    def _episode(self) -> tuple[Ints, Ints]:
        """Series of each episode, and how many of its episodes come before. -1, 0 for others."""
        world = self.world
        starts = _starts(world)
        ordinal = self.block * EPISODES_A_BLOCK + self.slot - STANDALONE_A_BLOCK
        series = np.searchsorted(starts, ordinal, side="right") - 1
        # A new episode belongs to any series; so does one old episode in thirty.
        bits = world.hash(self.index, "straggler")
        stray = one_in(bits, 0, 30) | (self.index >= world.titles_at_first)
        before = ordinal - starts[series]
        # The longer the series, the likelier.
        likely = np.searchsorted(starts, cut(bits, 24, 32) * starts[-1] >> 32, side="right") - 1
        series = np.where(stray, likely, series)
        before = np.where(stray, cut(bits, 56, 8), before)
        # Its parent may be corrected: a key that changes.
        moved = self.is_episode & (self.revision > 0) & (cut(self.bits, 0, 3) == 0)
        others = world.hash(self.index + (self.revision << 40), "moved")
        series = np.where(moved, cut(others, 0, 32) * _series_count(world) >> 32, series)
        return np.where(self.is_episode, series, -1), np.where(self.is_episode, before, 0)

    @cached_property
    def series(self) -> Ints:
        """Number of the episode's series, or of the series itself; -1 for all else."""
        own = self.block * SERIES_A_BLOCK + self.slot
        return np.where(self.is_series, own, self._episode[0])

    @cached_property
    def _series_bits(self) -> Bits:
        return self.world.hash(self.series, "series")

    @cached_property
    def parent(self) -> Ints:
        """Index of the episode's series; any title for all else."""
        block, slot = np.divmod(np.maximum(self.series, 0), SERIES_A_BLOCK)
        return block * TITLE_BLOCK + _PLACE[slot]

    @cached_property
    def episodes(self) -> Ints:
        """Episodes the series had at first, for episodes and series; 0 for all else."""
        starts = _starts(self.world)
        series = np.minimum(self.series, len(starts) - 2)
        return np.where(self.series < 0, 0, starts[series + 1] - starts[series])

    @cached_property
    def _season_length(self) -> Ints:
        usual = _SEASON_LENGTH[cut(self._series_bits, 0, 16)]
        return np.where(self.episodes > _LONG_SERIES, _LONG_SEASON, usual)

    @cached_property
    def season(self) -> Ints:
        """Season of an episode, from 1."""
        return 1 + self._episode[1] // self._season_length

    @cached_property
    def episode(self) -> Ints:
        """Number of an episode within its season, from 1."""
        return 1 + self._episode[1] % self._season_length

    @cached_property
    def flavour(self) -> Ints:
        """What the title is like (see genres); an episode is like its series."""
        series = np.where(chance(self._series_bits, 16, 90), genres.UNSCRIPTED, genres.SCRIPTED)
        return np.where(self.series >= 0, series, _FLAVOUR[self.type])

    @cached_property
    def begun(self) -> Ints:
        """Year of the title; of an episode, the year its series began."""
        block = np.where(self.is_episode, self.parent // TITLE_BLOCK, self.block)
        slot = np.where(self.is_episode, np.maximum(self.series, 0) % SERIES_A_BLOCK, self.slot)
        return year_of_slot(self.world, block, slot)

    @cached_property
    def era(self) -> Ints:
        """Year of the title's making, known or not."""
        episode = np.minimum(self.begun + self.season - 1, np.maximum(self.begun, THIS_YEAR))
        return np.where(self.is_episode, episode, self.begun)

    @cached_property
    def year(self) -> Ints:
        """Year of release; -1 if unknown."""
        far = one_in(self.bits, 24, 8000) & ~self.is_episode
        year = np.where(far, _FARTHEST_YEAR - cut(self.bits, 8, 3) * 11, self.era)
        odds = np.where(self.is_episode, 33, 22)
        return np.where(chance(self.bits, 8, odds), -1, year)

    @cached_property
    def end_year(self) -> Ints:
        """Year in which a series ended; -1 if it runs or is none."""
        last = self.begun + np.maximum(self.episodes - 1, 0) // self._season_length
        ended = self.is_series & (last <= THIS_YEAR) & chance(self.bits, 16, 110)
        return np.where(ended & (self.year >= 0), last, -1)

    @cached_property
    def _change(self) -> Ints:
        """Kind of change, 0 to 15, of a title that has changed; -1 if it never has."""
        return np.where(self.revision > 0, cut(self.bits, 0, 4), -1)

    @cached_property
    def runtime(self) -> Ints:
        """Length in minutes; -1 if unknown."""
        bits = self.world.hash(self.index, "runtime")
        draw = cut(bits, 0, 16)
        minutes = np.select(
            [self.is_episode, (self.type == MOVIE) | (self.type == TV_MOVIE)],
            [_EPISODE_RUNTIME[cut(self._series_bits, 24, 16)], _FEATURE_RUNTIME[draw]],
            _STANDARD_RUNTIME[draw],
        )
        known_share = np.select(
            [self.is_episode, self.type == MOVIE, self.type == SHORT], [72, 200, 170], 120
        )
        runtime = np.where(chance(bits, 16, known_share), minutes, -1)
        changed = np.isin(self._change, _LENGTH_CHANGES)
        return np.where(changed, minutes + self.revision, runtime)

    @cached_property
    def genres(self) -> Ints:
        """Number of the list of genres (see genres)."""
        own = cut(self.world.hash(self.index, "genres"), 0, 11)
        of_series = cut(self._series_bits, 40, 11)
        alike = (self.series >= 0) & (cut(self.bits, 48, 4) > 0)
        drawn = np.where(alike, of_series, own)
        changed = np.isin(self._change, _GENRES_CHANGE)
        return genres.choice(drawn + np.where(changed, self.revision, 0), self.flavour)

    @cached_property
    def language(self) -> Ints:
        """Group of wording.TITLES the original title is in; an episode's is its series'."""
        own = np.where(self.series >= 0, self._series_bits, self.bits)
        return _LANGUAGE[cut(own, 20, 16)]

    @cached_property
    def numbered(self) -> Mask:
        """Episodes that have no name but "Episode #1.1"."""
        series = chance(self._series_bits, 51, _NUMBERED)
        return self.is_episode & series & ~chance(self.bits, 48, 16)

    @cached_property
    def original_title(self) -> Ints:
        """Title in its own language: four spans."""
        return self._named(self.language, np.zeros(len(self), np.int64))

    @cached_property
    def primary_title(self) -> Ints:
        """Title in most use: the original one, or an English one."""
        translated = (self.language != LANGUAGE_NUMBER["en"]) & chance(self.bits, 56, 64)
        english = self._named(np.zeros(len(self), np.int64), np.ones(len(self), np.int64))
        renamed = np.isin(self._change, _NAME_CHANGES)
        again = self._named(self.language, self.revision)
        title = np.where(translated[:, None], english, self.original_title)
        return np.where(renamed[:, None], again, title)

    def _named(self, language: Ints, version: Ints) -> Ints:
        bits = self.world.hash(self.index + (version << 40), "name")
        title = TITLES.draw(bits, language)
        numbered = np.stack(
            [
                np.full(len(self), _EPISODE_NUMBER),
                small_numbers(self.season),
                np.full(len(self), _DOT),
                small_numbers(self.episode),
            ],
            axis=1,
        )
        dated = np.zeros_like(title)
        dated[:, 0] = _EPISODE_DATED[cut(bits, 0, 16) % len(_EPISODE_DATED)]
        dated[:, 1] = small_numbers(self.era)
        named = chance(self._series_bits, 51, 256 - _DATED)
        has_date = self.is_episode & ~self.numbered & ~named
        title = np.where(self.numbered[:, None], numbered, title)
        title = np.where(has_date[:, None], dated, title)
        hostile = self.world.share(bits, 40, 50)
        return replaced(title, hostile, HOSTILE[cut(bits, 12, 16) % len(HOSTILE)])

    @property
    def type_text(self) -> Ints:
        """Type as text."""
        return _TYPE_SPANS[self.type]

    @property
    def genres_text(self) -> Ints:
        """Genres as text."""
        return genres.text(self.genres)


def year_of_slot(world: World, block: Ints, slot: Ints) -> Ints:
    """Year of what is no episode, spread evenly over the years within each block."""
    start = cut(world.hash(block, "years"), 0, 16)
    jitter = cut(world.hash(block * TITLE_BLOCK + slot, "year"), 0, 16) % _STEP
    quantile = (slot * _STRIDE % STANDALONE_A_BLOCK * _STEP + start + jitter) & 0xFFFF
    # No series is older than television.
    television = _TELEVISION + (quantile * (DRAWS - _TELEVISION) >> 16)
    return _YEAR[np.where(slot < SERIES_A_BLOCK, television, quantile)]


def titles_of_year(world: World, year: Ints, bits: Bits) -> Ints:
    """For each year the index of a random title made about then that is no episode."""
    low = np.searchsorted(_YEAR, year, side="left")
    high = np.searchsorted(_YEAR, year, side="right")
    quantile = low + (cut(bits, 0, 16) * (high - low) >> 16)
    block = cut(bits, 16, 24) * max(1, world.titles_at_first // TITLE_BLOCK) >> 24
    start = cut(world.hash(block, "years"), 0, 16)
    turn = np.minimum(((quantile - start) & 0xFFFF) // _STEP, STANDALONE_A_BLOCK - 1)
    slot = turn * pow(_STRIDE, -1, STANDALONE_A_BLOCK) % STANDALONE_A_BLOCK
    index: Ints = block * TITLE_BLOCK + _PLACE[slot]
    return index


def titles_between(world: World, first: Ints, end: Ints) -> Ints:
    """Count the first day's titles that are no episodes, from each first year up to its end."""
    share = np.searchsorted(_YEAR, end) - np.searchsorted(_YEAR, first)
    made: Ints = world.titles_at_first // TITLE_BLOCK * STANDALONE_A_BLOCK * share >> 16
    return made


_starts_of: dict[tuple[float, int], Ints] = {}
"""Kept for each scale and seed: all chunks of all files look series up."""


def _series_count(world: World) -> int:
    """Series among the first whole blocks: the ones that episodes can belong to."""
    return max(1, world.titles_at_first // TITLE_BLOCK) * SERIES_A_BLOCK


def _starts(world: World) -> Ints:
    """First episode of each series, in order of the episodes; one more at the end."""
    key = (world.scale, world.seed)
    if key not in _starts_of:
        count = _series_count(world)
        weight = _EPISODES[cut(world.hash(np.arange(count), "episodes"), 0, 16)]
        # One series must not have half the episodes of a small world.
        longest = max(120, round(_EPISODES[-1] * min(1.0, world.scale * 20)))
        ends = np.cumsum(np.minimum(weight, longest))
        episodes = -(-world.titles_at_first // TITLE_BLOCK) * EPISODES_A_BLOCK
        _starts_of[key] = np.concatenate([[0], ends * episodes // ends[-1]])
    return _starts_of[key]
