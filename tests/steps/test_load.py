"""Load: what the database shows is one whole file, before and after, whatever happens."""

from __future__ import annotations

import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from steps import database as databases
from steps import fill
from steps.catalog import BY_NAME, DATASETS, NULL
from steps.errors import ConfigurationError, DataError, TemporaryError
from tests.steps import files
from tests.steps.pipeline import CLEAN

if TYPE_CHECKING:
    from pathlib import Path

    from steps.catalog import Dataset
    from tests.steps.pipeline import Pipeline

_BASICS = BY_NAME["title.basics"]
_RATINGS = BY_NAME["title.ratings"]
_EPISODE = BY_NAME["title.episode"]
_PRINCIPALS = BY_NAME["title.principals"]

_ALL = pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)

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
    pipeline.deposit_rows(_RATINGS, range(1, 11))
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
    old = pipeline.deposit_rows(_RATINGS, range(1, 11))
    new = pipeline.deposit_rows(_RATINGS, range(1, 12))
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
    old = pipeline.deposit_rows(_RATINGS, range(1, 11))
    new = pipeline.deposit_rows(_RATINGS, range(1, 12))
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
    key = pipeline.deposit_rows(_RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    assert pipeline.load(_RATINGS, key, hold=True).kind == "unchanged"
    pipeline.deposit_rows(_RATINGS, range(1, 12))
    assert pipeline.load(_RATINGS).kind == "unchanged"


def test_a_load_that_fails_does_not_pin(pipeline: Pipeline) -> None:
    """A pin to an object that cannot be shown would hold the dataset nowhere."""
    bad = pipeline.deposit(_RATINGS, b"<html>", "20251231T004000Z-0")
    with pytest.raises(DataError):
        pipeline.load(_RATINGS, bad, hold=True)
    good = pipeline.deposit_rows(_RATINGS, range(1, 11))
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
    pipeline.deposit_rows(_RATINGS, range(1, 101))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    pipeline.deposit_rows(_RATINGS, range(1, rows + 1))
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
    pipeline.deposit_rows(_BASICS, range(1, 101))
    pipeline.load(_BASICS)
    pipeline.deposit_rows(_BASICS, range(3, 104))
    pipeline.load(_BASICS)
    with pipeline.database.connect() as connection:
        counts = connection.execute(
            "select vanished_rows, vanished_example from ops.loads order by load_id"
        ).fetchall()
    assert counts == [(None, None), (2, "tt0000001")]


@_ALL
def test_a_loaded_table_has_the_catalogue_indexes(pipeline: Pipeline, dataset: Dataset) -> None:
    """Key and secondary indexes are there after each load, attached, valid and used as such."""
    for count in (5, 6):
        pipeline.deposit_rows(dataset, range(1, count))
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


def test_two_loads_at_once(pipeline: Pipeline) -> None:
    """The second one ends with 75 at once and changes nothing; another dataset's goes on."""
    pipeline.deposit_rows(_RATINGS, range(1, 11))
    pipeline.deposit_rows(_EPISODE, range(1, 11))
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
        pipeline.deposit_rows(dataset, range(1, 501))
    with ThreadPoolExecutor(len(DATASETS)) as pool:
        results = list(pool.map(pipeline.load, DATASETS))
    assert [result.rows for result in results] == [500] * len(DATASETS)
