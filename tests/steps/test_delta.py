"""Delta: what changed is all that is written, and it comes to the same as a full load."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from steps import database, delta, ledger, prune
from steps import store as stores
from steps.catalog import BY_NAME, DATASETS, NULL
from steps.errors import TemporaryError
from tests.steps import files
from tests.steps.files import DAY, NEXT
from tests.steps.pipeline import CLEAN, logged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from psycopg.rows import TupleRow

    from steps.catalog import Dataset
    from steps.ledger import Entry
    from tests.steps.pipeline import Pipeline

    Day = Mapping[tuple[bytes, int], bytes]
    """Lines by key."""

_BASICS = BY_NAME["title.basics"]
_RATINGS = BY_NAME["title.ratings"]
_EPISODE = BY_NAME["title.episode"]
_PRINCIPALS = BY_NAME["title.principals"]


def _kinds(pipeline: Pipeline) -> list[str]:
    with pipeline.database.connect() as connection:
        rows = connection.execute("select kind from ops.loads order by load_id")
        return [kind for (kind,) in rows]


def _changes(pipeline: Pipeline, dataset: Dataset) -> list[tuple[object, ...]]:
    """Return the change set of the latest load, without its number."""
    with pipeline.database.connect() as connection:
        rows = connection.execute(
            f"select * from ops.{dataset.changes_table} "  # noqa: S608 - the catalogue's name
            "where load_id = (select max(load_id) from ops.loads) order by 3, 4"
        )
        return [row[1:] for row in rows]


_ODD = [
    b"",
    b'"',
    b"\\",
    b"\\.",
    b"\r",
    b"a\rb\\",
    b"\b",
    b"\x02",
    NULL.encode(),
    b"%s",
    b"\xc3\xa9",
]

_IDS = st.integers(9_999_990, 10_000_009)


@st.composite
def _days(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """Return two days of title.principals, many of whose rows come, go or change."""
    keys = st.tuples(_IDS, st.integers(8, 11))
    rows = st.dictionaries(keys, st.sampled_from(_ODD), min_size=30, max_size=60)
    old = draw(rows)
    changed = draw(st.dictionaries(keys, st.sampled_from(_ODD), max_size=8))
    gone = draw(st.sets(st.sampled_from(sorted(old)), max_size=3))
    new = {key: value for key, value in {**old, **changed}.items() if key not in gone}

    def lines(day: dict[tuple[int, int], bytes]) -> list[bytes]:
        return [
            files.row(
                _PRINCIPALS,
                id_,
                {"ordering": str(number), "job": value, "nconst": b"nm" + value},
            )
            for (id_, number), value in sorted(
                day.items(), key=lambda row: (f"tt{row[0][0]:07}", row[0][1])
            )
        ]

    return lines(old), lines(new)


@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Shrinking takes minutes here; tests/steps/test_compare.py does it for what it finds too.
    phases=[Phase.generate],
)
@given(days=_days())
def test_a_delta_is_a_full_load(pipeline: Pipeline, days: tuple[list[bytes], list[bytes]]) -> None:
    """By every byte, there and back again."""
    pipeline.load_lines(_PRINCIPALS, days[0], full=True, accept=True)
    for day in (*reversed(days), days[1]):
        content = files.text(_PRINCIPALS, day)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delta, "SHARE", 1)
            result = pipeline.load_lines(_PRINCIPALS, day, accept=True)
        assert (result.kind, result.rows) == ("delta", len(day))
        assert pipeline.export(_PRINCIPALS) == content
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_a_chain_of_days(pipeline: Pipeline, dataset: Dataset) -> None:
    """Each of the seven, over days of changes in many places and blocks."""
    chance = random.Random(1)  # noqa: S311 - the same days in every run
    day = {number: files.row(dataset, number) for number in range(9_999_000, 10_003_000, 2)}
    free = [c.header for c in dataset.columns if not c.type.canonical and c.name not in dataset.key]

    def lines() -> list[bytes]:
        return sorted(day.values())

    pipeline.load_lines(dataset, lines())
    for _ in range(3):
        for number in chance.sample(sorted(day), 60):
            day[number] = files.row(dataset, number, dict.fromkeys(free, chance.choice(_ODD)))
        if not free:
            for number in chance.sample(sorted(day), 60):
                day[number] = files.row(
                    dataset, number, {"numVotes": str(chance.randint(5, 10**6))}
                )
        for number in chance.sample(sorted(day), 20):
            del day[number]
        for number in chance.sample(range(9_999_001, 10_003_001, 2), 20):
            day[number] = files.row(dataset, number)
        assert pipeline.load_lines(dataset, lines()).kind == "delta"
        assert pipeline.export(dataset) == files.text(dataset, lines())
    with pipeline.database.connect() as connection:
        rows = connection.execute(
            "select kind, catalogue = %s, changes_kept, inserted_rows + updated_rows "
            "+ deleted_rows > 90 from ops.loads order by load_id",
            [dataset.fingerprint],
        ).fetchall()
    assert rows == [("full", True, False, None), *[("delta", True, True, True)] * 3]


def test_a_change_set_has_old_and_new(pipeline: Pipeline) -> None:
    """A person that lost a credit, and one that got it, are told; so is what else is tracked."""
    one, two, three, four = files.rows(_PRINCIPALS, range(1, 5))
    others = files.rows(_PRINCIPALS, range(5, 25))
    changed = files.row(_PRINCIPALS, 2, {"nconst": "nm7777777", "category": NULL})
    other = files.row(_PRINCIPALS, 3, {"job": "not tracked"})
    pipeline.load_lines(_PRINCIPALS, [one, two, three, *others])
    assert _changes(pipeline, _PRINCIPALS) == []
    result = pipeline.load_lines(_PRINCIPALS, [changed, other, four, *others])
    assert result.changed == ledger.Changed(1, 2, 1)
    # load_id and op, the key, old and new nconst, old and new category.
    assert _changes(pipeline, _PRINCIPALS) == [
        ("delete", "tt0000001", 1, "nm0000001", None, "category 1", None),
        ("update", "tt0000002", 2, "nm0000002", "nm7777777", "category 2", None),
        ("update", "tt0000003", 3, "nm0000003", "nm0000003", "category 3", "category 3"),
        ("insert", "tt0000004", 4, None, "nm0000004", None, "category 4"),
    ]
    # As a full load shows it, anything may have changed.
    pipeline.load_lines(_PRINCIPALS, [one, *others], full=True, accept=True)
    with pipeline.database.connect() as connection:
        assert connection.execute(
            "select (select count(*) from ops.changes_title_principals), "
            "(select count(*) from ops.loads where changes_kept)"
        ).fetchone() == (0, 0)


def test_vanished_titles_are_counted(pipeline: Pipeline) -> None:
    """As a full load does."""
    pipeline.load_lines(_BASICS, files.rows(_BASICS, range(1, 101)))
    pipeline.load_lines(_BASICS, files.rows(_BASICS, range(3, 104)))
    with pipeline.database.connect() as connection:
        assert connection.execute(
            "select kind, vanished_rows, vanished_example from ops.loads order by load_id"
        ).fetchall() == [("full", None, None), ("delta", 2, "tt0000001")]


def test_a_pinned_object_is_a_delta_away(pipeline: Pipeline) -> None:
    """A bad day is rolled back, and forward again, by what it changed."""
    old = pipeline.deposit_lines(_EPISODE, DAY)
    pipeline.load(_EPISODE)
    pipeline.load_lines(_EPISODE, NEXT)
    assert pipeline.load(_EPISODE, old, hold=True).kind == "delta"
    assert pipeline.export(_EPISODE) == files.text(_EPISODE, DAY)
    assert pipeline.load(_EPISODE).kind == "unchanged"


def _lose_before(monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    """Lose the connection before one of the statements that follow."""
    whole = psycopg.Connection.execute
    numbers = iter(range(1000))

    # Whatever psycopg's own takes goes on to it.
    def execute(connection: psycopg.Connection, *arguments: Any, **more: Any) -> object:  # noqa: ANN401
        if next(numbers) == stop:
            connection.close()
        return whole(connection, *arguments, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", execute)


def test_a_connection_lost_before_any_statement(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old rows, ledger, history and change sets until the commit, all of the new ones after it."""
    day = files.rows(_RATINGS, range(1, 101))
    following = [
        *day[1:50],
        files.row(_RATINGS, 51, {"numVotes": "5"}),
        *day[51:],
        *files.rows(_RATINGS, [101]),
    ]
    pipeline.load_lines(_RATINGS, day)

    def seen() -> list[object]:
        with pipeline.database.connect() as connection:
            tables = ("raw.title_ratings", "ops.ratings_history", "ops.changes_title_ratings")
            return [
                *(
                    connection.execute(f"table {each} order by tconst").fetchall()
                    for each in tables
                ),
                _kinds(pipeline),
            ]

    before = seen()
    key = pipeline.deposit_lines(_RATINGS, following)
    lost = 0
    while seen() == before:
        with monkeypatch.context() as patch:
            _lose_before(patch, lost)
            with pytest.raises(TemporaryError):
                pipeline.load(_RATINGS, key)
        lost += 1
    assert lost > 15
    assert pipeline.load(_RATINGS, key).kind == "unchanged"
    assert pipeline.export(_RATINGS) == files.text(_RATINGS, following)
    assert _kinds(pipeline) == ["full", "delta"]
    assert len(_changes(pipeline, _RATINGS)) == 3


def _at_the_end(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Do something when all of a load is written and nothing committed."""
    whole = ledger.write_load

    def write_load(connection: psycopg.Connection[TupleRow], entry: Entry) -> None:
        whole(connection, entry)
        action()

    monkeypatch.setattr(ledger, "write_load", write_load)


def test_readers_never_wait(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it writes they read yesterday's rows, and an open reader does not hold it up."""
    pipeline.load_lines(_EPISODE, DAY)
    query = "select count(*), count(*) filter (where parent_tconst = 'tt1') from raw.title_episode"
    with pipeline.database.connect() as reader, pipeline.database.connect() as report:
        reader.execute("set lock_timeout = '1ms'")
        report.execute(f"begin isolation level repeatable read; {query}")

        def read() -> None:
            assert reader.execute(query).fetchone() == (100, 0)
            locks = reader.execute(
                "select distinct mode from pg_locks join pg_class on oid = relation "
                "where relnamespace = 'raw'::regnamespace and pid <> pg_backend_pid() "
                "and mode <> 'AccessShareLock'"
            ).fetchall()
            assert locks == [("RowExclusiveLock",)]

        _at_the_end(monkeypatch, read)
        result = pipeline.load(
            _EPISODE, pipeline.deposit_lines(_EPISODE, NEXT), imdb_swap_seconds=0
        )
        assert result.kind == "delta"
        # It has begun with yesterday and stays there to its end.
        assert report.execute(query).fetchone() == (100, 0)
        report.execute("commit")
        assert report.execute(query).fetchone() == (101, 1)


def test_a_report_across_deltas_sees_one_day(pipeline: Pipeline) -> None:
    """And whoever reads statement by statement sees whole days."""
    keys = [pipeline.deposit_lines(_EPISODE, lines) for lines in (DAY, NEXT)]
    pipeline.load(_EPISODE, keys[0])
    query = "select count(*), count(*) filter (where parent_tconst = 'tt1') from raw.title_episode"
    ended = False

    def read() -> set[tuple[object, ...] | None]:
        found = set()
        with pipeline.database.connect() as connection:
            while not ended:
                found.add(connection.execute(query).fetchone())
        return found

    with ThreadPoolExecutor(1) as pool, pipeline.database.connect() as report:
        report.execute(f"begin isolation level repeatable read; {query}")
        reader = pool.submit(read)
        try:
            for number in range(6):
                assert pipeline.load(_EPISODE, keys[1 - number % 2]).kind == "delta"
                assert report.execute(query).fetchone() == (100, 0)
        finally:
            ended = True
    assert reader.result() == {(100, 0), (101, 1)}


def test_a_report_is_not_seen_by_a_full_load_after_it(pipeline: Pipeline) -> None:
    """A delta makes no reader wait; the swap behind it still waits for them."""
    pipeline.load_lines(_EPISODE, DAY)
    with pipeline.database.connect() as report:
        report.execute("begin isolation level repeatable read; select 1")
        assert pipeline.load_lines(_EPISODE, NEXT).kind == "delta"
        with pytest.raises(TemporaryError, match="has been reading"):
            pipeline.load(
                _EPISODE, pipeline.deposit_lines(_EPISODE, DAY), full=True, imdb_swap_seconds=0.2
            )
        assert report.execute("select count(*) from raw.title_episode").fetchone() == (100,)


def _build(pipeline: Pipeline, model: str, load_id: int) -> None:
    with pipeline.database.connect("dbt") as connection:
        connection.execute(
            "insert into ops.model_builds (model, built_at, loads) "
            "values (%s, now(), jsonb_build_object('title.episode', %s::bigint)) "
            "on conflict (model) do update set loads = excluded.loads",
            [model, load_id],
        )


def test_change_sets_stay_until_every_model_has_used_them(pipeline: Pipeline) -> None:
    """And every test: `imdb prune` drops what all have, and what one lags too far behind for."""

    def kept() -> tuple[list[int], list[int]]:
        prune.prune(pipeline.settings(), stores.Store(pipeline.settings()))
        with pipeline.database.connect("dbt") as connection:
            rows = connection.execute(
                "select array(select distinct load_id from ops.changes_title_episode order by 1), "
                "array(select load_id from ops.loads where changes_kept order by 1)"
            ).fetchone()
        assert rows is not None
        return rows[0], rows[1]

    for lines in (DAY, NEXT, DAY, NEXT):
        pipeline.load_lines(_EPISODE, lines)
    with pipeline.database.connect() as connection:
        full, *deltas = (
            load_id for (load_id,) in connection.execute("select load_id from ops.loads order by 1")
        )
    _build(pipeline, "slow", full)
    _build(pipeline, "fast", deltas[2])
    _build(pipeline, "other", deltas[0])
    assert kept() == (deltas, deltas)
    _build(pipeline, "slow", deltas[1])
    assert kept() == (deltas[1:], deltas[1:])
    _build(pipeline, "other", deltas[2])
    passes = (
        "insert into ops.test_passes (test, passed_at, whole_at, loads) "
        "values ('behind', now(), now(), jsonb_build_object('title.episode', %s::bigint)) "
        "on conflict (test) do update set loads = excluded.loads"
    )
    with pipeline.database.connect("dbt") as connection:
        connection.execute(passes, [deltas[0]])
    assert kept() == (deltas[1:], deltas[1:])
    with pipeline.database.connect("dbt") as connection:
        connection.execute(passes, [deltas[2]])
    assert kept() == (deltas[2:], deltas[2:])
    # Nobody builds it any more.
    _build(pipeline, "gone", full)
    with pipeline.database.connect() as connection:
        connection.execute("update ops.loads set inserted_rows = 1000 where kind = 'delta'")
    assert kept() == ([], [])


def test_daily_deltas_leave_a_table_small(pipeline: Pipeline) -> None:
    """Heap and index stay within 1.2 times a fresh load's, though a fifth changes each day."""
    query = (
        "select pg_relation_size(relid), pg_indexes_size(relid), reloptions "
        "from pg_partition_tree('raw.title_ratings') join pg_class on oid = relid where isleaf"
    )

    def lines(day: int) -> list[bytes]:
        return [
            files.row(_RATINGS, title, {"numVotes": str(5 + (title * 7919 + day) // 5 % 1000)})
            for title in range(1, 4001)
        ]

    pipeline.load_lines(_RATINGS, lines(0))
    # Autovacuum's part, without the wait for its turn.
    with pipeline.database.connect() as connection:
        for day in range(1, 9):
            assert pipeline.load_lines(_RATINGS, lines(day)).kind == "delta"
            connection.execute("vacuum raw.title_ratings")
        *aged, options = database.one_row(connection, query)
        pipeline.load_lines(_RATINGS, lines(9), full=True)
        *fresh, _ = database.one_row(connection, query)
    assert all(old <= 1.2 * new for old, new in zip(aged, fresh, strict=True)), (aged, fresh)
    assert "autovacuum_vacuum_scale_factor=0.02" in options
    assert not [option for option in options if "enabled" in option]


def test_the_command_tells_the_counts(pipeline: Pipeline) -> None:
    """In the log, in the plan and to people; `--full` writes every row."""
    pipeline.load_lines(_EPISODE, DAY)
    pipeline.deposit_lines(_EPISODE, NEXT)
    done = pipeline.run("load", "title.episode")
    event = logged(done.stderr)[-1]
    counts = {"kind": "delta", "rows": 101, "inserted": 1, "updated": 1, "deleted": 0}
    assert {name: event[name] for name in counts} == counts
    shown = pipeline.run("status").stdout.decode()
    assert "+1 ~1 -0" in shown
    pipeline.deposit_lines(_EPISODE, DAY)
    done = pipeline.run("load", "title.episode", "--full")
    assert logged(done.stderr)[-1]["kind"] == "full"
