r"""Compare: two texts of a dataset, both sorted by key, as the lines that differ.

Equal stretches are passed over by comparing slices of bytes, which is as fast as memory; a line
is looked at only where the texts differ. Whichever lines pair up as equal, the texts are the same
but for the lines reported, so that an older text with the changes applied is the newer one, line
by line, even if neither is sorted. Order decides only how few the changes are and whether two of
them are told as one update, and it is checked wherever a line is looked at.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from steps.catalog import ColumnType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steps.catalog import Dataset

    Key = tuple[bytes, int]

_STEP_BYTES = 128
"""What is compared first behind a difference, and doubled while it is equal: about two lines, since
where much has changed the next difference is near."""

_LOCATED_BYTES = 64
"""Two stretches of this length are compared as two numbers, whose highest differing bit is the
first differing byte: as fast as halving them twice more."""


class Op(Enum):
    """What became of a row."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


class UnsortedError(Exception):
    """A text is not in the order of its key."""


def compare(
    dataset: Dataset, older: Iterator[bytes], newer: Iterator[bytes]
) -> Iterator[tuple[Op, bytes]]:
    """Yield the changes that make one text of the other, in the order of their keys.

    Both are given without header in blocks of whole lines. With an insert or update comes the
    newer line, with a delete the older one.

    Raises:
        UnsortedError: lines are seen out of order, or a key twice.

    """
    key = _key(dataset)
    old, new = _Side(older), _Side(newer)
    while old.more() | new.more():
        if old.block and new.block:
            _pass_equal(old, new)
            if old.place == len(old.block) or new.place == len(new.block):
                continue
        # What stands before has the same key in both, if the texts have begun.
        last = key(old.before) if old.before else _LOWEST
        x, y = old.take(), new.take()
        key_x = _later(x, key, last) if x else _LOWEST
        key_y = _later(y, key, last) if y else _LOWEST
        while x != y:
            if x and y and key_x == key_y:
                yield Op.UPDATE, y
                break
            if not y or (x and key_x < key_y):
                yield Op.DELETE, x
                if x := old.take():
                    key_x = _later(x, key, key_x)
            else:
                yield Op.INSERT, y
                if y := new.take():
                    key_y = _later(y, key, key_y)


class _Side:
    """One of the texts: a block of it and the place of the next line there."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._before = b""
        self.block = b""
        self.place = 0

    def more(self) -> bool:
        """Tell whether there is a next line; take up the next block if need be."""
        if self.place == len(self.block):
            self._before = self.before
            self.block, self.place = next(self._blocks, b""), 0
        return bool(self.block)

    @property
    def before(self) -> bytes:
        """The line before the next one; none at the start."""
        if not self.place:
            return self._before
        return self.block[self.block.rfind(b"\n", 0, self.place - 1) + 1 : self.place]

    def take(self) -> bytes:
        """Return the next line and pass it; nothing at the end."""
        if self.place == len(self.block) and not self.more():
            return b""
        start = self.place
        self.place = self.block.index(b"\n", start) + 1
        return self.block[start : self.place]


def _pass_equal(old: _Side, new: _Side) -> None:
    """Pass what is equal, to the start of the first line that differs or the end of a block."""
    left, right, at, to = old.block, new.block, old.place, new.place
    size = min(len(left) - at, len(right) - to)
    equal, step = 0, _STEP_BYTES
    while (step := min(step, size - equal)) and (
        left[at + equal : at + equal + step] == right[to + equal : to + equal + step]
    ):
        equal += step
        step *= 2
    if step:
        while step > _LOCATED_BYTES:
            half = step // 2
            if left[at + equal : at + equal + half] == right[to + equal : to + equal + half]:
                equal += half
                step -= half
            else:
                step = half
        differing = int.from_bytes(left[at + equal : at + equal + step], "big") ^ int.from_bytes(
            right[to + equal : to + equal + step], "big"
        )
        equal += step - (differing.bit_length() + 7) // 8
        equal = max(left.rfind(b"\n", at, at + equal) + 1 - at, 0)
    old.place += equal
    new.place += equal


_LOWEST: Key = (b"", -1 << 63)


def _later(line: bytes, key: Callable[[bytes], Key], than: Key) -> Key:
    found = key(line)
    if found <= than:
        raise UnsortedError
    return found


def _key(dataset: Dataset) -> Callable[[bytes], Key]:
    """Return what takes the key out of a line, of which the key's columns are the first.

    A line that has no proper key gets some: whoever writes the line finds out.
    """
    types = [column.type for column in dataset.columns if column.name in dataset.key]
    if types == [ColumnType.TEXT]:

        def single(line: bytes) -> Key:
            return line.partition(b"\t")[0], 0

        return single

    def double(line: bytes) -> Key:
        id_, _, rest = line.partition(b"\t")
        try:
            return id_, int(rest.partition(b"\t")[0])
        except ValueError:
            return id_, -1

    return double
