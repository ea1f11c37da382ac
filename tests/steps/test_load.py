"""Load: what the database shows is one whole file, before and after, whatever happens."""

from __future__ import annotations

import gzip
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from steps import database as databases
from steps import fill
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


def test_readers_see_old_or_new_and_nothing_else(pipeline: Pipeline) -> None:
    """While one swap follows the other no reader meets an error, an empty or a mixed table."""
    keys = [pipeline.deposit_rows(_RATINGS, range(start, start + 50)) for start in (100, 300)]
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
    pipeline.deposit_rows(_EPISODE, range(1, 11))
    pipeline.load(_EPISODE)
    with pipeline.database.connect() as connection:
        connection.execute(
            "create schema mine; "
            "create view mine.episodes as select * from raw.title_episode where tconst > ''; "
            "grant usage on schema raw to reader; grant select on raw.title_episode to reader; "
            "comment on table raw.title_episode is 'mine'"
        )
    for count in (12, 13):
        pipeline.deposit_rows(_EPISODE, range(1, count))
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


def test_a_report_begun_before_sees_one_whole_day(pipeline: Pipeline) -> None:
    """A repeatable-read report keeps its day; the swap waits for it, bounded, then 75."""
    pipeline.deposit_rows(_RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    pipeline.deposit_rows(_RATINGS, range(1, 13))
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
    pipeline.deposit_rows(_RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    pipeline.deposit_rows(_RATINGS, range(1, 13))
    with pipeline.database.connect() as report, ThreadPoolExecutor(1) as pool:
        report.execute("begin isolation level repeatable read; select 1")
        loading = pool.submit(pipeline.load, _RATINGS, full=True, imdb_swap_seconds=60.0)
        pipeline.wait_for(
            "select count(*) = 1 from pg_class where relname ~ '__[0-9]+$' and relkind = 'r' "
            "and not relispartition",
        )
        assert report.execute("select count(*) from raw.title_ratings").fetchone() == (10,)
        assert not loading.done()
        report.execute("commit")
        assert loading.result().rows == 12


@pytest.mark.parametrize("mode", ["access share", "row exclusive"])
def test_a_reader_that_holds_a_lock(pipeline: Pipeline, mode: str) -> None:
    """An open read-committed transaction holds the swap up, bounded; others read on meanwhile."""
    pipeline.deposit_rows(_RATINGS, range(1, 11))
    pipeline.load(_RATINGS)
    before = pipeline.visible()
    pipeline.deposit_rows(_RATINGS, range(1, 13))
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
    keys = [pipeline.deposit_rows(_RATINGS, range(1, 11 + extra)) for extra in (0, 1)]
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


def test_no_room_for_a_second_table(pipeline: Pipeline) -> None:
    """78 with the figures before anything is written; without a capacity nothing is checked."""
    pipeline.deposit_rows(_EPISODE, range(1, 1001))
    pipeline.load(_EPISODE)
    pipeline.deposit_rows(_EPISODE, range(1, 20_001))
    before = pipeline.visible()
    with pytest.raises(ConfigurationError, match=r"about [\d,]+ bytes are needed.*1,000,000 are"):
        pipeline.load(_EPISODE, imdb_database_capacity=1_000_000)
    assert pipeline.visible() == before
    assert pipeline.load(_EPISODE, imdb_database_capacity=10**12).kind == "full"


def test_no_room_for_a_first_table(pipeline: Pipeline) -> None:
    """The first load is judged by the object's size."""
    pipeline.deposit_rows(_RATINGS, range(1, 11))
    with pytest.raises(ConfigurationError, match="no room for a second"):
        pipeline.load(_RATINGS, imdb_database_capacity=1)


@pytest.mark.parametrize("version", [0, 99, None])
def test_a_database_of_another_version(pipeline: Pipeline, version: int | None) -> None:
    """A step does not guess: 78, and what to run."""
    pipeline.deposit_rows(_RATINGS, range(1, 11))
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
    pipeline.deposit_rows(_RATINGS, range(1, 11))
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
