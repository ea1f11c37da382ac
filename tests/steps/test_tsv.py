"""The text format and COPY's: judged by Postgres itself, which has the last word on both."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg import sql

from steps import tsv
from steps.catalog import BY_NAME, DATASETS, NULL, ColumnType
from steps.errors import DataError
from steps.schema import column_definitions
from tests.steps import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.catalog import Dataset
    from tests.places import Database

# Every character that a text column can hold and a file can carry: all but NUL, the two
# separators and what UTF-8 cannot encode. The awkward ones come up often.
_CHARACTERS = st.sampled_from("\\\\\\Nntbr.,\"'\b\r\v\f\x02\x1b\x7f\x85\u2028\ufeff é😀{}[]") | (
    st.characters(exclude_characters="\t\n\0", exclude_categories=["Cs"])
)
_FIELDS = (
    st.text(_CHARACTERS, max_size=12)
    | st.sampled_from(
        [
            *(NULL, "", "\\", "\\\\", "\\\\N", "\\Nx", "x\\N", "\\.", "\\.\\", "\\r", "\r\\", "\r"),
            *('["Woman - (segment: \\"Fire Woman\\")"]', '"Picturized By", i.e., screenplay'),
        ]
    )
).map(str.encode)


@pytest.fixture(scope="module")
def connection(
    new_database: Callable[[], AbstractContextManager[Database]],
) -> Iterator[Connection[TupleRow]]:
    """Give one connection to a real Postgres, with a table of text and one of each dataset."""
    with new_database() as database, database.connect("loader") as made:
        made.execute('create temp table texts (n serial, a text collate "C", b text)')
        for dataset in DATASETS:
            made.execute(
                sql.SQL("create temp table {} ({})").format(
                    sql.Identifier(dataset.table), column_definitions(dataset)
                )
            )
        yield made


def _through(
    connection: Connection[TupleRow], table: str, columns: str, block: bytes
) -> tuple[bytes, list[TupleRow]]:
    """Copy a block in, and return it copied out and selected; nothing stays."""
    with connection.transaction(force_rollback=True), connection.cursor() as cursor:
        # Else rows might take the room of those rolled back before, and change places.
        cursor.execute(sql.SQL("truncate {}").format(sql.Identifier(table)))
        into = sql.SQL("copy {} ({}) from stdin (format text, null {})")
        with cursor.copy(
            into.format(sql.Identifier(table), sql.SQL(columns), sql.Literal(tsv.COPY_NULL))
        ) as copy:
            copy.write(tsv.to_copy(block))
        out = sql.SQL("copy {} ({}) to stdout (format text, null {})")
        with cursor.copy(
            out.format(sql.Identifier(table), sql.SQL(columns), sql.Literal(NULL))
        ) as copy:
            text = b"".join(tsv.from_copy(bytes(lines)) for lines in copy)
        rows = cursor.execute(
            sql.SQL("select {} from {} order by ctid").format(
                sql.SQL(columns),
                sql.Identifier(table),
            )
        ).fetchall()
    return text, rows


@given(fields=st.lists(st.tuples(_FIELDS, _FIELDS), min_size=1, max_size=8))
@example(fields=[(b"\\N", b""), (b"", b"\\N"), (b"\\.", b"x"), (b"\\.", b"\\.")])
def test_what_goes_in_comes_out(
    connection: Connection[TupleRow], fields: list[tuple[bytes, bytes]]
) -> None:
    r"""Postgres holds each field's very characters, NULL for `\N` alone, and gives them back."""
    block = b"".join(b"\t".join(pair) + b"\n" for pair in fields)
    text, rows = _through(connection, "texts", "a, b", block)
    assert text == block
    null = NULL.encode()
    assert rows == [tuple(None if f == null else f.decode() for f in pair) for pair in fields]


@given(
    lines=st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"") + b"\n"), max_size=8),
    places=st.lists(st.integers(0, 1 << 12), max_size=12),
)
def test_blocks_are_whole_lines_and_all_of_them(lines: list[bytes], places: list[int]) -> None:
    """Wherever a text is cut into pieces, its blocks end at line ends and lose nothing."""
    content = b"".join(lines)
    ends = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    pieces = [content[start:end] for start, end in pairwise(ends)]
    # A piece may be empty too, as at the end of a gzip member.
    found = list(tsv.blocks([b"", *pieces, b""]))
    assert b"".join(found) == content
    assert all(block.endswith(b"\n") for block in found)


@pytest.mark.parametrize("pieces", [[b"a\nb"], [b"a\n", b"b"], [b"a", b"b"], [b"a\n", b"", b"b"]])
def test_a_last_line_without_end_is_refused(pieces: list[bytes]) -> None:
    """A cut that falls on a record is not taken for a shorter record."""
    with pytest.raises(DataError, match="the last line has no end"):
        list(tsv.blocks(pieces))


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that is not lines at all is given up after LINE_BYTES."""
    monkeypatch.setattr(tsv, "LINE_BYTES", 1000)
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 100
            yield b"x" * 100

    with pytest.raises(DataError, match="longer than 1000 bytes"):
        list(tsv.blocks(endless()))
    assert taken <= 1200


_NUMBERS = [
    *("0", "7", "-7", "1950", "99", "100", "007", "00", "+7", "-0", "-00", "0x1F", "0b1", "0o7"),
    *("1_0", "1_000", " 7", "7 ", "7\r", "7\v", "\x0b7", "", " ", "\\N", "\\n", "N", "NULL"),
    *("NaN", "nan", "Infinity", "inf", "-inf", "1e1", "1E1", "1e-1", "1.", ".5", "5.", "0.", "."),
    *("7.0", "7.04", "7.05", "10.0", "99.9", "99.94", "99.95", "100.0", "-99.9", "0.0", "-0.0"),
    *("-0.1", "-0.0\r", "0.10", "00.1", "07.5", "7,5", "7.5 ", "+7.5", "1_0.5", "7.5e0"),
    *("32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648"),
    *(
        "-2147483649",
        "9" * 30,
        "-" + "9" * 30,
        "\u0661",
        "\uff17",
        "½",
        "²",
        "1\x02",
        "true",
        "t",
        "--1",
    ),
]
_SPELLINGS = (
    st.sampled_from(_NUMBERS)
    | st.integers(-40_000, 40_000).map(str)
    | st.integers(-(2**33), 2**33).map(str)
    | st.decimals(-120, 120, places=1).map(str)
    | st.decimals(-120, 120, places=2).map(str)
    | st.text("0123456789+-._eExXN \r", max_size=6)
)
_NUMERIC = [
    ("title.basics", "isAdult"),
    ("title.basics", "startYear"),
    ("title.ratings", "averageRating"),
    ("title.ratings", "numVotes"),
    ("title.akas", "ordering"),
    ("title.akas", "isOriginalTitle"),
    ("title.principals", "ordering"),
]


def _postgres_returns(
    connection: Connection[TupleRow], dataset: Dataset, line: bytes
) -> bytes | None:
    """Return a line as Postgres gives it back, None if it does not take it."""
    columns = ", ".join(column.name for column in dataset.columns)
    try:
        return _through(connection, dataset.table, columns, line)[0]
    except (psycopg.DataError, psycopg.IntegrityError):
        return None


def _judge(connection: Connection[TupleRow], name: str, header: str, spelling: str) -> None:
    dataset = BY_NAME[name]
    checker = tsv.Checker(dataset)
    line = files.row(dataset, 1, {header: spelling})
    back = _postgres_returns(connection, dataset, line)
    fault = checker.first_fault(line, 5)
    loaded = checker.accepts(line) and back is not None
    # What is let in comes back as it was, and what would come back as it was is let in; but for
    # NaN, which Postgres takes and no reader of a rating wants.
    assert loaded == (back == line and spelling != "NaN")
    if loaded:
        assert fault is None
    else:
        assert fault is not None
        assert (fault.line, fault.column) == (5, header)
        assert fault.value == tsv.Fault(5, header, spelling, "").value
    # `suspects` may overlook what only Postgres finds, and never cries wolf.
    assert checker.suspects(line) <= (not loaded)


@pytest.mark.parametrize(("name", "header"), _NUMERIC)
def test_known_spellings_of_numbers(
    connection: Connection[TupleRow], name: str, header: str
) -> None:
    """A number is loaded exactly if Postgres writes the very text back; else it is named."""
    for spelling in _NUMBERS:
        _judge(connection, name, header, spelling)


@given(where=st.sampled_from(_NUMERIC), spelling=_SPELLINGS)
def test_any_spelling_of_a_number(
    connection: Connection[TupleRow], where: tuple[str, str], spelling: str
) -> None:
    """As above for whatever a search comes up with."""
    _judge(connection, *where, spelling)


@given(data=st.data())
def test_one_wrong_line_among_right_ones(
    connection: Connection[TupleRow], data: st.DataObject
) -> None:
    """`first_fault` finds the line whose number is wrong in a block, wherever it stands."""
    dataset = BY_NAME[data.draw(st.sampled_from([name for name, _ in _NUMERIC]))]
    numeric = [column for column in dataset.columns if column.type is not ColumnType.TEXT]
    lines = files.rows(dataset, range(1, data.draw(st.integers(2, 12))))
    place = data.draw(st.integers(0, len(lines) - 1))
    column = data.draw(st.sampled_from(numeric))
    lines[place] = files.row(dataset, place, {column.header: data.draw(_SPELLINGS)})
    block = b"".join(lines)
    checker = tsv.Checker(dataset)
    fault = checker.first_fault(block, 2)
    assert (_postgres_returns(connection, dataset, block) == block) == (fault is None)
    if fault is not None:
        assert (fault.line, fault.column) == (place + 2, column.header)


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_valid_lines_are_accepted(connection: Connection[TupleRow], dataset: Dataset) -> None:
    """The check refuses nothing that is right, absent values everywhere but in the key too."""
    absent = {c.header: NULL for c in dataset.columns if c.name not in dataset.key}
    block = files.row(dataset, 1) + files.row(dataset, 2, absent) + files.row(dataset, 3)
    checker = tsv.Checker(dataset)
    assert checker.accepts(block)
    assert not checker.suspects(block)
    assert checker.first_fault(block, 1) is None
    assert _postgres_returns(connection, dataset, block) == block


def _broken(dataset: Dataset) -> dict[str, tuple[bytes, str]]:
    """Return lines that are wrong otherwise than by a number, and the column that is named."""
    text = next(c.header for c in dataset.columns if c.type is ColumnType.TEXT)
    first, last = dataset.columns[0].header, dataset.columns[-1].header
    whole = files.row(dataset, 2)
    return {
        "a column too many": (whole[:-1] + b"\tx\n", last),
        "two columns too many": (whole[:-1] + b"\t\t\n", last),
        "a column missing": (whole.rsplit(b"\t", 1)[0] + b"\n", last),
        "nothing": (b"\n", dataset.columns[1].header),
        "NUL": (files.row(dataset, 2, {text: b"a\0b"}), text),
        "bad UTF-8": (files.row(dataset, 2, {text: b"a\xff"}), text),
        "surrogate": (files.row(dataset, 2, {text: b"\xed\xa0\x80"}), text),
        "overlong": (files.row(dataset, 2, {text: b"\xc0\xaf"}), text),
        "absent key": (files.row(dataset, 2, {first: NULL}), first),
    }


@pytest.mark.parametrize("what", _broken(DATASETS[0]))
@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_what_postgres_refuses_is_named(
    connection: Connection[TupleRow], dataset: Dataset, what: str
) -> None:
    """Whatever COPY would not take, `first_fault` has the line and the column of."""
    line, column = _broken(dataset)[what]
    block = files.row(dataset, 1) + line + files.row(dataset, 3)
    assert _postgres_returns(connection, dataset, block) is None
    fault = tsv.Checker(dataset).first_fault(block, 10)
    assert fault is not None
    assert (fault.line, fault.column) == (11, column)


def test_lines_whose_tabs_cancel_out_are_found() -> None:
    """A column too many here and one missing there make the right number of tabs."""
    dataset = BY_NAME["title.ratings"]
    block = b"tt1\t5.6\t7\tx\n" + b"tt2\t5.6\n"
    fault = tsv.Checker(dataset).first_fault(block, 2)
    assert fault is not None
    assert fault.line == 2


def test_a_long_value_is_shown_short() -> None:
    """A message stays readable when the value is a whole page."""
    dataset = BY_NAME["title.ratings"]
    fault = tsv.Checker(dataset).first_fault(files.row(dataset, 1, {"numVotes": "9x" * 9000}), 2)
    assert fault is not None
    assert len(fault.value) < 300
    assert "(18000 characters)" in fault.value


@pytest.mark.parametrize(
    ("change", "says", "column"),
    [
        (lambda names: names[:-1], "missing numVotes", "numVotes"),
        (lambda names: [*names, "rank"], "unknown 'rank'", "rank"),
        (lambda names: [*names[:-1], "votes"], "missing numVotes; unknown 'votes'", "numVotes"),
        (lambda names: [names[1], names[0], names[2]], "in the order averageRating", "tconst"),
        (lambda names: [*names, names[0]], "in the order tconst, averageRating", "tconst"),
        (lambda _: ["<html>"], "unknown '<html>'", "tconst"),
        (lambda _: ["\t"], "missing tconst, averageRating, numVotes", "tconst"),
        (lambda names: [*names[:-1], "numVotes\r"], r"unknown 'numVotes\r'", "numVotes"),
        (lambda names: ["\ufefftconst", *names[1:]], r"unknown '\ufefftconst'", "tconst"),
        (lambda names: [n.lower() for n in names], "missing averageRating", "averageRating"),
    ],
)
def test_a_header_of_another_shape_says_how(
    change: Callable[[list[str]], list[str]], says: str, column: str
) -> None:
    """A column that came, went, moved or was renamed is named, and the first place of it."""
    dataset = BY_NAME["title.ratings"]
    names = [column.header for column in dataset.columns]
    tsv.check_header(dataset, "\t".join(names).encode())
    with pytest.raises(DataError, match=re.escape(says)) as raised:
        tsv.check_header(dataset, "\t".join(change(names)).encode())
    assert raised.value.where["line"] == 1
    assert raised.value.where["column"] == column
