"""Objects that a load refuses: one message says what is wrong and where, and nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from steps import fill
from steps.catalog import BY_NAME, NULL
from steps.errors import ConfigurationError, DataError
from tests.steps import files
from tests.steps.pipeline import CLEAN, logged

if TYPE_CHECKING:
    from tests.steps.pipeline import Pipeline

_BASICS = BY_NAME["title.basics"]
_RATINGS = BY_NAME["title.ratings"]
_EPISODE = BY_NAME["title.episode"]
_PRINCIPALS = BY_NAME["title.principals"]


_GOOD = files.rows(_RATINGS, range(1, 6))


def _ratings(line: bytes) -> bytes:
    """Return a packed file of title.ratings whose line 4 is the given one."""
    return files.pack(files.text(_RATINGS, [*_GOOD[:2], line, *_GOOD[3:]]))


def _row(**values: str | bytes) -> bytes:
    return files.row(_RATINGS, 3, values)


_HEADERS = {
    "header without a column": (b"tconst\taverageRating", "missing numVotes"),
    "header with another column": (_RATINGS.header + b"\trank", "unknown 'rank'"),
    "header renamed": (b"tconst\trating\tnumVotes", "missing averageRating; unknown 'rating'"),
    "header in another order": (
        b"tconst\tnumVotes\taverageRating",
        "in the order tconst, numVotes",
    ),
}

_REFUSED: dict[str, tuple[bytes, str, dict[str, object]]] = {
    **{
        name: (files.pack(header + b"\n" + b"".join(_GOOD)), says, {"line": 1})
        for name, (header, says) in _HEADERS.items()
    },
    "column missing": (
        _ratings(b"tt0000003\t0.3\n"),
        "2 columns instead of 3",
        {"line": 4, "column": "numVotes", "value": "tt0000003\t0.3"},
    ),
    "column too many": (
        _ratings(b"tt0000003\t0.3\t3\tx\n"),
        "4 columns instead of 3",
        {"line": 4, "column": "numVotes", "value": "tt0000003\t0.3\t3\tx"},
    ),
    "empty line": (
        _ratings(b"\n"),
        "1 columns instead of 3",
        {"line": 4, "column": "averageRating", "value": ""},
    ),
    "bad UTF-8": (
        _ratings(_row(tconst=b"tt\xff")),
        "not UTF-8",
        {"line": 4, "column": "tconst", "value": "tt\\xff"},
    ),
    "NUL": (
        _ratings(_row(tconst=b"tt\0")),
        "a NUL byte is no text",
        {"line": 4, "column": "tconst", "value": "tt\0"},
    ),
    "no number": (
        _ratings(_row(numVotes="many")),
        "not a number as integer is written",
        {"line": 4, "column": "numVotes", "value": "many"},
    ),
    "number of another spelling": (
        _ratings(_row(averageRating="7.04")),
        "not a number as numeric(3,1) is written",
        {"line": 4, "column": "averageRating", "value": "7.04"},
    ),
    "number too large": (
        _ratings(_row(numVotes="2147483648")),
        "out of range for integer",
        {"line": 4, "column": "numVotes", "value": "2147483648"},
    ),
    "key absent": (
        _ratings(_row(tconst=NULL)),
        "the key is absent",
        {"line": 4, "column": "tconst", "value": NULL},
    ),
    "key twice": (
        _ratings(_GOOD[4]),
        "the key stands on the lines 4, 6",
        {"line": 6, "column": "tconst", "value": "tt0000005"},
    ),
    "last line cut": (
        files.pack(files.text(_RATINGS, _GOOD)[:-1]),
        "the last line has no end",
        {},
    ),
    "HTML": (b"<!DOCTYPE html>", "not gzip, it begins with '<!DOCTYPE html>'", {}),
    "0 bytes": (b"", "is empty: 0 bytes", {}),
    "gzip of 0 bytes": (files.pack(b""), "holds no text", {"line": 1}),
    "gzip cut": (files.file(_RATINGS)[:-9], "cut off", {}),
    "gzip damaged": (files.file(_RATINGS)[:-8] + bytes(8), "damaged gzip", {}),
}


@pytest.mark.parametrize("what", _REFUSED)
def test_a_bad_object_is_refused_by_name(pipeline: Pipeline, what: str) -> None:
    """65; one message with object, line, column and value; nothing that readers see changes."""
    content, says, where = _REFUSED[what]
    pipeline.deposit_rows(_RATINGS, range(1, 6))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    key = pipeline.deposit(_RATINGS, content, "20260102T004000Z-0")
    with pytest.raises(DataError) as raised:
        pipeline.load(_RATINGS)
    assert raised.value.exit_code == 65
    assert says in str(raised.value)
    assert {name: raised.value.where.get(name) for name in where} == where
    assert key in str(raised.value), "the message names the object"
    assert pipeline.visible() == before
    assert pipeline.leftovers() == CLEAN


def test_a_key_of_two_columns_that_stands_twice(pipeline: Pipeline) -> None:
    """All lines of a double key are told, wherever they are."""
    lines = files.rows(_PRINCIPALS, range(1, 200))
    lines.append(files.row(_PRINCIPALS, 7, {"job": "again"}))
    key = pipeline.deposit(_PRINCIPALS, files.pack(files.text(_PRINCIPALS, lines)))
    with pytest.raises(DataError, match="the key stands on the lines 8, 201") as raised:
        pipeline.load(_PRINCIPALS)
    assert raised.value.where == {
        "object": key,
        "line": 201,
        "column": "tconst, ordering",
        "value": "tt0000007, 7",
    }


@pytest.mark.parametrize("id_", ["tt(1)=(2)", "a, b", "tt\\1", "ä" * 50], ids=ascii)
def test_a_double_key_of_odd_characters(pipeline: Pipeline, id_: str) -> None:
    """Whatever an id is made of, its doubling is 65."""
    lines = [files.row(_RATINGS, 1, {"tconst": id_})] * 2
    pipeline.deposit(_RATINGS, files.pack(files.text(_RATINGS, lines)))
    with pytest.raises(DataError, match="stands"):
        pipeline.load(_RATINGS)


def test_a_key_too_long_for_an_index(pipeline: Pipeline) -> None:
    """An id that no B-tree takes is 65 and no traceback."""
    noise = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(5000))
    line = files.row(_RATINGS, 1, {"tconst": noise})
    pipeline.deposit(_RATINGS, files.pack(files.text(_RATINGS, [line])))
    with pytest.raises(DataError, match="index row"):
        pipeline.load(_RATINGS)
    assert pipeline.leftovers() == CLEAN


def test_a_fault_far_into_a_large_file(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line's number is the file's, though several connections took turns before it."""
    monkeypatch.setattr(fill, "_READ_BYTES", 1000)
    lines = files.rows(_EPISODE, range(20_000))
    lines[15_000] = files.row(_EPISODE, 15_000, {"seasonNumber": "99999999999"})
    pipeline.deposit(_EPISODE, files.pack(files.text(_EPISODE, lines)))
    with pytest.raises(DataError, match="out of range") as raised:
        pipeline.load(_EPISODE)
    assert raised.value.where["line"] == 15_002
    assert raised.value.where["column"] == "seasonNumber"


def test_the_command_says_it_in_one_message(pipeline: Pipeline) -> None:
    """Exit code 65 and a single error event with all there is to know, as fields too."""
    key = pipeline.deposit(_RATINGS, _REFUSED["no number"][0])
    done = pipeline.run("load", "title.ratings")
    assert done.returncode == 65
    assert done.stdout == b""
    (event,) = [event for event in logged(done.stderr) if event["level"] == "error"]
    assert {
        name: event[name] for name in ("step", "dataset", "object", "line", "column", "value")
    } == {
        "step": "load",
        "dataset": "title.ratings",
        "object": key,
        "line": 4,
        "column": "numVotes",
        "value": "many",
    }
    assert "readers see what they saw" in str(event["error"])


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("imdb/title.ratings/nothing.tsv.gz", "the store has no object imdb/title.ratings/nothing"),
        ("imdb/title.crew/20260101T004000Z-0.tsv.gz", "is an object of title.crew, not of"),
        ("elsewhere", "no object elsewhere"),
        (None, "no object of title.ratings; run `imdb download`"),
    ],
)
def test_an_object_that_is_none(pipeline: Pipeline, key: str | None, says: str) -> None:
    """A key that names nothing, or another dataset's object, is 78."""
    pipeline.deposit(BY_NAME["title.crew"], files.file(BY_NAME["title.crew"]))
    with pytest.raises(ConfigurationError, match=says):
        pipeline.load(_RATINGS, key)


def test_a_key_that_is_not_of_this_store(pipeline: Pipeline) -> None:
    """An object that lies about under another name is 78 too."""
    client, bucket = pipeline.store.client, pipeline.store.bucket
    client.put_object(Bucket=bucket, Key="stray", Body=files.file(_RATINGS))
    with pytest.raises(ConfigurationError, match="the key stray is not"):
        pipeline.load(_RATINGS, "stray")
