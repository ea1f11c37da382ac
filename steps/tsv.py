r"""IMDb's text format, and the same rows as COPY's text format.

IMDb quotes and escapes nothing: a line is split by tabs alone, a field is the bytes between
them, `\N` is NULL. COPY's text format treats a backslash as an escape and refuses a bare CR,
so that two replacements make every byte arrive (`to_copy`) and their inverse brings the file
back (`from_copy`).

Postgres reads numbers more kindly than it writes them (007, 0x1F, 1_0, 7.04 for
numeric(3,1)). A value that would come back otherwise is refused: `Checker`.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.catalog import NULL, ColumnType
from steps.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from steps.catalog import Column, Dataset

    class Readable(Protocol):
        """A stream of bytes."""

        def read(self, size: int, /) -> bytes:
            """Return up to `size` bytes, none at the end."""


COPY_NULL = r"\\N"
r"""COPY's NULL marker, as `to_copy` leaves the file's `\N`."""

LINE_BYTES = 16 << 20
"""A line longer than this is no line (the longest of IMDb's is 6 kB); bounds the memory."""

_SHOWN = 200
"""Characters of a bad value that a message shows."""

_INTEGER_BOUNDS = {ColumnType.SMALLINT: 2**15, ColumnType.INTEGER: 2**31}


def to_copy(block: bytes) -> bytes:
    """Return whole lines of a file as COPY (FORMAT text, NULL COPY_NULL) takes them."""
    block = block.replace(b"\\", b"\\\\")
    # Most blocks hold no CR: looking for one costs a tenth of replacing.
    return block.replace(b"\r", b"\\r") if b"\r" in block else block


_ESCAPE = re.compile(rb"\\([^N])")
_ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def from_copy(lines: bytes) -> bytes:
    r"""Return lines of COPY TO STDOUT (FORMAT text, NULL '\N') as the file has them."""
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), lines)


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a text, given in pieces of any size, in blocks of whole lines.

    Raises:
        DataError: a line is longer than LINE_BYTES, or the last one has no end.

    """
    rest = b""
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if not end:
            rest += piece
            if len(rest) > LINE_BYTES:
                message = f"a line is longer than {LINE_BYTES} bytes: {_shown(rest)}"
                raise DataError(message)
            continue
        yield rest + piece[:end] if rest else piece[:end]
        rest = piece[end:]
    if rest:
        message = f"the last line has no end, so the file was cut off: {_shown(rest)}"
        raise DataError(message)


def check_header(dataset: Dataset, line: bytes) -> None:
    """Compare a file's first line, without its end, with the catalogue.

    Raises:
        DataError: a column is missing, new, renamed or in another place.

    """
    if line == dataset.header:
        return
    if not line:
        message = f"the file of {dataset.name} holds no text, not even a header"
        raise DataError(message, line=1)
    found = line.decode(errors="backslashreplace").split("\t")
    wanted = [column.header for column in dataset.columns]
    problems = []
    if missing := [name for name in wanted if name not in found]:
        problems.append(f"missing {', '.join(missing)}")
    if extra := [name for name in found if name not in wanted]:
        # Spelt out, since a BOM or a CR is what tells such a name from the right one.
        problems.append(f"unknown {_shown(', '.join(map(repr, extra)).encode())}")
    if not problems:
        problems.append(f"in the order {', '.join(found)}")
    message = (
        f"the header is not that of {dataset.name}: {'; '.join(problems)}; if IMDb changed the "
        "file, the catalogue and the models have to follow"
    )
    pairs = itertools.zip_longest(wanted, found)
    column, value = next((a, b) for a, b in pairs if a != b)
    raise DataError(message, line=1, column=column or value, value=_shown((value or "").encode()))


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing wrong in a text: where and why."""

    line: int
    column: str
    value: str
    reason: str


class Checker:
    """Tells whether the numbers of a dataset's lines are spelt as Postgres will spell them."""

    def __init__(self, dataset: Dataset) -> None:
        """Compile the dataset's columns, up to the last number, into one pattern."""
        self._dataset = dataset
        numbers = [i for i, column in enumerate(dataset.columns) if column.type.canonical]
        last = max(numbers, default=-1)
        fields = [_field(column) for column in dataset.columns[: last + 1]]
        if last + 1 < len(dataset.columns):
            fields.append(r".*+")
        # Possessive throughout, so that the time is linear. `[^\t]` runs twice as fast as
        # `[^\t\n]`; a line with too few columns may thus pass here, and Postgres refuses it.
        self._lines = re.compile(("(?:" + r"\t".join(fields) + r"\n)*+").encode())

    def accepts(self, block: bytes) -> bool:
        """Tell whether every number in whole lines is canonical; 0.06 µs a row."""
        match = self._lines.match(block)
        return match is not None and match.end() == len(block)

    def suspects(self, block: bytes) -> bool:
        """Tell whether whole lines are surely wrong.

        Misses only numbers out of range, absent keys and lines whose surplus and missing
        tabs cancel out.
        """
        tabs = block.count(b"\n") * (len(self._dataset.columns) - 1)
        if b"\0" in block or block.count(b"\t") != tabs or not self.accepts(block):
            return True
        try:
            block.decode()
        except UnicodeDecodeError:
            return True
        return False

    def first_fault(self, block: bytes, line: int) -> Fault | None:
        """Return the first fault in whole lines, of which the first has the number `line`.

        Slow and exact: for the message, once it is known that something is wrong.
        """
        for number, text in enumerate(block.removesuffix(b"\n").split(b"\n"), start=line):
            if fault := self._fault(text, number):
                return fault
        return None

    def _fault(self, text: bytes, line: int) -> Fault | None:
        fields = text.split(b"\t")
        wanted = len(self._dataset.columns)
        if len(fields) != wanted:
            edge = min(len(fields), wanted - 1)
            reason = f"the line has {len(fields)} columns instead of {wanted}"
            return Fault(line, self._dataset.columns[edge].header, _shown(text), reason)
        for column, field in zip(self._dataset.columns, fields, strict=True):
            if fault := self._reason(column, field):
                return Fault(line, column.header, _shown(field), fault)
        return None

    def _reason(self, column: Column, field: bytes) -> str | None:
        if field == NULL.encode():
            return "the key is absent" if column.name in self._dataset.key else None
        if b"\0" in field:
            return "a NUL byte is no text"
        try:
            return _number_reason(column.type, field.decode())
        except UnicodeDecodeError as error:
            return f"byte {error.start} is not UTF-8: {error.reason}"


def _number_reason(kind: ColumnType, text: str) -> str | None:
    if kind.canonical is None:
        return None
    if not re.fullmatch(kind.canonical, text):
        return f"not a number as {kind.value} is written"
    bound = _INTEGER_BOUNDS.get(kind)
    if bound and not -bound <= int(text) < bound:
        return f"out of range for {kind.value}"
    return None


def _field(column: Column) -> str:
    canonical = column.type.canonical
    return rf"(?:{canonical}|\\N)" if canonical else r"[^\t]*+"


def _shown(value: bytes) -> str:
    text = value.decode(errors="backslashreplace")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
