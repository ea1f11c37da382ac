"""The history of ratings: right over days of any kind, and never lost."""

from __future__ import annotations

import gzip
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from steps import database, history, ledger, prune
from steps import store as stores
from steps.catalog import BY_NAME, NULL
from steps.errors import ConfigurationError, DataError, TemporaryError
from steps.history import DATASET
from tests.steps import files
from tests.steps.pipeline import CLEAN, logged

if TYPE_CHECKING:
    from steps.load import Loaded
    from tests.steps.pipeline import Pipeline

Ratings = dict[int, tuple[str, str]]
"""Average rating and votes, by title."""


def _load(pipeline: Pipeline, day: int, ratings: Ratings, **how: bool) -> Loaded:
    """Load the ratings of a day of January."""
    lines = [
        files.row(DATASET, title, {"averageRating": average, "numVotes": votes})
        for title, (average, votes) in sorted(ratings.items())
    ]
    content = files.pack(files.text(DATASET, lines))
    key = pipeline.deposit(DATASET, content, f"202601{day:02}T004000Z-{len(how)}")
    return pipeline.load(DATASET, key, accept=True, **how)


def _history(pipeline: Pipeline) -> dict[int, list[tuple[int, int | None, str, str]]]:
    """Return of each title from which day to which it had which rating."""
    found: dict[int, list[tuple[int, int | None, str, str]]] = {}
    with pipeline.database.connect("dbt") as connection:
        rows = connection.execute(
            "select substr(tconst, 3)::int, extract(day from valid_from)::int, "
            "extract(day from valid_to)::int, coalesce(average_rating::text, '\\N'), "
            "coalesce(num_votes::text, '\\N') from ops.ratings_history order by 1, 2"
        )
        for title, *version in rows:
            found.setdefault(title, []).append((version[0], version[1], version[2], version[3]))
    return found


def _told(days: dict[int, Ratings]) -> dict[int, list[tuple[int, int | None, str, str]]]:
    """Return the same as it should be, from the ratings of each day."""
    told: dict[int, list[tuple[int, int | None, str, str]]] = {}
    last: Ratings = {}
    for day, ratings in sorted(days.items()):
        for title in sorted(last.keys() | ratings.keys()):
            if last.get(title) == ratings.get(title):
                continue
            versions = told.setdefault(title, [])
            if title in last:
                start, _, *rating = versions[-1]
                versions[-1] = (start, day, rating[0], rating[1])
            if title in ratings:
                versions.append((day, None, *ratings[title]))
        last = ratings
    return told


def _next(ratings: Ratings, chance: random.Random) -> Ratings:
    """Change some, let some go and some come, or come back."""
    changed = dict(ratings)
    for title in chance.sample(range(1, 100), 12):
        if chance.random() < 0.3:
            changed.pop(title, None)
        else:
            average = NULL if chance.random() < 0.1 else f"{chance.randint(10, 100) / 10:.1f}"
            changed[title] = (average, str(chance.randint(5, 9)))
    return changed


@pytest.mark.parametrize("seed", range(3))
def test_a_chain_of_days(pipeline: Pipeline, seed: int) -> None:
    """Deltas, full loads and replays of older objects, in any order: each version once."""
    chance = random.Random(seed)  # noqa: S311 - the same days in every run
    days: dict[int, Ratings] = {1: dict.fromkeys(range(1, 91), ("5.0", "5"))}
    _load(pipeline, 1, days[1])
    kinds = ["full"]
    for day in range(2, 9):
        if day > 3 and chance.random() < 0.5:
            # Back to an older day, whose rows readers then see, and which adds nothing.
            older = chance.choice(sorted(days))
            kinds.append(_load(pipeline, older, days[older]).kind)
            assert _history(pipeline) == _told(days)
        days[day] = _next(days[day - 1], chance)
        kinds.append(_load(pipeline, day, days[day], full=chance.random() < 0.3).kind)
        assert _history(pipeline) == _told(days)
    assert {"full", "delta"} <= set(kinds)
    assert pipeline.leftovers() == CLEAN


def test_a_replay_touches_nothing(pipeline: Pipeline) -> None:
    """Not even rows that it would write the same."""
    query = "select *, xmin::text from ops.ratings_history order by tconst, valid_from"
    for day in (1, 2):
        _load(pipeline, day, {title: ("5.0", str(5 + (title == day))) for title in range(1, 21)})
    with pipeline.database.connect() as connection:
        before = connection.execute(query).fetchall()
        for how in ({}, {"full": True}):
            _load(pipeline, 1, dict.fromkeys(range(1, 21), ("9.9", "9")), **how)
            assert connection.execute(query).fetchall() == before


def _exports(pipeline: Pipeline) -> list[str]:
    return sorted(key for key in pipeline.store.objects() if "ratings_history" in key)


def _state(pipeline: Pipeline) -> datetime:
    with pipeline.database.connect() as connection:
        (as_of,) = database.one_row(connection, "select as_of from ops.ratings_history_state")
    assert isinstance(as_of, datetime)
    return as_of


def test_each_load_leaves_an_export(pipeline: Pipeline) -> None:
    """Of the whole history, in the dates of UTC; the last two stay, and they are no dataset's."""
    day = dict.fromkeys(range(1, 21), ("5.0", "5"))
    _load(pipeline, 1, day)
    _load(pipeline, 2, {**day, 3: (NULL, "7")})
    _load(pipeline, 3, {**day, 3: (NULL, "7"), 21: ("1.0", "5")})
    folder = "imdb/ratings_history"
    keys = [f"{folder}/2026010{number}T004000Z.tsv.gz" for number in (1, 2, 3)]
    assert _exports(pipeline) == keys
    body = pipeline.store.client.get_object(Bucket=pipeline.store.bucket, Key=keys[1])["Body"]
    lines = gzip.decompress(body.read()).splitlines()
    assert lines[0] == b"tconst\taverage_rating\tnum_votes\tvalid_from\tvalid_to"
    assert sorted(lines)[3:5] == [
        rb"tt0000003	5.0	5	2026-01-01 00:40:00+00	2026-01-02 00:40:00+00",
        rb"tt0000003	\N	7	2026-01-02 00:40:00+00	\N",
    ]
    prune.prune(pipeline.settings(), stores.Store(pipeline.settings()))
    assert _exports(pipeline) == keys[1:]
    assert pipeline.find(keys[2]) is not None
    assert pipeline.load(DATASET).kind == "unchanged"


def test_an_export_that_failed_is_made_up_for(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are shown; the next run, which has nothing to load, exports."""
    day = dict.fromkeys(range(1, 21), ("5.0", "5"))
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            message = "the store is away"
            raise TemporaryError(message)

        patch.setattr(stores.Store, "write", fail)
        with pytest.raises(TemporaryError):
            _load(pipeline, 1, day)
    assert _exports(pipeline) == []
    assert _load(pipeline, 1, day).kind == "unchanged"
    assert len(_exports(pipeline)) == 1


def _forget(pipeline: Pipeline) -> None:
    """Make the database one that was never loaded."""
    with pipeline.database.connect() as connection:
        connection.execute(
            "truncate raw.title_ratings, ops.loads, ops.ratings_history, ops.ratings_history_state"
        )


def test_a_new_database_takes_the_history_over(pipeline: Pipeline) -> None:
    """What was lost with the old one comes back before the first load of ratings."""
    chance = random.Random(7)  # noqa: S311 - the same days in every run
    days: dict[int, Ratings] = {1: dict.fromkeys(range(1, 91), ("5.0", "5"))}
    for day in (2, 3):
        days[day] = _next(days[day - 1], chance)
    for day in (1, 2):
        _load(pipeline, day, days[day])
    _forget(pipeline)
    assert _load(pipeline, 3, days[3]).kind == "full"
    assert _history(pipeline) == _told(days)


def test_an_id_of_odd_characters_survives(pipeline: Pipeline) -> None:
    """An export is COPY's text, both ways."""
    odd = ["tt\\", 'tt"', "tt\r", "tt\x02", "tté", "tt\\N"]
    lines = sorted(files.row(DATASET, 1, {"tconst": id_}) for id_ in odd)
    pipeline.deposit(DATASET, files.pack(files.text(DATASET, lines)))
    pipeline.load(DATASET)
    query = "select * from ops.ratings_history order by tconst"
    with pipeline.database.connect() as connection:
        before = connection.execute(query).fetchall()
        assert {row[0] for row in before} == set(odd)
        _forget(pipeline)
        history.restore(pipeline.settings(), stores.Store(pipeline.settings()))
        assert connection.execute(query).fetchall() == before


def test_the_command(pipeline: Pipeline) -> None:
    """Exports what is missing, restores what is asked for, and says which object it was."""
    assert pipeline.run("history").stdout == b""
    day = dict.fromkeys(range(1, 21), ("5.0", "5"))
    for number in (1, 2):
        _load(pipeline, number, {**day, 1: ("5.0", str(4 + number))})
    keys = _exports(pipeline)
    pipeline.store.client.delete_object(Bucket=pipeline.store.bucket, Key=keys[1])
    done = pipeline.run("history")
    assert (done.returncode, done.stdout.decode().strip()) == (0, keys[1])
    assert _exports(pipeline) == keys
    # As after a database was restored from a backup that is older than the last export.
    with pipeline.database.connect() as connection:
        connection.execute("update ops.ratings_history_state set as_of = '2026-01-01 00:40+00'")
        connection.execute("delete from ops.ratings_history where tconst <> 'tt0000007'")
    done = pipeline.run("history", "--restore")
    assert (done.returncode, done.stdout.decode().strip()) == (0, keys[1])
    assert len(_history(pipeline)) == 20
    assert _state(pipeline) == datetime(2026, 1, 2, 0, 40, tzinfo=UTC)
    done = pipeline.run("history", "--restore", "--object", keys[0])
    assert done.returncode == 78
    assert "goes on to 2026-01-02" in str(logged(done.stderr)[-1]["error"])
    _load(pipeline, 3, {**day, 1: ("5.0", "6"), 9: ("1.0", "9")})
    assert _history(pipeline)[1] == [(1, 2, "5.0", "5"), (2, None, "5.0", "6")]
    assert _history(pipeline)[9] == [(1, 3, "5.0", "5"), (3, None, "1.0", "9")]


_HEADER = b"tconst\taverage_rating\tnum_votes\tvalid_from\tvalid_to\n"


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip",
        files.pack(b"tconst\tsomething else\n"),
        files.pack(_HEADER + b"tt1\t1.0\tx\t2026-01-01\t\\N\n"),
        files.pack(_HEADER + b"tt1\t1.0\t5\t2026-01-01\t\\N\n" * 2),
        files.pack(_HEADER),
        files.pack(_HEADER + b"tt1\t1.0\t5\t2026-01-06\t\\N\n")[:-8],
    ],
    ids=["no gzip", "header", "value", "twice", "empty", "cut"],
)
def test_what_is_no_history(pipeline: Pipeline, content: bytes) -> None:
    """65, and the own history stays."""
    _load(pipeline, 1, dict.fromkeys(range(1, 21), ("5.0", "5")))
    before = _history(pipeline)
    key = "imdb/ratings_history/20260105T004000Z.tsv.gz"
    pipeline.store.client.put_object(Bucket=pipeline.store.bucket, Key=key, Body=content)
    with pytest.raises(DataError, match=key):
        history.restore(pipeline.settings(), stores.Store(pipeline.settings()))
    assert _history(pipeline) == before
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize(
    "key",
    [None, "imdb/ratings_history/none.tsv.gz", "imdb/title.ratings/20260101T004000Z-0.tsv.gz"],
)
def test_an_object_that_is_no_export(pipeline: Pipeline, key: str | None) -> None:
    """78: there is none of that name, or it is another thing."""
    pipeline.deposit(DATASET, files.file(DATASET))
    store = stores.Store(pipeline.settings())
    with pytest.raises(ConfigurationError, match="the store has no history"):
        history.restore(pipeline.settings(), store, key)


def test_an_interrupted_full_load_leaves_no_history(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It commits with the swap or not at all."""
    day = dict.fromkeys(range(1, 21), ("5.0", "5"))
    _load(pipeline, 1, day)
    before = _history(pipeline)
    with monkeypatch.context() as patch:

        def lose(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(ledger, "write_load", lose)
        with pytest.raises(KeyboardInterrupt):
            _load(pipeline, 2, {**day, 5: ("9.0", "9")}, full=True)
    assert _history(pipeline) == before
    assert pipeline.leftovers() == CLEAN
    _load(pipeline, 2, {**day, 5: ("9.0", "9")}, full=True)
    assert _history(pipeline)[5] == [(1, 2, "5.0", "5"), (2, None, "9.0", "9")]


def test_other_datasets_have_none(pipeline: Pipeline) -> None:
    """Their loads neither write nor export it."""
    episode = BY_NAME["title.episode"]
    pipeline.deposit(episode, files.file(episode))
    pipeline.load(episode)
    assert _history(pipeline) == {}
    assert _exports(pipeline) == []
