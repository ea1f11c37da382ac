"""Lines of title.principals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sandbox.source import crediting
from sandbox.source.hashing import Bits, Ints, Mask, chance, cut
from sandbox.source.text import (
    NULL,
    Grammar,
    Page,
    identifiers,
    replaced,
    small_numbers,
    spans,
)
from sandbox.source.titles import Titles
from sandbox.source.wording import CHARACTERS, HOSTILE, JOBS

if TYPE_CHECKING:
    from sandbox.source.world import World

_GOES = 4
"""Bit of World.away: half of the titles that vanish keep their principals."""

_CATEGORY = spans([*crediting.CATEGORIES, "actor"])
# Groups of wording.CHARACTERS and wording.JOBS by category; -1 for none.
_CHARACTERS = np.array([0, 1, 2, -1, -1, -1, -1, -1, -1, -1, -1, 2, 2, 0])
_JOBS = np.array([-1, -1, -1, 3, 0, 1, 4, 2, 5, -1, -1, -1, -1, -1])
# Credits of 256 with a character or a job.
_TOLD = np.array([200, 200, 215, 20, 150, 200, 25, 90, 12, 0, 0, 120, 120, 200])


def lines(world: World, index: Ints) -> bytes:
    """Lines of the titles with these indexes that title.principals has today."""
    titles = Titles(world, index)
    titles = titles.take(titles.present(_GOES))
    counts = crediting.counts(titles)
    total = counts.sum(axis=1)
    row = np.repeat(np.arange(len(titles)), total)
    category = np.repeat(np.tile(np.arange(counts.shape[1]), len(titles)), counts.ravel())
    at = np.arange(len(row))
    place = at - np.repeat(np.cumsum(counts.ravel()) - counts.ravel(), counts.ravel())
    ordering = at + 1 - np.repeat(np.cumsum(total) - total, total)

    key = titles.index[row] << 8 | ordering
    bits = world.hash(key, "principal")
    # Half the credits of a changed title have changed.
    revision = np.where(chance(bits, 0, 134), titles.revision[row], 0)
    is_cast = _CHARACTERS[category] >= 0
    other = np.where(is_cast & chance(bits, 8, 50), revision, 0)
    person = crediting.credited(titles, row, category, place, other)

    wording = np.where(revision > 0, world.hash(key + (revision << 44), "principal"), bits)
    told = chance(wording, 16, np.where(revision > 0, 250, _TOLD[category]))
    job = _draw(JOBS, _JOBS[category], told, world.hash(key + (revision << 44), "job"))
    series = titles.series[row]
    # A regular's character is the same in all episodes of a season.
    steady = (series >= 0) & (revision == 0) & chance(bits, 24, 150)
    of_series = series << 16 | titles.season[row] << 8 | ordering
    character_key = np.where(steady, -of_series, key + (revision << 44))
    characters = _draw(
        CHARACTERS, _CHARACTERS[category], told, world.hash(character_key, "character")
    )
    word = HOSTILE[cut(bits, 32, 16) % len(HOSTILE)]
    job = replaced(job, world.share(bits, 40, 50), word)
    characters = replaced(characters, world.share(wording, 36, 50), word)
    return Page().lines(
        identifiers("tt", titles.number)[row],
        small_numbers(ordering),
        identifiers("nm", world.number("nm", person)),
        _CATEGORY[category],
        job,
        characters,
    )


def _draw(grammar: Grammar, group: Ints, told: Mask, bits: Bits) -> Ints:
    """Texts of the grammar where a row has a group and is told, else NULL."""
    told = told & (group >= 0)
    texts = np.zeros((len(group), grammar.parts), np.int64)
    texts[:, 0] = NULL
    texts[told] = grammar.draw(bits[told], group[told])
    return texts
