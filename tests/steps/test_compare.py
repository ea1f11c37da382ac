"""Compare: whatever differs is told, and nothing else, however the texts are cut."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steps import tsv
from steps.catalog import BY_NAME, DATASETS
from steps.compare import Op, UnsortedError, compare
from tests.steps import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.catalog import Dataset

    Day = Mapping[tuple[bytes, int], bytes]
    """Lines by key."""

_RATINGS = BY_NAME["title.ratings"]
_PRINCIPALS = BY_NAME["title.principals"]

# Ids that grow from seven digits to eight, which then stand first, and some that are none.
_IDS = st.integers(9_999_985, 10_000_015).map(b"tt%07d".__mod__) | st.sampled_from(
    [b"", b"\\", b"\r", b"\x02", b'"', b"tt", b"tt\x01", "é".encode(), b"\xff"]
)
_VALUES = st.sampled_from(
    [b"", b'"', b"\\", b"\r", b"\\N", b"\x02", b"a", b"b", b"a" * 300, b"a" * 299 + b"b"]
) | st.binary(max_size=5).map(lambda value: value.replace(b"\t", b" ").replace(b"\n", b" "))


def _days(orderings: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Day, Day]]:
    """Return pairs of days of which the second keeps about half of the first."""

    def lines(values: dict[tuple[bytes, int], bytes]) -> Day:
        return {
            (id_, number): b"%s\t%d\t%s\n" % (id_, number, value)
            for (id_, number), value in values.items()
        }

    rows = st.dictionaries(st.tuples(_IDS, orderings), _VALUES, max_size=60)
    kept = st.sets(st.tuples(_IDS, orderings), max_size=30)
    return st.builds(
        lambda old, new, gone: (
            lines(old),
            lines({key: old[key] for key in old if key not in gone} | new),
        ),
        rows,
        st.dictionaries(st.tuples(_IDS, orderings), _VALUES, max_size=8),
        kept,
    )


_CUTS = st.lists(st.integers(0, 5000), max_size=20)


def _cut(content: bytes, places: list[int]) -> Iterator[bytes]:
    """Give a text in blocks as a load does: of whole lines, from pieces cut anywhere."""
    ends = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return tsv.blocks(content[start:end] for start, end in pairwise(ends))


def _difference(old: Day, new: Day) -> list[tuple[Op, bytes]]:
    """Return the changes in the slow and certain way."""
    changes = []
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            changes.append((Op.DELETE, old[key]))
        elif key not in old:
            changes.append((Op.INSERT, new[key]))
        elif old[key] != new[key]:
            changes.append((Op.UPDATE, new[key]))
    return changes


def _compare(
    dataset: Dataset, old: list[bytes], new: list[bytes], cuts: tuple[list[int], list[int]]
) -> list[tuple[Op, bytes]]:
    texts = (_cut(b"".join(lines), places) for lines, places in zip((old, new), cuts, strict=True))
    return list(compare(dataset, *texts))


def _in_order(day: Day) -> list[bytes]:
    return [day[key] for key in sorted(day)]


@given(days=_days(st.just(1)), cuts=st.tuples(_CUTS, _CUTS))
def test_a_key_of_one_column(days: tuple[Day, Day], cuts: tuple[list[int], list[int]]) -> None:
    """Ids are compared as bytes."""
    found = _compare(_RATINGS, _in_order(days[0]), _in_order(days[1]), cuts)
    assert found == _difference(*days)


@given(days=_days(st.integers(1, 12)), cuts=st.tuples(_CUTS, _CUTS))
def test_a_key_of_two_columns(days: tuple[Day, Day], cuts: tuple[list[int], list[int]]) -> None:
    """Orderings are compared as numbers: 10 stands behind 9."""
    found = _compare(_PRINCIPALS, _in_order(days[0]), _in_order(days[1]), cuts)
    assert found == _difference(*days)


@given(
    days=_days(st.integers(1, 3)), shuffled=st.tuples(st.booleans(), st.booleans()), data=st.data()
)
def test_whatever_the_order(
    days: tuple[Day, Day], shuffled: tuple[bool, bool], data: st.DataObject
) -> None:
    """Out of order, or with a key twice, a text is found out, or its changes are right."""
    old, new = (
        data.draw(st.permutations(_in_order(day))) if any_order else _in_order(day)
        for day, any_order in zip(days, shuffled, strict=True)
    )
    new += data.draw(st.lists(st.sampled_from(new), max_size=1)) if new else []
    try:
        found = _compare(_PRINCIPALS, old, new, ([], []))
    except UnsortedError:
        return
    # As the database applies them, whose key refuses what does not fit.
    table = {_key(line): line for line in old}
    for wanted in (Op.DELETE, Op.UPDATE, Op.INSERT):
        for line in (line for op, line in found if op is wanted):
            if (wanted is Op.INSERT) == (_key(line) in table):
                return
            table[_key(line)] = line
            if wanted is Op.DELETE:
                del table[_key(line)]
    assert sorted(table.values()) == sorted(new)


def _key(line: bytes) -> tuple[bytes, ...]:
    return tuple(line.split(b"\t")[:2])


@given(distance=st.integers(0, 3000), length=st.integers(1, 200))
@example(distance=64, length=1)
@example(distance=128, length=1)
def test_a_difference_at_any_distance(distance: int, length: int) -> None:
    """One byte that differs is found wherever it is."""
    head = b"".join(b"%07d\t%s\n" % (number, b"x" * length) for number in range(distance // length))
    tail = b"8\t" + b"x" * distance + b"%s\n9\tx\n"
    old, new = (head + tail % letter for letter in (b"a", b"b"))
    found = list(compare(_RATINGS, iter([old]), iter([new])))
    assert found == [(Op.UPDATE, b"8\t" + b"x" * distance + b"b\n")]


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_a_file_with_itself(dataset: Dataset) -> None:
    """No difference in many blocks of equal text."""
    lines = files.rows(dataset, range(1, 1000))
    assert _compare(dataset, lines, lines, ([100, 2000, 5000], [77])) == []


@pytest.mark.parametrize("lines", [[b"b\t1\n", b"a\t1\n"], [b"a\t1\n", b"a\t2\n"]])
def test_what_is_out_of_order_is_said(lines: list[bytes]) -> None:
    """In the older text as in the newer one."""
    for texts in ((lines, []), ([], lines), (lines, [b"c\t1\n"]), ([b"c\t1\n"], lines)):
        with pytest.raises(UnsortedError):
            list(compare(_RATINGS, *(iter([b"".join(text)]) for text in texts)))


@pytest.mark.parametrize("line", [b"\n", b"x\n", b"x\ty\n", b"x\t\n", b"x\t1_0\tz\n"], ids=repr)
def test_a_line_without_a_key_is_passed_on(line: bytes) -> None:
    """Whoever writes it says what is wrong with it."""
    assert list(compare(_PRINCIPALS, iter([]), iter([line]))) == [(Op.INSERT, line)]
