"""Servers once a session; a database and a bucket of its own for whoever asks.

`environment` is what to give a step that runs as a process of its own, `in_environment` puts
the same into this process. Neither lets a PG*, AWS_* or IMDB_* variable of the user's through.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from sandbox import servers as sandbox_servers
from tests.places import Database, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sandbox.servers import Servers

_NUMBERS = count(1)

# Ended by a deadline, the session still ends its servers.
signal.signal(signal.SIGTERM, signal.default_int_handler)

# Tests' data need not outlive a power cut, and leave the machine's memory to the tests.
_FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB"}


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Run a Postgres and an S3 for this session."""
    # A short path: pytest's own are too long for a socket, and closed to Postgres's user.
    folder = Path(tempfile.mkdtemp(prefix="imdb-tests-"))
    try:
        yield sandbox_servers.up(folder, _FAST)
    finally:
        sandbox_servers.down(folder, wipe=True)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_database(servers: Servers) -> Callable[[], AbstractContextManager[Database]]:
    """Give what makes databases, for fixtures of a wider scope than one test."""

    @contextmanager
    def make() -> Iterator[Database]:
        name = f"test_{next(_NUMBERS)}"
        identifier = sql.Identifier(name)
        port = servers.state.postgres_port
        assert port is not None
        with servers.postgres.connect(port) as connection:
            connection.execute(
                sql.SQL("create database {} template {}").format(
                    identifier, sql.Identifier(sandbox_servers.DATABASE)
                )
            )
            yield Database(servers, name)
            connection.execute(sql.SQL("drop database {} with (force)").format(identifier))

    return make


@pytest.fixture(scope="session")
def new_store(servers: Servers) -> Callable[[], Store]:
    """Give what makes buckets; they go with the session's servers."""

    def make() -> Store:
        store = Store(servers, f"test-{next(_NUMBERS)}")
        store.client.create_bucket(Bucket=store.bucket)
        return store

    return make


@pytest.fixture
def database(
    new_database: Callable[[], AbstractContextManager[Database]],
) -> Iterator[Database]:
    """Give a migrated, empty database."""
    with new_database() as made:
        yield made


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Store:
    """Give an empty bucket."""
    return new_store()


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would point a step elsewhere."""
    ours = ("PG", "AWS_", "IMDB_", "DBT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@pytest.fixture
def environment(database: Database, store: Store) -> dict[str, str]:
    """Give the environment of a step: role loader, the test's database and bucket."""
    return clean_environment() | database.loader | store.env


@pytest.fixture
def in_environment(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Put `environment` into this process for one test."""
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment
