r"""What a loaded table has lost, invented and altered, compared with its file field by field.

The table comes as `COPY … TO STDOUT` in text format writes it, where NULL and the text `\N` are
told apart: as bytes of an export they would look the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.catalog import NULL
from steps.tsv import from_copy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steps.catalog import Dataset

    Row = tuple[bytes | None, ...]

_NULL = NULL.encode()


@dataclass(frozen=True, slots=True)
class Wrong:
    """Counts of one table against its file: rows of the file, rows and values that are wrong.

    `lost` are keys that the table has not, `invented` rows of the table that the file has not,
    by their key; `altered` counts values in the rows that both have. `example` shows the first
    altered value, before and after.
    """

    rows: int = 0
    lost: int = 0
    invented: int = 0
    altered: int = 0
    example: str = ""

    @property
    def exact(self) -> bool:
        """Tell whether the table is the file."""
        return not (self.lost or self.invented or self.altered)

    def __add__(self, other: Wrong) -> Wrong:
        """Count several tables together."""
        return Wrong(
            self.rows + other.rows,
            self.lost + other.lost,
            self.invented + other.invented,
            self.altered + other.altered,
            self.example or other.example,
        )


def compare(dataset: Dataset, lines: Iterable[bytes], copied: Iterable[bytes]) -> Wrong:
    """Compare a file's lines, without their ends and header, with the rows that COPY wrote."""
    places = [number for number, column in enumerate(dataset.columns) if column.name in dataset.key]

    def key(row: Row) -> Row:
        return tuple(row[place] for place in places)

    table: defaultdict[Row, list[Row]] = defaultdict(list)
    for each in copied:
        row = _from_copy(each)
        table[key(row)].append(row)
    rows = lost = invented = altered = 0
    example = ""
    for line in lines:
        rows += 1
        wanted = _from_file(line)
        found = table.pop(key(wanted), [])
        if not found:
            lost += 1
            continue
        invented += len(found) - 1
        pairs = zip(dataset.columns, wanted, found[0], strict=True)
        for column, before, after in pairs:
            if before != after:
                altered += 1
                example = example or f"{column.name}: {_shown(before)} became {_shown(after)}"
    invented += sum(map(len, table.values()))
    return Wrong(rows, lost, invented, altered, example)


def _from_file(line: bytes) -> Row:
    return tuple(None if field == _NULL else field for field in line.split(b"\t"))


def _from_copy(row: bytes) -> Row:
    fields = row.removesuffix(b"\n").split(b"\t")
    return tuple(None if field == _NULL else from_copy(field) for field in fields)


def _shown(value: bytes | None) -> str:
    return "NULL" if value is None else repr(value.decode(errors="backslashreplace"))
