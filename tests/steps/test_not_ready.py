"""Load: a database without room, of another version, not migrated, not let in, or not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from steps.catalog import BY_NAME
from steps.errors import ConfigurationError, TemporaryError
from tests.steps.pipeline import logged

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.places import Database
    from tests.steps.pipeline import Pipeline

_RATINGS = BY_NAME["title.ratings"]
_EPISODE = BY_NAME["title.episode"]


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
