"""Migrate: makes what is missing, leaves the rest, and gives each role no more than it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from steps import schema
from steps.catalog import BY_NAME, DATASETS
from steps.errors import ConfigurationError
from tests.places import Database
from tests.steps import files
from tests.steps.pipeline import logged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from psycopg.rows import TupleRow

    from sandbox.servers import Servers
    from tests.steps.pipeline import Pipeline


def _catalogue(database: Database) -> list[tuple[object, ...]]:
    """Return every object of ours with its owner, its rights and the row that defines it."""
    with database.connect() as connection:
        return connection.execute(
            "select 'relation', oid, relname, relowner, relacl::text, relfilenode from pg_class "
            "where relnamespace in (select oid from pg_namespace where nspname !~ '^pg_|^info') "
            "union all select 'schema', oid, nspname, nspowner, nspacl::text, 0 from pg_namespace "
            "where nspname !~ '^pg_' "
            "union all select 'default', oid, '', defaclrole, defaclacl::text, 0 "
            "from pg_default_acl order by 1, 2"
        ).fetchall()


def test_a_second_time_changes_nothing(database: Database) -> None:
    """Idempotent: a Helm hook runs it at every upgrade."""
    before = _catalogue(database)
    with database.connect() as connection:
        schema.migrate(connection)
    assert _catalogue(database) == before


def test_data_survive_a_migration(pipeline: Pipeline) -> None:
    """Run over a full database, it keeps rows, ledger and what loads have put in place."""
    dataset = BY_NAME["title.ratings"]
    pipeline.deposit(dataset, files.file(dataset))
    pipeline.load(dataset)
    before = pipeline.visible()
    with pipeline.database.connect() as connection:
        schema.migrate(connection)
    assert pipeline.visible() == before
    assert pipeline.load(dataset).kind == "unchanged"


def test_what_is_missing_is_made(database: Database) -> None:
    """After a table is lost, or by an interrupted set-up, the next migration completes it."""
    with database.connect() as connection:
        connection.execute("drop table raw.title_crew; drop table ops.pins; drop schema staging")
        schema.migrate(connection)
        found = connection.execute(
            "select to_regclass('raw.title_crew'), to_regclass('ops.pins'), "
            "to_regnamespace('staging')"
        ).fetchone()
    assert found is not None
    assert None not in found


def test_a_table_of_somebody_else_is_left_alone(database: Database) -> None:
    """What a superuser made beside the marts does not keep the database from being migrated."""
    with database.connect() as connection:
        connection.execute("create table marts.notes (); create table raw.notes ()")
        schema.migrate(connection)
    with database.connect("reader") as connection, pytest.raises(psycopg.Error, match="permission"):
        connection.execute("select from marts.notes")


def test_a_newer_database_is_left_alone(database: Database) -> None:
    """An older image than the database's is refused with 78 and changes nothing."""
    with database.connect() as connection:
        connection.execute("update ops.schema_version set version = version + 1")
        connection.execute("drop table raw.title_crew")
        with pytest.raises(ConfigurationError, match="use the newer image"):
            schema.migrate(connection)
        assert connection.execute("select to_regclass('raw.title_crew')").fetchone() == (None,)


def test_a_role_that_may_not_migrate(database: Database) -> None:
    """78 and what to do; nothing is half done."""
    before = _catalogue(database)
    with (
        database.connect("reader") as connection,
        pytest.raises(ConfigurationError, match="has to be a member of dbt"),
    ):
        schema.migrate(connection)
    assert _catalogue(database) == before


def test_a_database_of_version_1(database: Database) -> None:
    """Gains what version 2 adds; what was recorded stays, and nothing is said of its project."""
    with database.connect() as connection:
        connection.execute("alter table ops.model_builds drop column project")
        connection.execute("update ops.schema_version set version = 1")
        connection.execute(
            "insert into ops.model_builds (model, built_at, loads) values ('m', now(), '{}')"
        )
        schema.migrate(connection)
        assert connection.execute("select model, project from ops.model_builds").fetchall() == [
            ("m", None)
        ]
        schema.check_version(connection)


def test_a_database_of_version_2(pipeline: Pipeline) -> None:
    """Becomes what a new one is, in place: rows, ledger and views stay, and the next load works."""
    described = (
        "select attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull "
        "from pg_attribute join pg_class c on c.oid = attrelid where attnum > 0 and not "
        "attisdropped and relnamespace in ('raw'::regnamespace, 'ops'::regnamespace) "
        "union select relname, reloptions::text, relacl::text, null from pg_class "
        "where relnamespace in ('raw'::regnamespace, 'ops'::regnamespace)"
    )
    dataset = BY_NAME["title.episode"]
    added = ("catalogue", "inserted_rows", "updated_rows", "deleted_rows", "changes_kept")
    with pipeline.database.connect() as connection:
        new = set(connection.execute(described).fetchall())
        for each in DATASETS:
            connection.execute(
                sql.SQL("drop table {}; alter table {} reset ({})").format(
                    sql.Identifier("ops", f"changes_{each.table}"),
                    sql.Identifier("raw", f"{each.table}__0"),
                    sql.SQL(
                        "autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, fillfactor"
                    ),
                )
            )
        connection.execute(
            "drop table ops.ratings_history, ops.ratings_history_state, ops.test_passes"
        )
        for column in added:
            connection.execute(
                sql.SQL("alter table ops.loads drop column {}").format(sql.Identifier(column))
            )
        connection.execute(
            "update ops.schema_version set version = 2; "
            "insert into raw.title_episode values ('tt0000001', 'tt0000002', 1, 1); "
            "create view public.mine as select * from raw.title_episode; "
            "insert into ops.loads (dataset, object_key, etag, last_modified, rows, kind, "
            "started_at) values ('title.episode', 'imdb/title.episode/1', 'e', now(), 1, 'full', "
            "now())"
        )
        schema.migrate(connection)
        migrated = set(connection.execute(described).fetchall())
        assert migrated == new
        assert connection.execute("select tconst from public.mine").fetchall() == [("tt0000001",)]
        pipeline.deposit(dataset, files.file(dataset))
        for kind in ("full", "unchanged"):
            assert pipeline.load(dataset, accept=True).kind == kind
        assert connection.execute("select count(*) from public.mine").fetchone() == (10,)


@dataclass(frozen=True)
class Owned:
    """An empty database and its owner, as an operator makes them, beside the roles."""

    database: Database
    environment: dict[str, str]

    def connect(self) -> psycopg.Connection[TupleRow]:
        """Connect as the owner."""
        return psycopg.connect(
            host=self.environment["PGHOST"],
            port=self.environment["PGPORT"],
            dbname=self.environment["PGDATABASE"],
            user=self.environment["PGUSER"],
            password=self.environment["PGPASSWORD"],
            autocommit=True,
        )


@pytest.fixture
def owned(servers: Servers) -> Iterator[Owned]:
    """Give the database of an owner who is a member of loader and dbt and may do nothing else."""
    port = servers.state.postgres_port
    assert port is not None
    with servers.postgres.connect(port) as connection:
        connection.execute("create role test_owner login password 'of a test'")
        connection.execute("grant loader, dbt to test_owner with set true, inherit true")
        connection.execute("create database test_owned owner test_owner")
        try:
            database = Database(servers, "test_owned")
            owner = {"PGUSER": "test_owner", "PGPASSWORD": "of a test"}
            yield Owned(database, {**database.loader, **owner})
        finally:
            connection.execute("drop database test_owned with (force)")
            connection.execute("drop role test_owner")


def _objects(database: Database) -> set[tuple[object, ...]]:
    """Return every object of ours with the names of its owner and of who may do what."""
    with database.connect() as connection:
        return set(
            connection.execute(
                "select relname::text, relowner::regrole::text, relacl::text from pg_class "
                "where relnamespace in (select oid from pg_namespace where nspname !~ '^pg_|^info')"
                " union select nspname, nspowner::regrole::text, nspacl::text from pg_namespace "
                "where nspname !~ '^pg_|^info|^public' "
                "union select 'default', defaclrole::regrole::text, defaclacl::text "
                "from pg_default_acl"
            ).fetchall()
        )


def test_the_owner_migrates(owned: Owned, database: Database) -> None:
    """Who may make neither roles nor members of them; it comes to the same, also a second time."""
    for _ in range(2):
        with owned.connect() as connection:
            schema.migrate(connection)
        assert _objects(owned.database) == _objects(database)


def test_an_owner_who_may_not_act_for_a_role(owned: Owned) -> None:
    """78 with the statement that is missing, and nothing is made."""
    with owned.database.connect() as admin:
        admin.execute("revoke dbt from test_owner")
    with (
        owned.connect() as connection,
        pytest.raises(ConfigurationError, match='as superuser: `grant "dbt" to "test_owner"`'),
    ):
        schema.migrate(connection)
    assert not [row for row in _objects(owned.database) if row[0] != "default"]


def test_a_loader_who_may_not_see_the_others(owned: Owned) -> None:
    """What its swap waits for; an owner cannot give that, so it says who can."""
    with owned.database.connect() as admin:
        admin.execute("revoke pg_monitor from loader")
        try:
            with (
                owned.connect() as connection,
                pytest.raises(ConfigurationError, match='`grant "pg_monitor" to "loader"`'),
            ):
                schema.migrate(connection)
        finally:
            admin.execute("grant pg_monitor to loader")


def test_roles_that_are_missing(owned: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    """78 and their names to an owner who may not make them; made by one who may."""
    monkeypatch.setattr(schema, "ROLES", (*schema.ROLES, "test_missing"))
    with (
        owned.connect() as connection,
        pytest.raises(ConfigurationError, match=r"no role test_missing.*managed\.roles"),
    ):
        schema.migrate(connection)
    with owned.database.connect() as admin:
        admin.execute("alter role test_owner createrole")
        with owned.connect() as connection:
            schema.migrate(connection)
        admin.execute("drop role test_missing")


def test_the_catalogue_is_what_the_tables_are(database: Database) -> None:
    """Columns, types, order, C collation of text, NOT NULL for keys alone, and descriptions."""
    with database.connect() as connection:
        for dataset in DATASETS:
            found = connection.execute(
                "select attname, format_type(atttypid, atttypmod), attnotnull, collname, "
                "col_description(attrelid, attnum) from pg_attribute "
                "left join pg_collation c on c.oid = attcollation "
                "where attrelid = %s::regclass and attnum > 0 order by attnum",
                [f"raw.{dataset.table}"],
            ).fetchall()
            assert found == [
                (
                    column.name,
                    column.type.value,
                    column.name in dataset.key,
                    "C" if column.type.value == "text" else None,
                    column.description,
                )
                for column in dataset.columns
            ]


@pytest.fixture(scope="module")
def shared(new_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Database]:
    """Give a migrated database with a mart that dbt has made."""
    with new_database() as made:
        with made.connect("dbt") as connection:
            connection.execute("create table marts.mart as select 1 as one")
        yield made


_MAY = {
    "loader": [
        "select * from raw.title_ratings",
        "insert into raw.title_ratings values ('tt1', 1.0, 5)",
        "select * from ops.loads",
        "select pg_ls_waldir()",
        "create temporary table t (a int)",
    ],
    "dbt": [
        "select * from raw.title_ratings",
        "select * from ops.loads",
        "select * from ops.pins",
        "select * from ops.ratings_history",
        "select * from ops.changes_title_principals",
        "insert into ops.model_builds (model, built_at, loads) values ('m', now(), '{}')",
        "create table staging.t (a int)",
        "create view intermediate.v as select 1",
        "create table marts.t (a int)",
    ],
    "reader": ["select * from marts.mart"],
}
_MAY_NOT = {
    "loader": [
        "select * from marts.mart",
        "create table marts.t (a int)",
        "create table staging.t (a int)",
        "create role another",
        "create schema another",
        "copy ops.pins from program 'true'",
    ],
    "dbt": [
        "insert into raw.title_ratings values ('tt1', 1.0, 5)",
        "delete from raw.title_ratings",
        "truncate raw.title_ratings",
        "drop table raw.title_ratings",
        "create table raw.t (a int)",
        "insert into ops.pins values ('d', 'k')",
        "delete from ops.ratings_history",
        "delete from ops.changes_title_ratings",
        "delete from ops.loads",
        "update ops.schema_version set version = 9",
        "create schema another",
    ],
    "reader": [
        "select * from raw.title_ratings",
        "select * from raw.title_ratings__0",
        "select * from ops.loads",
        "insert into marts.mart values (2)",
        "drop table marts.mart",
        "create table marts.t (a int)",
        "create view staging.v as select 1",
        "create table public.t (a int)",
        "create schema another",
    ],
}


def _cases(table: dict[str, list[str]]) -> pytest.MarkDecorator:
    cases = [(role, statement) for role, statements in table.items() for statement in statements]
    return pytest.mark.parametrize(("role", "statement"), cases)


@_cases(_MAY)
def test_what_a_role_needs_it_may(shared: Database, role: str, statement: str) -> None:
    """Each role can do its work."""
    with shared.connect(role) as connection, connection.transaction(force_rollback=True):
        connection.execute(sql.SQL(statement))


@_cases(_MAY_NOT)
def test_what_a_role_does_not_need_it_may_not(shared: Database, role: str, statement: str) -> None:
    """Least privilege: readers see marts only, dbt cannot change the source's data."""
    with (
        shared.connect(role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        connection.transaction(force_rollback=True),
    ):
        connection.execute(sql.SQL(statement))


def test_what_dbt_makes_later_readers_may_read(shared: Database) -> None:
    """A mart needs no grant of its own."""
    with shared.connect("dbt") as dbt, shared.connect("reader") as reader:
        dbt.execute("create table marts.later as select 2 as two")
        assert reader.execute("select two from marts.later").fetchone() == (2,)


def test_the_command(pipeline: Pipeline) -> None:
    """Says the version, and 78 to whoever may not."""
    done = pipeline.run("migrate", **pipeline.database.admin)
    assert done.returncode == 0
    assert logged(done.stderr)[-1]["version"] == schema.VERSION
    with pipeline.database.connect() as connection:
        connection.execute("drop table ops.pins")
    assert pipeline.run("migrate", **pipeline.database.reader).returncode == 78
