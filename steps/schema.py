"""What `imdb migrate` makes: schemas, raw tables, ledger, roles and grants.

Everything here is idempotent and runs in one transaction. `VERSION` rises with each change;
a step that meets a database of another version stops with exit code 78 instead of guessing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import sql

from steps import database, prewarm
from steps.catalog import DATASETS, Column, ColumnType, Dataset
from steps.errors import ConfigurationError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

VERSION = 5

ROLES = ("loader", "dbt", "reader")
"""loader writes raw and ops; dbt reads raw and owns what it builds; reader reads marts."""

OWNERS = {
    "raw": "loader",
    "ops": "loader",
    "staging": "dbt",
    "intermediate": "dbt",
    "marts": "dbt",
}
"""Owner of each schema."""

_OPS = """
create table if not exists ops.schema_version (version integer not null);

create table if not exists ops.loads (
    load_id bigint generated always as identity primary key,
    dataset text not null,
    object_key text not null,
    etag text not null,
    last_modified timestamptz not null,
    rows bigint not null,
    kind text not null check (kind in ('full', 'delta')),
    vanished_rows bigint,
    vanished_example text,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp()
);
create index if not exists loads_dataset on ops.loads (dataset, load_id desc);
alter table ops.loads
    add column if not exists catalogue text,
    add column if not exists inserted_rows bigint,
    add column if not exists updated_rows bigint,
    add column if not exists deleted_rows bigint,
    add column if not exists changes_kept boolean not null default false;
comment on table ops.loads is
    'The ledger: one row for each load, committed in the transaction that showed its data.';
comment on column ops.loads.last_modified is
    'The source''s Last-Modified; without one, when the object was downloaded.';
comment on column ops.loads.vanished_rows is
    'Keys of the load before that this one no longer holds; null where that is not counted.';
comment on column ops.loads.catalogue is
    'Fingerprint of the catalogue''s entry by which the table was made; null: not known.';
comment on column ops.loads.inserted_rows is
    'Rows that a delta inserted, updated_rows and deleted_rows likewise; null of a full load.';
comment on column ops.loads.changes_kept is
    'Whether all that this load changed stands in ops.changes_…; if not, it may be anything.';

create table if not exists ops.pins (
    dataset text primary key,
    object_key text not null,
    pinned_at timestamptz not null default clock_timestamp()
);
comment on table ops.pins is 'Datasets held at one object by `imdb load --pin` until `--unpin`.';

create table if not exists ops.model_builds (
    model text primary key,
    built_at timestamptz not null,
    as_of_date date,
    loads jsonb not null,
    failed_tests integer not null default 0
);
alter table ops.model_builds add column if not exists project text;
comment on table ops.model_builds is
    'Of each dbt model the build that readers see, committed with it: when, and of which load '
    'of each dataset it reads (dataset -> load_id); and of each test of several models the same.';
comment on column ops.model_builds.project is
    'Version of the dbt project that built it; null where nobody said.';

create table if not exists ops.test_passes (
    test text primary key,
    passed_at timestamptz not null,
    whole_at timestamptz not null,
    as_of_date date,
    loads jsonb not null,
    project text
);
comment on table ops.test_passes is
    'Of each dbt test that looks at what changed: up to which load of each dataset it has passed '
    '(dataset -> load_id). A test that failed has no row, and looks at everything again.';
comment on column ops.test_passes.whole_at is
    'When it last passed over every row, in dates of the source''s Last-Modified.';

create table if not exists ops.ratings_history (
    tconst text collate "C" not null,
    average_rating numeric(3,1),
    num_votes integer,
    valid_from timestamptz not null,
    valid_to timestamptz,
    primary key (tconst, valid_from)
);
create unique index if not exists ratings_history_current on ops.ratings_history (tconst)
    where valid_to is null;
comment on table ops.ratings_history is
    'What each title''s rating was from when to when (valid_to excluded, null: to this day), in '
    'dates of the source''s Last-Modified. It cannot be had again: nothing here deletes it.';

create table if not exists ops.ratings_history_state (
    only_row boolean primary key default true check (only_row),
    as_of timestamptz not null,
    load_id bigint
);
comment on table ops.ratings_history_state is
    'The date to which ops.ratings_history goes, and the load that brought it there; null after '
    'it was restored from the store.';
"""

_AUTOVACUUM: LiteralString = (
    "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000"
)
"""Of a raw table's partition: dead rows are made room for once they are a fiftieth of it, instead
of Postgres' fifth. That bounds what daily deltas leave behind, and of the large tables, whose
indexes a vacuum reads whole, it is still a matter of once in some days."""


def storage(dataset: Dataset) -> sql.Composed:
    """Return the storage parameters of a raw table's partition."""
    return sql.SQL(_AUTOVACUUM + ", fillfactor = {}").format(dataset.fillfactor)


def column_definitions(dataset: Dataset) -> sql.Composed:
    """Return the columns of a raw table, ids and all other text in C order.

    Only the key is NOT NULL: the files leave anything else out now and then.
    """
    return sql.SQL(", ").join(
        _definition(column.name, column)
        + (sql.SQL(" not null") if column.name in dataset.key else sql.SQL(""))
        for column in dataset.columns
    )


def _definition(name: str, column: Column) -> sql.Composed:
    definition = sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(column.type.value))
    if column.type is ColumnType.TEXT:
        definition += sql.SQL(' collate "C"')
    return definition


def columns(names: tuple[str, ...]) -> sql.Composed:
    """Return a comma list of identifiers."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _raw_table(connection: Connection[TupleRow], dataset: Dataset) -> None:
    parent = sql.Identifier("raw", dataset.table)
    exists = connection.execute("select to_regclass(%s)", [f"raw.{dataset.table}"]).fetchone()
    if exists == (None,):
        connection.execute(
            sql.SQL("create table {} ({}, primary key ({})) partition by range ({})").format(
                parent,
                column_definitions(dataset),
                columns(dataset.key),
                sql.Identifier(dataset.key[0]),
            )
        )
        for index in dataset.indexes:
            connection.execute(sql.SQL("create index on {} ({})").format(parent, columns(index)))
        connection.execute(
            sql.SQL(
                "create table {} partition of {} for values from (minvalue) to (maxvalue)"
            ).format(sql.Identifier("raw", f"{dataset.table}__0"), parent)
        )
    _settle(connection, dataset)
    connection.execute(
        sql.SQL("comment on table {} is {}").format(parent, sql.Literal(dataset.description))
    )
    for column in dataset.columns:
        connection.execute(
            sql.SQL("comment on column {}.{} is {}").format(
                parent, sql.Identifier(column.name), sql.Literal(column.description)
            )
        )


def _settle(connection: Connection[TupleRow], dataset: Dataset) -> None:
    """Set the storage of a raw table's partition; an older version's has none.

    It holds for what is written from now on.
    """
    wanted = storage(dataset)
    partitions = connection.execute(
        "select relname from pg_class join pg_inherits on oid = inhrelid "
        "where inhparent = %s::regclass and reloptions is distinct from string_to_array(%s, ', ')",
        [f"raw.{dataset.table}", wanted.as_string().replace(" = ", "=")],
    ).fetchall()
    for (name,) in partitions:
        connection.execute(
            sql.SQL("alter table {} set ({})").format(sql.Identifier("raw", name), wanted)
        )


def _changes_table(connection: Connection[TupleRow], dataset: Dataset) -> None:
    """Make the table of a dataset's change sets; add what a newer catalogue tracks."""
    table = sql.Identifier("ops", dataset.changes_table)
    by_name = {column.name: column for column in dataset.columns}
    key = [_definition(name, by_name[name]) + sql.SQL(" not null") for name in dataset.key]
    connection.execute(
        sql.SQL(
            "create table if not exists {} (load_id bigint not null, op text not null "
            "check (op in ('insert', 'update', 'delete')), {})"
        ).format(table, sql.SQL(", ").join(key))
    )
    for name in dataset.tracked:
        for state in ("old", "new"):
            connection.execute(
                sql.SQL("alter table {} add column if not exists {}").format(
                    table, _definition(f"{state}_{name}", by_name[name])
                )
            )
    comment = (
        f"What each delta of {dataset.name} changed, a row a key, with the values before and "
        "after of the columns that models follow; until every model has used it."
    )
    connection.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(comment)))
    connection.execute(sql.SQL("grant select on {} to dbt").format(table))


def _roles(connection: Connection[TupleRow]) -> None:
    """Make the roles that are missing, and see that this one may act as their owners.

    Whatever is so already is not asked for again: an operator may have made it, and the role
    that migrates need not be allowed to.
    """
    user, may_create = database.one_row(
        connection,
        "select rolname, rolsuper or rolcreaterole from pg_roles where rolname = current_user",
    )
    found = {name for (name,) in connection.execute("select rolname from pg_roles")}
    missing = [role for role in ROLES if role not in found]
    if missing and not may_create:
        message = (
            f"the database has no role {', '.join(missing)}, and {user} may not make it; make it "
            "with a password and login (CloudNativePG: spec.managed.roles, whose secrets have to "
            "be there; else `create role … login password …`), then migrate again"
        )
        raise ConfigurationError(message)
    for role in missing:
        # Whoever gives the role its password lets it log in: the chart or the sandbox.
        connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
    for role in sorted(set(OWNERS.values())):
        _grant(connection, role, user, "SET")
    # Lets a load see the snapshots of others, which its swap has to wait for, and its check for
    # room how much the write-ahead log takes.
    _grant(connection, "pg_monitor", "loader", "USAGE")


def _grant(connection: Connection[TupleRow], role: str, member: str, way: str) -> None:
    """Make a role a member of another, unless it is one in that way (SET, USAGE) already.

    Raises:
        ConfigurationError: this role may not; the message has the statement.

    """
    (has,) = database.one_row(connection, "select pg_has_role(%s, %s, %s)", member, role, way)
    if has:
        return
    statement = sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(member))
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        message = (
            f"{member} has to be a member of {role}; nothing was changed; as superuser: "
            f"`{statement.as_string()}` (CloudNativePG: inRoles of managed.roles)"
        )
        raise ConfigurationError(message) from error


_SELECT_OWN = """
do $own$
declare
    relation regclass;
begin
    for relation in
        select oid from pg_class
        where
            relnamespace = '{schema}'::regnamespace
            and relowner = current_user::regrole
            and relkind in ('r', 'p', 'v', 'm')
    loop
        execute format('grant select on %s to {role}', relation);
    end loop;
end
$own$;
"""
"""Not ON ALL TABLES, which fails where somebody else has made one there."""

# Each role grants what is its own: the one that migrates need not inherit from them.
_GRANTS = {
    "loader": _SELECT_OWN.format(schema="raw", role="dbt")
    + """
grant usage on schema raw, ops to dbt;
alter default privileges in schema raw grant select on tables to dbt;
grant select on ops.loads, ops.pins, ops.schema_version to dbt;
grant select on ops.ratings_history, ops.ratings_history_state to dbt;
grant select, insert, update, delete on ops.model_builds, ops.test_passes to dbt;
""",
    "dbt": _SELECT_OWN.format(schema="marts", role="reader")
    + """
grant usage on schema marts to reader;
alter default privileges in schema marts grant select on tables to reader;
""",
}


def migrate(connection: Connection[TupleRow]) -> None:
    """Bring the database to `VERSION` in one transaction; do nothing where it stands there.

    The connection's role is the database's owner, a member of loader and dbt, or a superuser.
    Roles that are missing are made if it may make roles.

    Raises:
        ConfigurationError: roles or rights are missing, or the database is of a newer version.

    """
    try:
        with connection.transaction():
            _roles(connection)
            for schema, owner in OWNERS.items():
                connection.execute(
                    sql.SQL("create schema if not exists {} authorization {}").format(
                        sql.Identifier(schema), sql.Identifier(owner)
                    )
                )
            prewarm.extend(connection)
            connection.execute("set local role loader")
            connection.execute(_OPS)
            prewarm.define(connection)
            _set_version(connection)
            for dataset in DATASETS:
                _raw_table(connection, dataset)
                _changes_table(connection, dataset)
            connection.execute(_GRANTS["loader"])
            connection.execute("set local role dbt")
            connection.execute(_GRANTS["dbt"])
            connection.execute("reset role")
    except psycopg.errors.InsufficientPrivilege as error:
        message = (
            f"the role may not migrate: {error.diag.message_primary}; nothing was changed; run "
            "`imdb migrate` as the database's owner or a superuser (PGUSER, PGPASSWORD)"
        )
        raise ConfigurationError(message) from error


def _set_version(connection: Connection[TupleRow]) -> None:
    found = connection.execute("select version from ops.schema_version").fetchone()
    if found is None:
        connection.execute("insert into ops.schema_version values (%s)", [VERSION])
    elif found[0] < VERSION:
        connection.execute("update ops.schema_version set version = %s", [VERSION])
    elif found[0] > VERSION:
        message = (
            f"the database has schema version {found[0]}, this program knows {VERSION}; "
            "nothing was changed; use the newer image"
        )
        raise ConfigurationError(message)


def check_version(connection: Connection[TupleRow]) -> None:
    """Stop unless the database is of this program's schema version.

    Raises:
        ConfigurationError: it is not, or was never migrated.

    """
    try:
        with connection.transaction():
            found = connection.execute("select version from ops.schema_version").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        found = None
    except psycopg.errors.InsufficientPrivilege as error:
        message = (
            f"the role may not read the ledger: {error.diag.message_primary}; "
            "connect as loader (PGUSER) or run `imdb migrate`"
        )
        raise ConfigurationError(message) from error
    if found != (VERSION,):
        has = f"has schema version {found[0]}" if found else "has not been migrated"
        message = f"the database {has}, this program needs {VERSION}; run `imdb migrate`"
        raise ConfigurationError(message)
