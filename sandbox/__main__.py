"""The laptop's commands: `python -m sandbox up | down | run | source | psql`."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import psycopg
import structlog
import typer

from sandbox import postgres, servers
from sandbox.source import cached, running
from sandbox.source import command as source_command
from sandbox.source.generate import LARGEST_SCALE, SMALLEST_SCALE
from sandbox.source.world import LAST_DAY
from steps.errors import ConfigurationError, StepError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from sandbox import run as runs

app = typer.Typer(
    help="IMDb's warehouse on a laptop: embedded Postgres and S3, a synthetic IMDb, a plain run.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

StateFolder = Annotated[
    Path,
    typer.Option(help="Folder of the servers' data, logs and passwords.", metavar="DIR"),
]

DEFAULT_STATE = Path(".state")

DEMO_SCALE = 0.01
"""2.1 M rows: enough for every mart to have rows, little enough to end within two minutes."""


@app.command()
def up(state: StateFolder = DEFAULT_STATE) -> None:
    """Bring up Postgres and S3 and print their settings as shell exports.

    Use it as  eval "$(python -m sandbox up)"  and psql, dbt, boto3 and `imdb` find them.
    Servers that are up stay as they are; what a crash left behind is recovered. Both listen
    on 127.0.0.1 only, on ports that stay the same while nobody else takes them.
    """
    for name, value in servers.up(state).environment().items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def down(
    state: StateFolder = DEFAULT_STATE,
    *,
    wipe: Annotated[bool, typer.Option("--wipe", help="Also delete their data.")] = False,
) -> None:
    """End the servers that `up` started; their data stays for the next `up`."""
    servers.down(state, wipe=wipe)


@app.command()
def psql(
    arguments: Annotated[list[str] | None, typer.Argument(help="Arguments of psql.")] = None,
    state: StateFolder = DEFAULT_STATE,
    role: Annotated[
        Literal["reader", "dbt", "loader", "postgres"],
        typer.Option(help="Whom to be; postgres is the superuser."),
    ] = "reader",
) -> None:
    """Open the database with psql, the servers brought up if need be; the marts stand first.

    Arguments of psql follow two dashes:  python -m sandbox psql -- -c 'select …'
    """
    up_servers = servers.up(state)
    environment = {
        **os.environ,
        **up_servers.role(role),
        "PGOPTIONS": "-c search_path=marts,public",
    }
    # psql takes this process's place: the terminal and its signals are psql's own.
    os.execve(  # noqa: S606
        postgres.BINARIES / "psql", ["psql", *(arguments or [])], environment
    )


app.command()(source_command.source)


@app.command()
def run(
    source: Annotated[
        str | None,
        typer.Option(
            envvar="IMDB_SOURCE_URL",
            metavar="URL",
            help="Folder of the seven files; without it a synthetic IMDb is made and served.",
        ),
    ] = None,
    scale: Annotated[
        float,
        typer.Option(
            min=SMALLEST_SCALE, max=LARGEST_SCALE, help="Size of the synthetic IMDb; 1 is IMDb's."
        ),
    ] = DEMO_SCALE,
    day: Annotated[int, typer.Option(min=0, max=LAST_DAY, help="Day of the synthetic IMDb.")] = 0,
    state: StateFolder = DEFAULT_STATE,
) -> None:
    """Do a whole run: plan, download and load what is new, build the models, write the report.

    It uses the servers that PGHOST and IMDB_BUCKET name, if both are set, else the embedded
    ones, brought up if need be. Servers of your own are prepared once by `imdb migrate` as
    superuser and by giving the roles loader (PGUSER, PGPASSWORD) and dbt (IMDB_DBT_PASSWORD,
    or else the same password) a login.

    A second run finds all unchanged and takes seconds. If a dataset fails, the others land
    and the models that do not need it are built. The exit code is the worst step's: 65 bad
    data or a failed test, 75 try again, 78 a wrong setting, 130 and 143 interrupted.
    """
    # Here: none of the other commands needs them, and they take as long as `up` does.
    from rich.console import Console  # noqa: PLC0415

    from sandbox import run as runs  # noqa: PLC0415
    from sandbox import summary  # noqa: PLC0415
    from sandbox.build import connect  # noqa: PLC0415

    console = Console()
    try:
        with _source(console, source, state, scale, day) as url, summary.Screen(console) as screen:
            chosen = _servers(state, url)
            steps = runs.run(chosen, state / servers.RUN, screen)
    except KeyboardInterrupt as interrupt:
        number = interrupt.args[0] if interrupt.args else signal.SIGINT
        console.print("[red]interrupted[/]; what was not committed is gone, the rest stays")
        sys.exit(128 + number)
    summary.tell_steps(console, steps)
    # Without a database the steps have said so.
    with suppress(psycopg.OperationalError), connect(chosen.dbt) as connection:
        summary.tell_marts(console, connection)
    console.print(f"Report: {state / servers.RUN / 'report.html'}", soft_wrap=True)
    sys.exit(runs.worst(steps))


@app.command()
def docs(state: StateFolder = DEFAULT_STATE) -> None:
    """Write dbt's documentation of the models, with their lineage, as one HTML file.

    It describes the tables of the database that `run` would use, as they stand.
    """
    from sandbox.build import Build  # noqa: PLC0415
    from sandbox.children import Children  # noqa: PLC0415

    output = state / servers.RUN / "docs.html"
    output.parent.mkdir(parents=True, exist_ok=True)
    ended = Build(_servers(state).dbt).write_docs(Children(), output)
    if ended.code:
        typer.echo(f"error: dbt docs failed: {ended.said or ended.last}", err=True)
        sys.exit(70)
    typer.echo(output)


@contextmanager
def _source(
    console: Console, url: str | None, state: Path, scale: float, day: int
) -> Iterator[str]:
    """Give the source's address: the one asked for, or that of a synthetic IMDb served here."""
    if url is not None:
        yield url
        return
    # Its log is for whoever watches it alone.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with console.status(f"making a synthetic IMDb of scale {scale:g}, day {day}"):
        folder = cached(state / servers.RUN / "source", scale=scale, day=day)
    with running(folder) as served:
        yield served


def _servers(state: Path, source: str | None = None) -> runs.Servers:
    """Choose the servers: those that the environment names, else the embedded ones."""
    from sandbox import run as runs  # noqa: PLC0415

    named = [name for name in ("PGHOST", "IMDB_BUCKET") if os.environ.get(name)]
    if len(named) == 1:
        message = (
            f"{named[0]} is set, but PGHOST and IMDB_BUCKET go together; set both for servers of "
            "your own, or neither for the embedded ones"
        )
        raise ConfigurationError(message)
    settings = {} if named else servers.up(state).environment()
    loader = {**os.environ, **settings, **({"IMDB_SOURCE_URL": source} if source else {})}
    password = loader.get("IMDB_DBT_PASSWORD")
    dbt = {**loader, "PGUSER": "dbt", **({"PGPASSWORD": password} if password else {})}
    return runs.Servers(loader, dbt)


def main() -> None:
    """Run a command; an error that a user can cause is one line, not a traceback."""
    try:
        app()
    except StepError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
