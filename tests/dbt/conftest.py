"""dbt against a database of the test's own, with the project's models or made-up ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import psycopg
import pytest
from dbt.cli.main import dbtRunner
from psycopg import sql

from steps.catalog import BY_NAME
from steps.schema import columns
from tests.conftest import clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbt_common.events.base_types import EventMsg

    from tests.places import Database

PROJECT = Path(__file__).parents[2] / "dbt"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Ended:
    """A dbt command that is over."""

    code: int
    output: str


@dataclass(frozen=True)
class Project:
    """A dbt project in a folder of its own, and the database that it builds in."""

    folder: Path
    target: Path
    database: Database
    variables: Mapping[str, str] = field(default_factory=dict)
    """Further variables of the environment."""

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a dbt command: role dbt, this project, nothing of the user's."""
        return {
            **clean_environment(),
            **self.database.dbt,
            "DBT_PROJECT_DIR": str(self.folder),
            "DBT_PROFILES_DIR": str(self.folder),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.target),
            **self.variables,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a dbt command beside the test."""
        return subprocess.Popen(
            [Path(sys.executable).parent / "dbt", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def try_dbt(self, *arguments: str) -> Ended:
        """Run a dbt command to its end, whichever; in this process, which has dbt loaded.

        Without `--write-json` it writes no manifest, which takes as long as a small command.
        """
        said: list[str] = []

        def listen(event: EventMsg) -> None:
            if event.info.level in {"info", "warn", "error"}:
                said.append(event.info.msg)  # type: ignore[attr-defined]  # protobuf's

        environment = {**self.environment, "DBT_WRITE_JSON": "false"}
        with mock.patch.dict(os.environ, environment, clear=True):
            result = dbtRunner(callbacks=[listen]).invoke(list(arguments))
        if result.exception is not None:
            said.append(str(result.exception))
        return Ended(0 if result.success else 1, "\n".join(said))

    def dbt(self, *arguments: str) -> str:
        """Run a dbt command that must succeed."""
        ended = self.try_dbt(*arguments)
        assert ended.code == 0, ended.output
        return ended.output

    def manifest(self) -> dict[str, Any]:
        """Return the project as dbt parses it."""
        self.dbt("parse", "--write-json")
        found: dict[str, Any] = json.loads((self.target / "manifest.json").read_text())
        return found

    def rows(self, query: str) -> list[Row]:
        """Ask the database, as its owner."""
        with self.database.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, statement: str) -> None:
        """Do something to the database, as its owner."""
        with self.database.connect() as connection:
            connection.execute(statement.encode())


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Project:
    """Give the project's macros, sources and settings without its models."""
    folder = tmp_path / "dbt"
    for name in ("macros", "models/sources", "models/docs"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, folder)
    shutil.copy(PROJECT / "models/groups.yml", folder / "models")
    return Project(folder, tmp_path / "target", database)


@pytest.fixture
def whole_project(database: Database, tmp_path: Path) -> Project:
    """Give the project as it is."""
    return Project(PROJECT, tmp_path / "target", database)


@pytest.fixture
def load(database: Database) -> Callable[..., int]:
    """Give a function that makes rows the whole content of a dataset and returns the load's id."""

    def fill(
        name: str,
        rows: Sequence[Mapping[str, object]],
        last_modified: str = "2026-08-01 00:40+00",
    ) -> int:
        dataset = BY_NAME[name]
        table = sql.Identifier("raw", dataset.table)
        with database.connect() as connection, connection.transaction():
            connection.execute(sql.SQL("truncate {}").format(table))
            for row in rows:
                connection.execute(
                    sql.SQL("insert into {} ({}) values ({})").format(
                        table,
                        sql.SQL(", ").join(map(sql.Identifier, row)),
                        sql.SQL(", ").join(map(sql.Literal, row.values())),
                    )
                )
            return note_load(connection, name, last_modified)

    return fill


def note_load(
    connection: psycopg.Connection[Row], name: str, last_modified: str = "2026-08-01 00:40+00"
) -> int:
    """Write a row of the ledger and return its load id."""
    found = connection.execute(
        "insert into ops.loads"
        " (dataset, object_key, etag, last_modified, rows, kind, started_at)"
        " values (%s, 'key', 'etag', %s, 0, 'full', now()) returning load_id",
        [name, last_modified],
    ).fetchone()
    assert found is not None
    return int(found[0])


def apply_delta(
    database: Database, name: str, statements: str, last_modified: str = "2026-08-02 00:40+00"
) -> int:
    """Change a raw table and write down what changed, as a delta load does; return its id."""
    dataset = BY_NAME[name]
    raw = sql.Identifier("raw", dataset.table)
    with database.connect() as connection, connection.transaction():
        connection.execute(sql.SQL("create temp table old on commit drop as table {}").format(raw))
        connection.execute(statements.encode())
        found = connection.execute(
            "insert into ops.loads (dataset, object_key, etag, last_modified, rows, kind, "
            "changes_kept, inserted_rows, updated_rows, deleted_rows, started_at) values "
            "(%s, 'key', 'etag', %s, 1, 'delta', true, 1, 1, 1, now()) "
            "returning load_id",
            [name, last_modified],
        ).fetchone()
        assert found is not None
        both = [(each, state) for each in dataset.tracked for state in ("old", "new")]
        changed = connection.execute(
            sql.SQL(
                "insert into {} (load_id, op, {}) select {}, case when old is null then 'insert' "
                "when new is null then 'delete' else 'update' end, {} from old full join {} as new "
                "using ({}) where old is distinct from new"
            ).format(
                sql.Identifier("ops", dataset.changes_table),
                columns((*dataset.key, *(f"{state}_{each}" for each, state in both))),
                sql.Literal(found[0]),
                sql.SQL(", ").join(
                    [
                        *(sql.Identifier(each) for each in dataset.key),
                        *(sql.Identifier(state, each) for each, state in both),
                    ]
                ),
                raw,
                columns(dataset.key),
            )
        )
        assert changed.rowcount > 0
        return int(found[0])
