"""Load: what the database shows is one whole file, before and after, whatever happens."""

from __future__ import annotations

import gzip
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from steps import database as databases
from steps import fill, swap, tsv
from steps import store as stores
from steps.catalog import BY_NAME, DATASETS, NULL
from steps.errors import ConfigurationError, DataError, TemporaryError
from tests.steps import files
from tests.steps.pipeline import CLEAN, logged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steps.catalog import Dataset
    from tests.places import Database
    from tests.steps.pipeline import Pipeline

_BASICS = BY_NAME["title.basics"]
_RATINGS = BY_NAME["title.ratings"]
_EPISODE = BY_NAME["title.episode"]
_PRINCIPALS = BY_NAME["title.principals"]

_ALL = pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)

_NAMES = iter(f"20260101T{number:06}Z-0" for number in range(100_000))


def _deposit(pipeline: Pipeline, dataset: Dataset, numbers: range) -> str:
    """Put a valid object into the store, newer than those before it, and return its key."""
    return pipeline.deposit(dataset, files.file(dataset, numbers), next(_NAMES))


_HOSTILE: list[str | bytes] = [
    *(b"", b'"', b'"""', b"'", b"\\", b"\\\\", b"\\\\N", b"\\Nx", b"x\\N", b"\\.", b"\\n", b"\\t"),
    *(b"\r", b"a\rb", b"\r\\", b"\b", b"\x01", b"\x02", b"a\x02b", b"\x0b\x0c", b"\x7f", b"\\x41"),
    *(b'["Woman - (segment: \\"Fire Woman\\")"]', b'"Picturized By", i.e., screenplay', b"NULL"),
    *("\u2028\u2029\u0085\ufeff", "é e\u0301 日本語 😀 \U0001d54f", b" ", b"  lead and trail  "),
    *(b",".join(b"nm%07d" % number for number in range(600)), b"Episode #1.1", b"x" * 100_000),
    *(b"null", b"{}", b"%s", b"$1", b"--"),
]


def _hostile(dataset: Dataset) -> bytes:
    """Return a text whose columns hold whatever ever broke a parser, in the file's order."""
    free = [
        column.header
        for column in dataset.columns
        if column.type.canonical is None and column.name not in dataset.key
    ]
    numbers = [
        column.header
        for column in dataset.columns
        if column.type.canonical and column.name not in dataset.key
    ]
    lines = [
        files.row(dataset, number, dict.fromkeys(free, value))
        for number, value in enumerate([*_HOSTILE, NULL], start=9_999_990)
    ]
    # Nothing but the key, and the largest numbers there are.
    lines.append(files.row(dataset, 10_000_100, dict.fromkeys([*free, *numbers], NULL)))
    lines.append(files.row(dataset, 10_000_101, dict.fromkeys(numbers, "32767")))
    if dataset is _RATINGS:
        lines[-1] = files.row(
            dataset, 10_000_101, {"averageRating": "10.0", "numVotes": str(2**31 - 1)}
        )
    # The files are sorted by id as text: tt10000000 stands before tt9999999.
    return files.text(dataset, sorted(lines))


@_ALL
def test_bytes_in_are_bytes_out(pipeline: Pipeline, dataset: Dataset) -> None:
    """`imdb export` writes the very bytes that were loaded, whatever they are."""
    content = _hostile(dataset)
    # Many small members: blocks then end anywhere.
    packed = b"".join(
        gzip.compress(content[place : place + 997], 1) for place in range(0, len(content), 997)
    )
    key = pipeline.deposit(dataset, packed)
    result = pipeline.load(dataset)
    assert (result.kind, result.object_key) == ("full", key)
    assert result.rows == content.count(b"\n") - 1
    assert pipeline.export(dataset) == content
    assert pipeline.leftovers() == CLEAN


def test_a_file_that_is_not_sorted(pipeline: Pipeline) -> None:
    """Its lines are all there; the export sorts them by key, numbers as numbers."""
    lines = [
        files.row(_PRINCIPALS, number, {"tconst": title, "ordering": str(number)})
        for title in ("tt10000000", "tt0000001", "tt9999999")
        for number in (10, 9, 1)
    ]
    pipeline.deposit(_PRINCIPALS, files.pack(files.text(_PRINCIPALS, lines)))
    pipeline.load(_PRINCIPALS)
    order = [line.split(b"\t")[:2] for line in pipeline.export(_PRINCIPALS).splitlines()[1:]]
    assert order == [
        [title, number]
        for title in (b"tt0000001", b"tt10000000", b"tt9999999")
        for number in (b"1", b"9", b"10")
    ]


@pytest.mark.parametrize("connections", [1, 3])
def test_any_number_of_connections(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    """However many connections share the blocks, each row arrives once."""
    monkeypatch.setattr(fill, "_READ_BYTES", 1000)
    content = files.text(_EPISODE, files.rows(_EPISODE, range(20_000)))
    pipeline.deposit(_EPISODE, files.pack(content))
    assert pipeline.load(_EPISODE, imdb_connections=connections).rows == 20_000
    assert pipeline.export(_EPISODE) == content


def test_what_one_connection_copies_needs_no_second_look(pipeline: Pipeline) -> None:
    """Its pages say that everyone may see all of their rows, before any vacuum."""
    content = files.text(_EPISODE, files.rows(_EPISODE, range(20_000)))
    pipeline.deposit(_EPISODE, files.pack(content))
    pipeline.load(_EPISODE, imdb_connections=1)
    with pipeline.database.connect() as connection:
        pages, visible = databases.one_row(
            connection,
            "select (select count(distinct (ctid::text::point)[0]) from raw.title_episode), "
            "sum(relallvisible) from pg_partition_tree('raw.title_episode') "
            "join pg_class on oid = relid where relkind = 'r'",
        )
    assert visible == pages


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give the sandbox's synthetic files."""
    # Here, not above: it needs numpy, and a broken generator is to fail this test alone.
    from sandbox.source.generate import generate  # noqa: PLC0415

    return generate(tmp_path_factory.mktemp("source"), scale=0.0001, hostile=True)


@_ALL
def test_the_catalogue_against_synthetic_files(
    pipeline: Pipeline,
    synthetic: dict[str, Path],
    dataset: Dataset,
) -> None:
    """The synthetic files have the catalogue's columns and types, and come back exactly."""
    packed = synthetic[dataset.name].read_bytes()
    pipeline.deposit(dataset, packed)
    pipeline.load(dataset)
    assert pipeline.export(dataset) == gzip.decompress(packed)


def test_the_ledger_says_what_is_shown(pipeline: Pipeline) -> None:
    """A row a load: which object, of which version, how many rows, when."""
    content = files.file(_BASICS, range(100, 110))
    pipeline.publish(_BASICS, content)
    item = pipeline.download(_BASICS).item
    pipeline.load(_BASICS)
    with pipeline.database.connect() as connection:
        row = connection.execute(
            "select dataset, object_key, etag, last_modified, rows, kind, vanished_rows, "
            "started_at < finished_at from ops.loads"
        ).fetchall()
    assert row == [(_BASICS.name, item.key, item.etag, item.last_modified, 10, "full", None, True)]


def test_a_load_of_nothing_new_touches_nothing(pipeline: Pipeline) -> None:
    """The second load of an object writes no row, makes no table, analyzes nothing."""
    _deposit(pipeline, _RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    query = "select oid, relname, relfilenode, xmin::text from pg_class where relnamespace = 'raw'::regnamespace order by oid"  # noqa: E501

    with pipeline.database.connect() as connection:
        catalogue = connection.execute(query).fetchall()
        ledger = connection.execute("select *, xmin::text from ops.loads").fetchall()
        again = pipeline.load(_RATINGS)
        assert (again.kind, again.rows) == ("unchanged", 10)
        assert connection.execute(query).fetchall() == catalogue
        assert connection.execute("select *, xmin::text from ops.loads").fetchall() == ledger


def test_the_newest_object_is_loaded_and_an_older_one_on_demand(pipeline: Pipeline) -> None:
    """`--object` replays an older object; it is recorded, and the next load goes forward."""
    old = _deposit(pipeline, _RATINGS, range(1, 11))
    new = _deposit(pipeline, _RATINGS, range(1, 12))
    assert pipeline.load(_RATINGS).object_key == new
    assert pipeline.load(_RATINGS, old, accept=True).object_key == old
    assert pipeline.export(_RATINGS) == files.text(_RATINGS, files.rows(_RATINGS, range(1, 11)))
    assert pipeline.load(_RATINGS).object_key == new
    assert _ledger(pipeline) == [new, old, new]


def _ledger(pipeline: Pipeline) -> list[str]:
    with pipeline.database.connect() as connection:
        rows = connection.execute("select object_key from ops.loads order by load_id")
        return [key for (key,) in rows]


def test_a_pin_holds_until_it_is_taken_off(pipeline: Pipeline) -> None:
    """A pinned dataset stays at its object: for a plain load, and against another object."""
    old = _deposit(pipeline, _RATINGS, range(1, 11))
    new = _deposit(pipeline, _RATINGS, range(1, 12))
    pipeline.load(_RATINGS)
    assert pipeline.load(_RATINGS, old, hold=True, accept=True).object_key == old
    assert pipeline.load(_RATINGS).kind == "unchanged"
    with pytest.raises(ConfigurationError, match=f"pinned to {re.escape(old)}.*--unpin"):
        pipeline.load(_RATINGS, new)
    # Another pin is a decision too.
    assert pipeline.load(_RATINGS, new, hold=True).object_key == new
    pipeline.load(_RATINGS, old, hold=True, accept=True)
    done = pipeline.run("load", "title.ratings", "--unpin")
    assert done.returncode == 0
    assert _ledger(pipeline)[-1] == new


def test_an_unchanged_load_can_pin(pipeline: Pipeline) -> None:
    """To hold what is shown, nothing has to be loaded again."""
    key = _deposit(pipeline, _RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    assert pipeline.load(_RATINGS, key, hold=True).kind == "unchanged"
    _deposit(pipeline, _RATINGS, range(1, 12))
    assert pipeline.load(_RATINGS).kind == "unchanged"


def test_a_load_that_fails_does_not_pin(pipeline: Pipeline) -> None:
    """A pin to an object that cannot be shown would hold the dataset nowhere."""
    bad = pipeline.deposit(_RATINGS, b"<html>", next(_NAMES))
    with pytest.raises(DataError):
        pipeline.load(_RATINGS, bad, hold=True)
    good = _deposit(pipeline, _RATINGS, range(1, 11))
    assert pipeline.load(_RATINGS).object_key == good


@pytest.mark.parametrize(
    ("rows", "allowed"), [(100, True), (95, True), (94, False), (60, False), (200, True)]
)
def test_a_file_that_shrinks_by_more_than_5_percent(
    pipeline: Pipeline,
    rows: int,
    allowed: bool,  # noqa: FBT001
) -> None:
    """Half a file is more likely than half of IMDb gone: 65 with the figures, until --accept."""
    _deposit(pipeline, _RATINGS, range(1, 101))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    _deposit(pipeline, _RATINGS, range(1, rows + 1))
    if not allowed:
        with pytest.raises(DataError, match=f"shrank from 100 to {rows} rows.*--accept"):
            pipeline.load(_RATINGS)
        assert pipeline.visible() == before
        assert pipeline.leftovers() == CLEAN
    assert pipeline.load(_RATINGS, accept=not allowed).rows == rows


@pytest.mark.parametrize(("changed", "allowed"), [(50, True), (51, False), (100, False)])
def test_a_file_in_which_over_half_of_the_rows_are_others(
    pipeline: Pipeline, *, changed: int, allowed: bool
) -> None:
    """It is another file under this name: 65 with the figures, until --accept."""
    lines = files.rows(_RATINGS, range(1, 101))
    pipeline.deposit(_RATINGS, files.pack(files.text(_RATINGS, lines)))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    others = [
        files.row(_RATINGS, number, {"numVotes": "777777"}) for number in range(1, changed + 1)
    ]
    # Rows that come are no sign of it, however many.
    come = files.rows(_RATINGS, range(101, 301))
    text = files.text(_RATINGS, [*others, *lines[changed:], *come])
    pipeline.deposit(_RATINGS, files.pack(text), "20260102T004000Z-0")
    if not allowed:
        message = f"lacks or changes {changed} of 100 rows.*--accept"
        with pytest.raises(DataError, match=message):
            pipeline.load(_RATINGS)
        assert pipeline.visible() == before
        assert pipeline.leftovers() == CLEAN
    assert pipeline.load(_RATINGS, accept=not allowed).rows == 300
    assert pipeline.export(_RATINGS) == text


def test_a_file_without_rows_is_refused_whatever_is_accepted(pipeline: Pipeline) -> None:
    """A header alone is no data."""
    pipeline.deposit(_RATINGS, files.pack(files.text(_RATINGS, [])))
    with pytest.raises(DataError, match="a header and no rows"):
        pipeline.load(_RATINGS, accept=True)
    assert pipeline.leftovers() == CLEAN


def test_titles_that_vanish_are_counted(pipeline: Pipeline) -> None:
    """Of entities the ledger says how many keys went, with an example; they may come back."""
    _deposit(pipeline, _BASICS, range(1, 101))
    pipeline.load(_BASICS)
    _deposit(pipeline, _BASICS, range(3, 104))
    pipeline.load(_BASICS)
    with pipeline.database.connect() as connection:
        counts = connection.execute(
            "select vanished_rows, vanished_example from ops.loads order by load_id"
        ).fetchall()
    assert counts == [(None, None), (2, "tt0000001")]


def test_readers_see_old_or_new_and_nothing_else(pipeline: Pipeline) -> None:
    """While one swap follows the other no reader meets an error, an empty or a mixed table."""
    keys = [_deposit(pipeline, _RATINGS, range(start, start + 50)) for start in (100, 300)]
    pipeline.load(_RATINGS, keys[0])
    ended = threading.Event()

    def read(query: str) -> set[tuple[object, ...]]:
        seen = set()
        with pipeline.database.connect() as connection:
            while not ended.is_set():
                seen.add(tuple(connection.execute(query).fetchone() or ()))
        return seen

    query = "select count(*), min(num_votes), max(num_votes) from raw.title_ratings"
    prepared = "select count(*), min(tconst), max(tconst) from raw.title_ratings where tconst > 'a'"
    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read, each) for each in (query, query, prepared)]
        try:
            for number in range(10):
                pipeline.load(_RATINGS, keys[1 - number % 2], accept=True)
        finally:
            ended.set()
    both = {(50, 100, 149), (50, 300, 349)}
    assert readers[0].result() | readers[1].result() == both
    assert readers[2].result() <= {
        (50, f"tt{start:07}", f"tt{start + 49:07}") for start in (100, 300)
    }


def test_what_users_built_on_raw_tables_survives(pipeline: Pipeline) -> None:
    """Views, grants, comments, deletes through the parent, and dbt's right to read: all stay."""
    _deposit(pipeline, _EPISODE, range(1, 11))
    pipeline.load(_EPISODE)
    with pipeline.database.connect() as connection:
        connection.execute(
            "create schema mine; "
            "create view mine.episodes as select * from raw.title_episode where tconst > ''; "
            "grant usage on schema raw to reader; grant select on raw.title_episode to reader; "
            "comment on table raw.title_episode is 'mine'"
        )
    for count in (12, 13):
        _deposit(pipeline, _EPISODE, range(1, count))
        pipeline.load(_EPISODE)
    counts = {
        role: pipeline.database.connect(role).execute("select count(*) from raw.title_episode")
        for role in ("dbt", "reader", "loader")
    }
    assert {role: cursor.fetchone() for role, cursor in counts.items()} == dict.fromkeys(
        counts, (12,)
    )
    for cursor in counts.values():
        cursor.connection.close()
    with pipeline.database.connect() as connection:
        assert connection.execute("select count(*) from mine.episodes").fetchone() == (12,)
        assert connection.execute(
            "select obj_description('raw.title_episode'::regclass)"
        ).fetchone() == ("mine",)


@_ALL
def test_a_loaded_table_has_the_catalogue_indexes(pipeline: Pipeline, dataset: Dataset) -> None:
    """Key and secondary indexes are there after each load, attached, valid and used as such."""
    for count in (5, 6):
        _deposit(pipeline, dataset, range(1, count))
        pipeline.load(dataset)
    with pipeline.database.connect() as connection:
        definitions = connection.execute(
            "select tablename = %s, regexp_replace(indexdef, '.* USING ', '') from pg_indexes "
            "where schemaname = 'raw' and tablename ~ %s order by 1, 2",
            [dataset.table, f"^{dataset.table}(__[0-9]+)?$"],
        ).fetchall()
        invalid = connection.execute(
            "select count(*) from pg_index where not indisvalid or not indisready"
        ).fetchone()
        statistics = connection.execute(
            "select reltuples from pg_class where oid = %s::regclass", [f"raw.{dataset.table}"]
        ).fetchone()
    wanted = sorted(f"btree ({', '.join(names)})" for names in (dataset.key, *dataset.indexes))
    assert [text for parent, text in definitions if parent] == wanted
    assert [text for parent, text in definitions if not parent] == wanted
    assert invalid == (0,)
    # The planner knows the parent, which autovacuum never analyzes.
    assert statistics == (5.0,)


def test_a_report_begun_before_sees_one_whole_day(pipeline: Pipeline) -> None:
    """A repeatable-read report keeps its day; the swap waits for it, bounded, then 75."""
    _deposit(pipeline, _RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    _deposit(pipeline, _RATINGS, range(1, 13))
    count = "select count(*) from raw.title_ratings"
    with pipeline.database.connect() as report:
        report.execute("begin isolation level repeatable read; select 1")
        with pytest.raises(TemporaryError, match=r"transaction of postgres \(pid \d+\).*IMDB_SWAP"):
            pipeline.load(_RATINGS, full=True, imdb_swap_seconds=0.3)
        # It has taken no lock on the table, and finds its day whole.
        assert report.execute(count).fetchone() == (10,)
        report.execute("commit")
        assert pipeline.visible() == before
        assert pipeline.leftovers() == CLEAN
        pipeline.load(_RATINGS, full=True)
        assert report.execute(count).fetchone() == (12,)


def test_a_swap_goes_on_when_the_report_has_ended(pipeline: Pipeline) -> None:
    """A wait within the bound is no failure."""
    _deposit(pipeline, _RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    _deposit(pipeline, _RATINGS, range(1, 13))
    with pipeline.database.connect() as report, ThreadPoolExecutor(1) as pool:
        report.execute("begin isolation level repeatable read; select 1")
        loading = pool.submit(pipeline.load, _RATINGS, full=True, imdb_swap_seconds=60.0)
        _wait_for(
            pipeline,
            "select count(*) = 1 from pg_class where relname ~ '__[0-9]+$' and relkind = 'r' "
            "and not relispartition",
        )
        assert report.execute("select count(*) from raw.title_ratings").fetchone() == (10,)
        assert not loading.done()
        report.execute("commit")
        assert loading.result().rows == 12


def _wait_for(pipeline: Pipeline, query: str) -> None:
    """Wait until a query is true: another session is about to do something."""
    with pipeline.database.connect("loader") as connection:
        for _ in range(600):
            if connection.execute(query).fetchone() == (True,):
                return
            time.sleep(0.02)
    pytest.fail(f"never true: {query}")


@pytest.mark.parametrize("mode", ["access share", "row exclusive"])
def test_a_reader_that_holds_a_lock(pipeline: Pipeline, mode: str) -> None:
    """An open read-committed transaction holds the swap up, bounded; others read on meanwhile."""
    _deposit(pipeline, _RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    _deposit(pipeline, _RATINGS, range(1, 13))
    with pipeline.database.connect() as holder, pipeline.database.connect() as other:
        holder.execute(f"begin; lock table raw.title_ratings in {mode} mode")
        # More than a swap's short tries, less than its patience.
        other.execute("set statement_timeout = '5s'")
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(pipeline.load, _RATINGS, full=True, imdb_swap_seconds=1.5)
            try:
                while not loading.done():
                    count = other.execute("select count(*) from raw.title_ratings").fetchone()
                    assert count == (10,)
                with pytest.raises(TemporaryError, match=r"readers held title\.ratings for 2 s"):
                    loading.result()
            finally:
                holder.execute("commit")
    assert pipeline.visible() == before
    assert pipeline.leftovers() == CLEAN
    assert pipeline.load(_RATINGS, full=True).rows == 12


def test_data_and_ledger_are_never_apart(pipeline: Pipeline) -> None:
    """Whoever sees the ledger's new row sees the new rows, and the other way round."""
    keys = [_deposit(pipeline, _RATINGS, range(1, 11 + extra)) for extra in (0, 1)]
    pipeline.load(_RATINGS, keys[0])
    ended = threading.Event()
    query = (
        "select (select count(*) from raw.title_ratings), "
        "(select rows from ops.loads order by load_id desc limit 1)"
    )

    def read() -> set[tuple[object, ...]]:
        seen = set()
        with pipeline.database.connect() as connection:
            while not ended.is_set():
                # One snapshot, taken after the lock: a statement's own is taken before.
                connection.execute("begin; lock table raw.title_ratings in access share mode")
                seen.add(tuple(connection.execute(query).fetchone() or ()))
                connection.execute("commit")
        return seen

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            for number in range(6):
                pipeline.load(_RATINGS, keys[1 - number % 2], accept=True)
        finally:
            ended.set()
    assert reader.result() == {(10, 10), (11, 11)}


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
    _deposit(pipeline, _RATINGS, range(1, 6))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    key = pipeline.deposit(_RATINGS, content, next(_NAMES))
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


def _during_copy(
    monkeypatch: pytest.MonkeyPatch, action: Callable[[], object], blocks: int = 3
) -> None:
    """Do something once while COPY runs, after some blocks of a file in many."""
    monkeypatch.setattr(fill, "_READ_BYTES", 2000)
    whole = tsv.to_copy
    taken = iter(range(1_000_000))

    def to_copy(block: bytes) -> bytes:
        if next(taken) == blocks:
            action()
        return whole(block)

    monkeypatch.setattr(tsv, "to_copy", to_copy)


def _terminate(pipeline: Pipeline, which: str) -> None:
    query = (
        "select count(pg_terminate_backend(pid)) from pg_stat_activity "  # noqa: S608 - the tests' own
        f"where application_name = 'imdb' and datname = current_database() and {which}"
    )
    with pipeline.database.connect() as connection:
        # The first blocks are there before the connection that is to copy them.
        for _ in range(500):
            ended = connection.execute(query).fetchone()
            if ended is not None and ended[0] > 0:
                return
            time.sleep(0.02)  # until it has connected
    pytest.fail(f"there was no session in which {which}")


def _begin(pipeline: Pipeline) -> dict[str, object]:
    """Show yesterday's rows, put today's larger file into the store."""
    _deposit(pipeline, _EPISODE, range(1, 1001))
    pipeline.load(_EPISODE)
    _deposit(pipeline, _EPISODE, range(1, 20_001))
    return pipeline.visible()


@pytest.mark.parametrize("which", ["query ilike 'copy%'", "query not ilike 'copy%'", "true"])
def test_postgres_ends_a_session_while_it_copies(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """Whichever connection is lost: 75, the old rows, and the next run is as if nothing was."""
    before = _begin(pipeline)
    with monkeypatch.context() as patch:
        _during_copy(patch, lambda: _terminate(pipeline, which))
        with pytest.raises(TemporaryError, match="the database went away"):
            pipeline.load(_EPISODE)
    assert pipeline.visible() == before
    assert pipeline.load(_EPISODE).rows == 20_000
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize("stage", ["index", "wait_for_snapshots", "swap"])
def test_postgres_ends_a_session_later_on(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The same before the indexes, before the swap and within it."""
    before = _begin(pipeline)
    with monkeypatch.context() as patch:
        if stage == "swap":
            whole = swap._partitions  # noqa: SLF001 - the middle of the swap's transaction

            def partitions(*arguments: object) -> object:
                found = whole(*arguments)  # type: ignore[arg-type]
                _terminate(pipeline, "true")
                return found

            patch.setattr(swap, "_partitions", partitions)
        else:
            module = fill if stage == "index" else swap
            function = getattr(module, stage)

            def late(*arguments: object) -> object:
                _terminate(pipeline, "true")
                return function(*arguments)

            patch.setattr(module, stage, late)
        with pytest.raises(TemporaryError, match="the database went away"):
            pipeline.load(_EPISODE)
    assert pipeline.visible() == before
    assert pipeline.load(_EPISODE).rows == 20_000
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize(
    "error", [psycopg.OperationalError("lost"), KeyboardInterrupt(15)], ids=repr
)
def test_an_acknowledgement_that_is_lost(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Ended after COMMIT, whatever by: the new rows stay, and the next run does nothing."""
    _begin(pipeline)
    whole = swap.swap

    def swap_and_die(*arguments: object, **more: object) -> None:
        whole(*arguments, **more)  # type: ignore[arg-type]
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(swap, "swap", swap_and_die)
        with pytest.raises((TemporaryError, KeyboardInterrupt)):
            pipeline.load(_EPISODE)
    assert pipeline.load(_EPISODE).kind == "unchanged"
    assert pipeline.export(_EPISODE).count(b"\n") == 20_001
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_load_that_is_ended(pipeline: Pipeline, number: signal.Signals, code: int) -> None:
    """Ended while it waits for its swap, a load changes nothing, and the next one is clean."""
    before = _begin(pipeline)
    with pipeline.database.connect() as report:
        report.execute("begin isolation level repeatable read; select 1")
        with pipeline.start("load", "title.episode", IMDB_SWAP_SECONDS="60") as process:
            _wait_for(
                pipeline,
                "select count(*) = 1 from pg_class c join pg_index on c.oid = indrelid where "
                "relname ~ '^title_episode__[0-9]+$' and not relispartition and not indisprimary",
            )
            process.send_signal(number)
            process.communicate(timeout=30)
        report.execute("commit")
    assert process.returncode == code
    assert pipeline.visible() == before
    if number != signal.SIGKILL:
        assert pipeline.leftovers() == CLEAN
    else:
        _wait_for(pipeline, "select count(*) = 0 from pg_locks where locktype = 'advisory'")
    assert pipeline.load(_EPISODE).rows == 20_000
    assert pipeline.leftovers() == CLEAN


def test_an_interrupt_while_copying(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM in the middle of COPY: the connections are ended, the new table is dropped."""
    before = _begin(pipeline)
    with monkeypatch.context() as patch:

        def interrupt() -> None:
            raise KeyboardInterrupt(signal.SIGTERM)

        _during_copy(patch, interrupt)
        with pytest.raises(KeyboardInterrupt):
            pipeline.load(_EPISODE)
    assert pipeline.visible() == before
    assert pipeline.leftovers() == CLEAN


def test_two_loads_at_once(pipeline: Pipeline) -> None:
    """The second one ends with 75 at once and changes nothing; another dataset's goes on."""
    _deposit(pipeline, _RATINGS, range(1, 11))
    _deposit(pipeline, _EPISODE, range(1, 11))
    with (
        databases.connect(pipeline.settings()) as first,
        databases.locked(first, _RATINGS),
    ):
        with pytest.raises(TemporaryError, match=r"another load of title\.ratings is running"):
            pipeline.load(_RATINGS)
        assert pipeline.load(_EPISODE).rows == 10
    assert pipeline.load(_RATINGS).rows == 10


def test_all_datasets_at_once(pipeline: Pipeline) -> None:
    """Seven loads side by side, as a run makes them, do not wait for one another's snapshots."""
    for dataset in DATASETS:
        _deposit(pipeline, dataset, range(1, 501))
    with ThreadPoolExecutor(len(DATASETS)) as pool:
        results = list(pool.map(pipeline.load, DATASETS))
    assert [result.rows for result in results] == [500] * len(DATASETS)


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_an_object_that_goes_before_it_is_opened(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What was chosen is what is read: by its ETag, or 75 and nothing changed."""
    before = _begin(pipeline)
    whole = stores.Store.read

    def read(store: stores.Store, item: stores.StoredObject) -> object:
        client, bucket = pipeline.store.client, pipeline.store.bucket
        if how == "deleted":
            client.delete_object(Bucket=bucket, Key=item.key)
        else:
            client.put_object(
                Bucket=bucket, Key=item.key, Body=files.file(_EPISODE, range(1, 30_000))
            )
        return whole(store, item)

    with monkeypatch.context() as patch:
        patch.setattr(stores.Store, "read", read)
        with pytest.raises(TemporaryError, match=r"imdb/title\.episode/"):
            pipeline.load(_EPISODE)
    assert pipeline.visible() == before
    assert pipeline.leftovers() == CLEAN


def test_an_object_replaced_while_it_is_read(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader may be given the rest of what it began, or 75; never a mixture."""
    monkeypatch.setattr(stores, "_RANGE_BYTES", 256 << 10)
    old = files.large(BY_NAME["title.crew"], 12)
    crew = BY_NAME["title.crew"]
    key = pipeline.deposit(crew, old)
    new = old.replace(b"x" * 1000, b"y" * 1000)

    def replace() -> None:
        pipeline.store.client.put_object(Bucket=pipeline.store.bucket, Key=key, Body=new)

    with monkeypatch.context() as patch:
        _during_copy(patch, replace, 1)
        try:
            pipeline.load(crew)
        except TemporaryError:
            assert pipeline.leftovers() == CLEAN
            return
    assert pipeline.export(crew) == gzip.decompress(old)


def test_no_room_for_a_second_table(pipeline: Pipeline) -> None:
    """78 with the figures before anything is written; without a capacity nothing is checked."""
    _begin(pipeline)
    before = pipeline.visible()
    with pytest.raises(ConfigurationError, match=r"about [\d,]+ bytes are needed.*1,000,000 are"):
        pipeline.load(_EPISODE, imdb_database_capacity=1_000_000)
    assert pipeline.visible() == before
    assert pipeline.load(_EPISODE, imdb_database_capacity=10**12).kind == "full"


def test_no_room_for_a_first_table(pipeline: Pipeline) -> None:
    """The first load is judged by the object's size."""
    _deposit(pipeline, _RATINGS, range(1, 11))
    with pytest.raises(ConfigurationError, match="no room for a second"):
        pipeline.load(_RATINGS, imdb_database_capacity=1)


@pytest.mark.parametrize("version", [0, 99, None])
def test_a_database_of_another_version(pipeline: Pipeline, version: int | None) -> None:
    """A step does not guess: 78, and what to run."""
    _deposit(pipeline, _RATINGS, range(1, 11))
    with pipeline.database.connect() as connection:
        connection.execute("delete from ops.schema_version")
        if version is not None:
            connection.execute("insert into ops.schema_version values (%s)", [version])
    with pytest.raises(ConfigurationError, match="run `imdb migrate`"):
        pipeline.load(_RATINGS)


def _unmigrated(pipeline: Pipeline) -> None:
    with pipeline.database.connect() as connection:
        connection.execute("drop schema raw, ops cascade")


@pytest.mark.parametrize(
    "arguments",
    [
        ["load", "title.ratings"],
        ["load", "title.ratings", "--unpin"],
        ["export", "title.ratings"],
        ["plan"],
        ["status"],
        ["prune"],
    ],
    ids=" ".join,
)
def test_a_database_that_was_never_migrated(pipeline: Pipeline, arguments: list[str]) -> None:
    """Every command says so: 78 and what to run, never a traceback."""
    _unmigrated(pipeline)
    done = pipeline.run(*arguments)
    assert done.returncode == 78, done.stderr.decode()
    (event,) = logged(done.stderr)
    assert "has not been migrated" in str(event["error"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _: {"PGUSER": "nobody"}, "PGUSER"),
        (lambda _: {"PGPASSWORD": "wrong"}, "PGPASSWORD"),
        (lambda _: {"PGDATABASE": "nowhere"}, "PGDATABASE"),
        (lambda _: {"PGSSLMODE": "require"}, "PGSSLMODE"),
        (lambda _: {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/none"}, "PGSSLROOTCERT"),
        (lambda database: database.reader, "may not"),
        (lambda database: database.dbt, "may not"),
    ],
    ids=[
        *("no such role", "wrong password", "no such database", "no TLS", "no certificate"),
        *("reader", "dbt"),
    ],
)
def test_a_role_that_may_not_load(
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Database], dict[str, str]],
    says: str,
) -> None:
    """What no retry cures is 78, and the message names what to look at."""
    _deposit(pipeline, _RATINGS, range(1, 11))
    for name, value in change(pipeline.database).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=says):
        pipeline.load(_RATINGS)


def test_a_role_without_login_is_named(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `imdb migrate` makes the roles, before anybody gave them a password: 78."""
    with pipeline.database.connect() as connection:
        connection.execute("drop role if exists idle; create role idle nologin password 'x'")
    monkeypatch.setenv("PGUSER", "idle")
    monkeypatch.setenv("PGPASSWORD", "x")
    with pytest.raises(ConfigurationError, match=r"not permitted to log in.*check PGUSER"):
        pipeline.load(_RATINGS)
    with pipeline.database.connect() as connection:
        connection.execute("drop role idle")


def test_a_server_that_is_not_there_is_temporary(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that starts later, or fails over, is 75."""
    monkeypatch.setenv("PGPORT", "9")
    with pytest.raises(TemporaryError, match="check PGHOST and PGPORT"):
        pipeline.load(_RATINGS)
