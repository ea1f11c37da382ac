"""Text without strings: a row is a list of spans of one pool of bytes.

A span is an integer, `start << 16 | length`; 0 is the empty text. A column of text is an
array of spans, of shape (rows,) or (rows, parts), and `Page` writes all rows of a chunk with
a handful of numpy calls, at about 5 ns a byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sandbox.source.hashing import Bits, Ints, cut, shares
from steps import catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Bytes = npt.NDArray[np.uint8]

_LENGTH_BITS = 16
_LENGTH = (1 << _LENGTH_BITS) - 1


class _Pool:
    """Every text that a row can be made of, each kept once."""

    def __init__(self) -> None:
        self._spans: dict[str, int] = {"": 0}
        self._parts: list[bytes] = []
        self._size = 0
        self._bytes: Bytes = np.empty(0, np.uint8)

    def span(self, text: str) -> int:
        if text not in self._spans:
            part = text.encode()
            self._spans[text] = self._size << _LENGTH_BITS | len(part)
            self._parts.append(part)
            self._size += len(part)
        return self._spans[text]

    def bytes(self) -> Bytes:
        if len(self._bytes) != self._size:
            self._bytes = np.frombuffer(b"".join(self._parts), np.uint8)
        return self._bytes


_POOL = _Pool()


def span(text: str) -> int:
    """Span of one text."""
    return _POOL.span(text)


def spans(texts: Iterable[str]) -> Ints:
    """Spans of several texts."""
    return np.array([_POOL.span(text) for text in texts], np.int64)


NULL = span(catalog.NULL)
TAB = span("\t")
NEWLINE = span("\n")
_COMMA = span(",")

_NATURAL = spans(str(number) for number in range(10_000))
_PADDED = spans(f"{number:04}" for number in range(10_000))
_ID_HEADS = {
    prefix: spans(f"{prefix}{number:03}" for number in range(10_000)) for prefix in ("tt", "nm")
}


def numbers(values: Ints) -> Ints:
    """Decimal text of numbers below 10**8; a negative one stands for NULL."""
    heads, tails = np.divmod(values, 10_000)
    large = heads > 0
    small = np.where(values < 0, NULL, _NATURAL[tails])
    if not large.any():
        return small
    return np.stack(
        [np.where(large, _NATURAL[heads], 0), np.where(large, _PADDED[tails], small)], axis=1
    )


def small_numbers(values: Ints) -> Ints:
    """Decimal text of numbers below 10,000, as one span each; a negative one stands for NULL."""
    return np.where(values < 0, NULL, _NATURAL[values])


def identifiers(prefix: str, values: Ints) -> Ints:
    """Write identifiers such as tt0012345: seven digits, or eight from 10,000,000 on."""
    heads, tails = np.divmod(values, 10_000)
    return np.stack([_ID_HEADS[prefix][heads], _PADDED[tails]], axis=1)


def replaced(column: Ints, where: npt.NDArray[np.bool_], by: Ints | int) -> Ints:
    """Put the one-part text `by` in place of the column's text in some rows."""
    if column.ndim == 1:
        return np.where(where, by, column)
    column = np.where(where[:, None], 0, column)
    column[:, 0] = np.where(where, by, column[:, 0])
    return column


class Grammar:
    """Texts of up to four parts, each drawn from a list of words.

    A pattern is a weight and its parts (a word or a list of them); a group is a list of
    patterns to draw from, such as those of one language.
    """

    _PATTERN_BITS = 12
    _WORD_BITS = 13

    def __init__(
        self, *groups: Sequence[tuple[int, Sequence[str | Sequence[str]]]], parts: int
    ) -> None:
        """Lay out the words of all groups in one table, whose first word is the empty one."""
        words: list[int] = [0]
        lows: list[list[int]] = []
        sizes: list[list[int]] = []
        choices: list[Ints] = []
        self.parts = parts
        for group in groups:
            choices.append(
                len(lows) + shares([weight for weight, _ in group], 1 << self._PATTERN_BITS)
            )
            for _, pattern in group:
                low, size = [0] * parts, [1] * parts
                for part, texts in enumerate(pattern):
                    options = [texts] if isinstance(texts, str) else texts
                    low[part], size[part] = len(words), len(options)
                    words.extend(_POOL.span(text) for text in options)
                lows.append(low)
                sizes.append(size)
        self._words = np.array(words, np.int64)
        self._lows = np.array(lows, np.int64).T.copy()
        self._sizes = np.array(sizes, np.int64).T.copy()
        self._choices = np.concatenate(choices)

    def draw(self, bits: Bits, group: Ints | int = 0) -> Ints:
        """Texts, as spans of shape (rows, parts), from 64 random bits a row."""
        choice = cut(bits, 0, self._PATTERN_BITS) + (group << self._PATTERN_BITS)
        pattern = self._choices[choice]
        texts = np.empty((len(bits), self.parts), np.int64)
        for part in range(self.parts):
            word = cut(bits, self._PATTERN_BITS + part * self._WORD_BITS, self._WORD_BITS)
            word *= self._sizes[part][pattern]
            word >>= self._WORD_BITS
            word += self._lows[part][pattern]
            texts[:, part] = self._words[word]
        return texts


class Page:
    """The rows of one chunk: its own bytes beside the pool, and the writing of its lines."""

    def __init__(self) -> None:
        """Begin with the pool's bytes."""
        self._bytes = _POOL.bytes()

    def lists(self, items: Ints, counts: Ints) -> Ints:
        """Comma lists of the given lengths of consecutive items (rows, parts); NULL if empty."""
        commas = np.full((len(items), 1), _COMMA, np.int64)
        text, ends = self._write(np.hstack([items, commas]))
        offsets = np.concatenate([np.zeros(1, np.int64), ends])
        lasts = np.cumsum(counts)
        starts = offsets[lasts - counts]
        lengths = offsets[lasts] - starts - 1
        written = (starts + len(self._bytes)) << _LENGTH_BITS | lengths
        self._bytes = np.concatenate([self._bytes, text])
        return np.where(counts > 0, written, NULL)

    def lines(self, *columns: Ints) -> bytes:
        """Lines of tab-separated columns."""
        rows = len(columns[0])
        width = sum(1 if column.ndim == 1 else column.shape[1] for column in columns)
        table = np.empty((rows, width + len(columns)), np.int64)
        at = 0
        for column in columns:
            parts = 1 if column.ndim == 1 else column.shape[1]
            table[:, at : at + parts] = column if column.ndim > 1 else column[:, None]
            table[:, at + parts] = TAB
            at += parts + 1
        table[:, -1] = NEWLINE
        text, _ = self._write(table)
        return text.tobytes()

    def _write(self, table: Ints) -> tuple[Bytes, Ints]:
        """Bytes of all rows one after the other, and where each row ends."""
        flat = table.ravel()
        lengths = flat & _LENGTH
        ends = np.cumsum(lengths)
        index = np.repeat((flat >> _LENGTH_BITS) - ends + lengths, lengths)
        index += np.arange(len(index))
        return self._bytes[index], ends[table.shape[1] - 1 :: table.shape[1]]
