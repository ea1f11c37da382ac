"""The two servers of a state folder: brought up, told about, taken down."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from sandbox import postgres, s3
from sandbox.postgres import Postgres
from sandbox.s3 import S3
from steps import schema
from steps.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DATABASE = "imdb"
BUCKET = "imdb"

RUN = "run"
"""Where in a state folder a run keeps its report and the synthetic source."""


@dataclass(slots=True)
class State:
    """What has to outlive the servers: ports, so that settings stay true, and secrets."""

    superuser_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    role_passwords: dict[str, str] = field(
        default_factory=lambda: {role: secrets.token_urlsafe(24) for role in schema.ROLES}
    )
    access_key: str = field(default_factory=lambda: f"imdb{secrets.token_hex(8)}")
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    postgres_port: int | None = None
    s3_ports: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers, up."""

    state: State
    postgres: Postgres
    s3: S3

    def role(self, name: str, database: str = DATABASE) -> dict[str, str]:
        """Return the PG* variables of a role; that of the superuser migrates."""
        password = (
            self.state.superuser_password
            if name == postgres.SUPERUSER
            else self.state.role_passwords[name]
        )
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.state.postgres_port),
            "PGDATABASE": database,
            "PGUSER": name,
            "PGPASSWORD": password,
        }

    def store(self, bucket: str = BUCKET) -> dict[str, str]:
        """Return the variables of a bucket."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.state.s3_ports[0]}",
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            "AWS_REGION": s3.REGION,
            "IMDB_BUCKET": bucket,
        }

    def environment(self) -> dict[str, str]:
        """Return all that a step and a run need."""
        return {
            **self.role("loader"),
            **self.store(),
            "IMDB_DATABASE_CAPACITY": str(postgres.capacity(self.postgres)),
            "IMDB_DBT_PASSWORD": self.state.role_passwords["dbt"],
            "IMDB_READER_PASSWORD": self.state.role_passwords["reader"],
        }


def up(folder: Path, settings: Mapping[str, str] | None = None) -> Servers:
    """Bring up what is not up and return both servers, with a migrated database.

    `settings` are Postgres settings that win over the sandbox's own.

    Raises:
        ConfigurationError: the folder is another user's or another version's.
        TemporaryError: a server did not come up.

    """
    folder = folder.absolute()
    _make(folder)
    with _locked(folder):
        state = _read(folder) or State()
        # Before the servers: whatever happens now, their secrets are known.
        _write(folder, state)
        database, store = _servers(folder, state)
        state.s3_ports = s3.running(store) or s3.start(store, state.s3_ports)
        state.postgres_port = postgres.running(database) or postgres.start(
            database, state.postgres_port, settings or {}
        )
        _write(folder, state)
        _migrate(database, state)
        return Servers(state, database, store)


def down(folder: Path, *, wipe: bool = False) -> None:
    """End the servers that run; with `wipe`, delete what they and the runs kept.

    Raises:
        ConfigurationError: the folder is another user's.

    """
    folder = folder.absolute()
    if not folder.exists():
        return
    with _locked(folder):
        # Ending and deleting need no secret, so a state file that is lost is no obstacle.
        database, store = _servers(folder, State())
        postgres.stop(database)
        s3.stop(store)
        if wipe:
            postgres.wipe(database)
            s3.wipe(store)
            shutil.rmtree(folder / RUN, ignore_errors=True)
            _state_file(folder).unlink(missing_ok=True)


def _servers(folder: Path, state: State) -> tuple[Postgres, S3]:
    return (
        Postgres(folder / "postgres", state.superuser_password),
        S3(folder / "s3", state.access_key, state.secret_key, BUCKET),
    )


def _migrate(server: Postgres, state: State) -> None:
    assert state.postgres_port is not None  # noqa: S101
    with server.connect(state.postgres_port) as connection:
        found = connection.execute(
            "select from pg_database where datname = %s", [DATABASE]
        ).fetchone()
        if found is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
    with server.connect(state.postgres_port, DATABASE) as connection:
        connection.autocommit = False
        schema.migrate(connection)
        log_in(connection, state.role_passwords)


def log_in(connection: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    """Let the roles log in, each with its password."""
    for role, password in passwords.items():
        connection.execute(
            sql.SQL("alter role {} login password {}").format(sql.Identifier(role), password)
        )


def _make(folder: Path) -> None:
    if not folder.exists():
        # Of a root's state Postgres's user has to reach one folder; the others stay closed.
        folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one command at a time change a state folder."""
    if folder.stat().st_uid != os.geteuid():
        message = (
            f"the state folder belongs to user {folder.stat().st_uid}, you are {os.geteuid()}; "
            "nothing was changed; use the user that made it, or another --state"
        )
        raise ConfigurationError(message, folder=str(folder))
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _state_file(folder: Path) -> Path:
    return folder / "state.json"


def _read(folder: Path) -> State | None:
    try:
        return State(**json.loads(_state_file(folder).read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        message = (
            f"the state file cannot be read: {error}; the servers' passwords were in it; "
            "`python -m sandbox down --wipe` begins anew"
        )
        raise ConfigurationError(message, file=str(_state_file(folder))) from error


def _write(folder: Path, state: State) -> None:
    """Replace the state file as a whole: a crash leaves the old one or the new one."""
    draft = folder / "state.json.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(state), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(_state_file(folder))
