"""Small files of the seven datasets, and the same as gzip."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from steps.catalog import BY_NAME, ColumnType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from steps.catalog import Column, Dataset

_IDS = {"tconst": "tt", "titleId": "tt", "nconst": "nm", "parentTconst": "tt"}


def _field(column: Column, number: int) -> str:
    if column.header in _IDS:
        return f"{_IDS[column.header]}{number:07}"
    match column.type:
        case ColumnType.TEXT:
            return f"{column.header} {number}"
        case ColumnType.RATING:
            return f"{number % 100 / 10:.1f}"
        case ColumnType.SMALLINT:
            return str(number % 2)
        case _:
            return str(number)


def row(dataset: Dataset, number: int = 1, values: Mapping[str, str | bytes] = {}) -> bytes:
    """Return one valid line; `values`, by header, take the place of made-up ones."""
    fields = [values.get(each.header, _field(each, number)) for each in dataset.columns]
    parts = [part if isinstance(part, bytes) else part.encode() for part in fields]
    return b"\t".join(parts) + b"\n"


def rows(dataset: Dataset, numbers: Iterable[int]) -> list[bytes]:
    """Return valid lines, in the file's order if the numbers are."""
    return [row(dataset, number) for number in numbers]


def text(dataset: Dataset, lines: Iterable[bytes]) -> bytes:
    """Return a file's text: the header and some lines."""
    return dataset.header + b"\n" + b"".join(lines)


def pack(content: bytes, level: int = 1) -> bytes:
    """Return gzip, the same for the same content; level 0 keeps its size."""
    return gzip.compress(content, level, mtime=0)


def file(dataset: Dataset, numbers: Iterable[int] = range(1, 11)) -> bytes:
    """Return a valid gzipped file."""
    return pack(text(dataset, rows(dataset, numbers)))


def large(dataset: Dataset, megabytes: int) -> bytes:
    """Return a valid gzipped file of at least a size, with long lines so that rows are few."""
    filler = "x" * 100_000
    column = next(c.header for c in reversed(dataset.columns) if c.type is ColumnType.TEXT)
    lines = [row(dataset, number, {column: filler}) for number in range(1, 10 * megabytes + 2)]
    return pack(text(dataset, lines), 0)


DAY = rows(BY_NAME["title.episode"], range(1, 101))
"""Lines of title.episode."""

NEXT = [
    *DAY[:50],
    row(BY_NAME["title.episode"], 51, {"parentTconst": "tt1"}),
    *DAY[51:],
    *rows(BY_NAME["title.episode"], [101]),
]
"""The day after: one changed, one new."""
