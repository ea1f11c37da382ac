"""The database: connections, what goes wrong with them, and the lock of a dataset."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, LiteralString, TypeVar

import psycopg
import stamina
from psycopg import Connection, generators, sql, waiting
from psycopg.pq import ExecStatus, TransactionStatus

from steps.errors import ConfigurationError, StepError, TemporaryError
from steps.log import log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg.abc import PQGen
    from psycopg.rows import TupleRow

    from steps.catalog import Dataset
    from steps.settings import Settings

_LOCK_SPACE = 0x696D6462
"""First key of our advisory locks: 'imdb' in ASCII, so that another program's differ."""

_SESSION = {
    # A pod that is gone without a word gives its lock back after 60 s instead of two hours,
    # also while the server works and reads nothing from it.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "client_connection_check_interval": "10s",
    # The swap and COPY set their own bounds; an index build may take as long as it takes.
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


@contextmanager
def errors() -> Iterator[None]:
    """Turn what Postgres and the way to it raise into ours, unless it is about the data."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        message = (
            f"the role may not do that: {error.diag.message_primary}; connect as loader "
            "(PGUSER) and see that `imdb migrate` has run"
        )
        raise ConfigurationError(message) from error
    except psycopg.errors.DiskFull as error:
        message = (
            f"the database's volume is full: {error.diag.message_primary}; the old data stays "
            "readable; enlarge the volume or drop what is not needed"
        )
        raise ConfigurationError(message) from error
    except psycopg.OperationalError as error:
        message = (
            f"the database went away: {str(error).strip()}; what was not committed is gone, the "
            "old data stays; try again"
        )
        raise TemporaryError(message) from error


_REFUSED = (
    "password authentication failed",
    "does not exist",
    "is not permitted to log in",
    "permission denied for database",
    "no pg_hba.conf entry",
    "no password",
)
"""What no retry cures, as libpq words it: it gives a failed connection no SQLSTATE."""

_INSECURE = (
    "certificate",  # that cannot be verified, is not there, or is of another host
    "does not support SSL",
    "no encryption",
    "invalid ssl",
)
"""What is wrong with TLS, likewise."""


_Result = TypeVar("_Result")


_READ_SECONDS = 5.0
"""How long to wait for the answer to a command that was cancelled."""


class _Interruptible(Connection["TupleRow"]):
    """A connection that can be used after an interrupt, or is closed.

    psycopg cancels the command and goes on with the generator that awaits its result. If the
    interrupt was raised within the generator, that has ended, and the result would stay unread:
    nothing could be cleaned up over the connection.
    """

    def wait(
        self, gen: PQGen[_Result], interval: float = 0.1, timeout: float | None = None
    ) -> _Result:
        try:
            return super().wait(gen, interval, timeout)
        except KeyboardInterrupt:
            self._read_on()
            raise

    def _read_on(self) -> None:
        connection = self.pgconn
        with suppress(psycopg.Error):
            while connection.transaction_status == TransactionStatus.ACTIVE:
                result = waiting.wait(
                    generators.fetch(connection), connection.socket, timeout=_READ_SECONDS
                )
                status = None if result is None else result.status
                if status == ExecStatus.COPY_OUT:
                    break
                if status == ExecStatus.COPY_IN:
                    end = generators.copy_end(connection, b"interrupted")
                    waiting.wait(end, connection.socket, timeout=_READ_SECONDS)
        if connection.transaction_status == TransactionStatus.ACTIVE:
            self.close()


PATIENCE_SECONDS = 15.0
"""How long to wait for a server: in a pod's first seconds its network policy may not be in force,
and a connection that it will allow is refused. Where many pods begin at once on two cores, 5 s were
too few for two or three of a hundred, and each had to be tried again as a new pod."""


def connect(
    settings: Settings, *, patience: float = PATIENCE_SECONDS, **session: str
) -> Connection[TupleRow]:
    """Connect in autocommit mode, with further session settings; try again for `patience` seconds.

    Raises:
        ConfigurationError: the server refuses the role, password or database, or TLS fails.
        TemporaryError: there is no server, or it is starting.

    """
    for attempt in stamina.retry_context(
        on=TemporaryError, attempts=None, timeout=patience, wait_initial=0.2, wait_max=1.0
    ):
        with attempt:
            try:
                return _connect(settings, session)
            except TemporaryError as error:
                # At once: what is wrong is the log's first line, not found after the patience.
                if attempt.num == 1:
                    log.warning("connecting", error=str(error), seconds=patience)
                raise
    message = "unreachable: the last attempt raises"
    raise AssertionError(message)


def _connect(settings: Settings, session: Mapping[str, str]) -> Connection[TupleRow]:
    options = " ".join(f"-c {name}={value}" for name, value in {**_SESSION, **session}.items())
    try:
        return _Interruptible.connect(
            host=settings.pghost,
            port=settings.pgport,
            dbname=settings.pgdatabase,
            user=settings.pguser,
            options=options,
            connect_timeout=10,
            client_encoding="UTF8",
            application_name="imdb",
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        raise refusal(error) from error


def refusal(error: psycopg.OperationalError) -> StepError:
    """Say why there is no connection, and whether another try may help."""
    text = str(error).strip()
    # Before what is refused: a server that wants TLS says that it has no entry for us.
    if any(reason in text for reason in _INSECURE):
        return ConfigurationError(
            f"no trusted connection: {text}; check PGSSLMODE, PGSSLROOTCERT and that PGHOST is "
            "a name of the server's certificate"
        )
    if any(reason in text for reason in _REFUSED):
        return ConfigurationError(
            f"{text}; check PGUSER, PGPASSWORD and PGDATABASE, and that the role may log in "
            "with that password"
        )
    return TemporaryError(f"no connection: {text}; check PGHOST and PGPORT or try again")


def one_row(
    connection: Connection[TupleRow], query: LiteralString | sql.Composed, *parameters: object
) -> TupleRow:
    """Return the row of a query that has exactly one, such as an aggregate."""
    cursor = connection.execute(query, parameters)
    row = cursor.fetchone()
    if row is None:
        message = f"a query that has one row had none: {query}"
        raise AssertionError(message)
    return row


@contextmanager
def locked(connection: Connection[TupleRow], dataset: Dataset) -> Iterator[None]:
    """Hold the lock of one dataset: one loader at a time.

    Raises:
        TemporaryError: another load holds it.

    """
    key = sql.SQL("{}, hashtext({})").format(_LOCK_SPACE, dataset.name)
    (got,) = one_row(connection, sql.SQL("select pg_try_advisory_lock({})").format(key))
    if not got:
        message = f"another load of {dataset.name} is running; nothing was changed; try again"
        raise TemporaryError(message)
    try:
        yield
    finally:
        # A connection that broke has given its lock back already.
        if not connection.closed:
            connection.execute(sql.SQL("select pg_advisory_unlock({})").format(key))
