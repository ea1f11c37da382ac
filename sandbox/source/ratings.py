"""How many votes a title has, and their mean."""

from __future__ import annotations

import numpy as np

from sandbox.source.hashing import DRAWS, Ints, Mask, chance, cut, one_in, quantiles
from sandbox.source.titles import (
    MINI_SERIES,
    MOVIE,
    PILOT,
    SERIES,
    SHORT,
    SPECIAL,
    THIS_YEAR,
    TV_MOVIE,
    VIDEO,
    Titles,
)
from sandbox.source.world import LAST_DAY

# Rated titles of 256, by type. 13.3 % of all titles are rated.
_RATED = np.full(11, 66)
_RATED[[SERIES, MINI_SERIES, MOVIE, TV_MOVIE]] = 84, 84, 128, 100
_RATED[[SHORT, SPECIAL, VIDEO, PILOT]] = 56, 76, 66, 128
_RATED_SERIES = 22
"""Series of 256 whose episodes are rated, nearly all of them."""

# Votes by quantile of the rated titles; 3.15 million is the most of any (August 2026).
_MOST_VOTES = 3_150_000
_FILM_VOTES = quantiles(
    (0, 5),
    (250_000, 13),
    (500_000, 36),
    (750_000, 190),
    (850_000, 700),
    (900_000, 1_800),
    (950_000, 6_500),
    (980_000, 30_000),
    (993_000, 100_000),
    (998_000, 300_000),
    (999_800, 1_000_000),
    (1_000_000, _MOST_VOTES),
)
_OTHER_VOTES = quantiles(
    (0, 5),
    (250_000, 10),
    (500_000, 22),
    (750_000, 60),
    (900_000, 230),
    (950_000, 620),
    (970_000, 1_150),
    (990_000, 3_500),
    (998_000, 14_000),
    (999_700, 60_000),
    (999_990, 500_000),
    (1_000_000, 2_400_000),
)
_EPISODE_VOTES = quantiles(
    (0, 8),
    (250_000, 15),
    (500_000, 26),
    (750_000, 60),
    (900_000, 200),
    (950_000, 500),
    (980_000, 1_800),
    (995_000, 8_000),
    (1_000_000, 60_000),
)
_EVERY_DAY = 800
"""Who has more votes at first changes daily, so that whoever has 1,000 on any day does."""

# Mean rating in tenths: 69.7 with a standard deviation of 14.1, leaning to the low end.
_TENTHS = quantiles(
    (0, 10),
    (8_000, 22),
    (30_000, 38),
    (80_000, 49),
    (160_000, 57),
    (300_000, 64),
    (500_000, 72),
    (700_000, 78),
    (850_000, 83),
    (930_000, 88),
    (975_000, 92),
    (995_000, 97),
    (1_000_000, 100),
)
_KNOWN_VOTES, _FAMOUS_VOTES = 10_000, 100_000


def is_rated(titles: Titles) -> Mask:
    """Titles that have a rating today; a title without a row in title.basics always has."""
    world = titles.world
    bits = world.hash(titles.index, "rated")
    own = chance(bits, 0, _RATED[titles.type])
    of_series = chance(world.hash(titles.series, "rated series"), 0, _RATED_SERIES)
    rated = np.where(titles.is_episode, of_series & chance(bits, 0, 245), own)
    rated &= (titles.birth == 0) | chance(bits, 8, 40)
    rated &= titles.era <= THIS_YEAR
    # Of 19 titles rated in the end, one gets its fifth vote only in the days to come.
    waits = one_in(bits, 16, 19)
    first = np.where(waits, 1 + cut(bits, 40, 16) % LAST_DAY, 0)
    there: Mask = (rated & (first <= world.day)) | titles.is_ghost
    return there


def votes(titles: Titles) -> Ints:
    """Count the votes of today. They only rise: daily from about a thousand votes on."""
    world = titles.world
    bits = world.hash(titles.index, "votes")
    quantile = cut(bits, 0, 16)
    # A table's last place spans a wide range of votes.
    film = titles.type == MOVIE
    low = np.where(film, _FILM_VOTES[quantile], _OTHER_VOTES[quantile])
    following = np.minimum(quantile + 1, DRAWS - 1)
    high = np.where(film, _FILM_VOTES[following], _OTHER_VOTES[following])
    own = low + ((high - low) * cut(bits, 16, 16) >> 16)
    # Episodes have votes like their series, 3/4 to 7/4 of them, and fewer with the seasons.
    series = _EPISODE_VOTES[cut(world.hash(titles.series, "series votes"), 0, 16)]
    episode = series * (48 + cut(bits, 0, 6)) // 64 * 12 // (11 + titles.season)
    first = np.where(titles.is_episode, np.maximum(episode, 5), own)

    pace = np.maximum(first // 4_000, 1)
    # Twice the pace apart at least, less a jitter below the pace: never two days alike.
    jitter = world.hash(titles.index * (LAST_DAY + 1) + world.day, "jitter") % pace.astype(
        np.uint64
    )
    daily = pace * world.day + jitter.astype(np.int64) * (world.day > 0)
    period = np.maximum(1600 // first, 2)
    seldom = world.revision(bits, 32, period)
    count: Ints = first + np.where(first > _EVERY_DAY, daily, seldom)
    return count


def average(titles: Titles) -> Ints:
    """Mean rating in tenths: episodes about their series' mean, famous titles better."""
    world = titles.world
    bits = world.hash(titles.index, "average")
    own = _TENTHS[cut(bits, 0, 16)]
    series = 36 + _TENTHS[cut(world.hash(titles.series, "series average"), 0, 16)] // 2
    spread = cut(bits, 16, 4) + cut(bits, 20, 4) - 15
    tenths = np.where(titles.is_episode, series + spread, own)
    count = votes(titles)
    known = 20 + tenths * 3 // 4 + 2 * (count >= _FAMOUS_VOTES)
    tenths = np.where(count >= _KNOWN_VOTES, known, tenths)
    # Now and then new votes move the mean.
    moved = cut(world.hash((titles.index << 24) + count, "moved"), 0, 4) == 0
    mean: Ints = np.clip(tenths + moved, 10, 100)
    return mean
