"""The command line: `imdb`, or `python -m steps`. Thin: each command is one move."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from steps import command
from steps.catalog import BY_NAME, DATASETS
from steps.outcome import Status
from steps.settings import read_settings

if TYPE_CHECKING:
    from steps.catalog import Dataset

app = typer.Typer(
    name="imdb",
    help="Keep a Postgres warehouse of IMDb's seven nightly files fresh.\n\n"
    "Exit codes: 0 done; 65 the data is bad; 75 temporary, try again; 78 a setting, secret or "
    "role is wrong; 130 and 143 interrupted. After any but 0 of a load readers see what they saw, "
    "unless only what follows its commit failed.\n\n"
    "Settings come from the environment: PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD; "
    "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; IMDB_BUCKET, "
    "IMDB_PREFIX, IMDB_SOURCE_URL, IMDB_CONNECTIONS, IMDB_RETRY_SECONDS, IMDB_SWAP_SECONDS, "
    "IMDB_DEADLINE_SECONDS, IMDB_DATABASE_CAPACITY. For a workflow: IMDB_OUTPUTS, IMDB_DBT_CACHE, "
    "IMDB_MODELS_VERSION.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

if TYPE_CHECKING:
    DatasetName = str
else:
    # Shown as choices in --help; for a type checker a str, which its members are.
    DatasetName = Enum("DatasetName", {item.table: item.name for item in DATASETS}, type=str)

_Dataset = Annotated[DatasetName, typer.Argument(metavar="DATASET", help="Such as title.basics.")]


def _dataset(name: DatasetName) -> Dataset:
    return BY_NAME[str.__str__(name)]


@app.command()
def migrate(
    *,
    wait: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="How long to wait for the server to come up."),
    ] = 5.0,
) -> None:
    """Make or update schemas, raw tables, ledger, roles and grants. PGUSER is the owner's.

    Idempotent: a database that is up to date is left alone. The database's owner has to be a
    member of loader and dbt; loader one of pg_monitor. Whoever may make roles (a superuser) gets
    what is missing of that: roles without a login; give them one with
    `alter role … login password …`.
    """
    from steps import database, schema

    with (
        command.step("migrate") as done,
        database.errors(),
        database.connect(read_settings(), patience=wait) as connection,
    ):
        schema.migrate(connection)
        done.figures["version"] = schema.VERSION


@app.command()
def bucket() -> None:
    """Make the store's bucket if it is missing."""
    from steps.store import Store

    with command.step("bucket") as done:
        settings = read_settings()
        made = Store(settings).make_bucket()
        done.status = Status.CHANGED if made else Status.UNCHANGED
        done.figures = {"bucket": settings.imdb_bucket, "made": made}


@app.command()
def plan(
    *,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="dbt's manifest.json: decide about the models too."),
    ] = None,
    datasets: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Only these, parted by commas; with --manifest."),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(metavar="SELECTION", help="Only models that dbt selects; with --manifest."),
    ] = None,
    full_refresh: Annotated[
        bool,
        typer.Option(
            "--full-refresh/--no-full-refresh",
            help="Build models though nothing changed; with --manifest.",
        ),
    ] = False,
) -> None:
    """Print as JSON what source, store and ledger hold of each dataset and what a run would do.

    With --manifest also which models and tests are to run: those that read what is to be loaded,
    that failed or were not reached, or whose SQL changed.
    """
    from steps import decisions, models
    from steps import plan as plans
    from steps.source import Source
    from steps.store import Store

    if manifest is None and (datasets or select or full_refresh):
        message = "--datasets, --select and --full-refresh need --manifest"
        raise typer.BadParameter(message)
    with command.step("plan") as done:
        settings = read_settings()
        named = decisions.named_datasets(datasets)
        graph = None if manifest is None else models.read_manifest(manifest)
        selected = None
        if select:
            from steps import build as builds

            selected = builds.select(select)
        result = plans.plan(settings, Source(settings), Store(settings))
        printed, changed = result.to_json(), result.changed
        if graph is not None:
            project = models.version(models.folder())
            wish = decisions.Wish(named, selected, full_refresh)
            decided = decisions.decide(result.datasets, graph, result.recorded, project, wish)
            changed = decided.anything
            done.outputs = {**decided.words(graph), "models-version": project}
            printed |= {
                "changed": changed,
                "models": {
                    name: {"build": each.word == "run", "reason": each.reason}
                    for name, each in decided.nodes.items()
                },
                "tasks": done.outputs,
            }
        print(json.dumps(printed, indent=2))
        done.status = Status.CHANGED if changed else Status.UNCHANGED
        done.figures["changed"] = changed


@app.command()
def download(dataset: _Dataset) -> None:
    """Bring the source's version of DATASET into the store, unless it is there.

    Prints the object's key on standard output.
    """
    from steps import download as downloads
    from steps.source import Source
    from steps.store import Store

    with command.step("download", _dataset(dataset)) as done:
        settings = read_settings()
        result = downloads.download(Source(settings), Store(settings), _dataset(dataset))
        print(result.item.key)
        done.status = Status.CACHED if result.rows is None else Status.DOWNLOADED
        done.rows = result.rows
        done.outputs = {"key": result.item.key, "bytes": result.item.size, "rows": result.rows}
        done.figures = {"kind": str(done.status), **done.outputs}


@app.command()
def load(
    dataset: _Dataset,
    *,
    key: Annotated[
        str | None,
        typer.Option(
            "--object",
            metavar="KEY",
            help="Load this object, be it older; without it the pinned one, else the newest.",
        ),
    ] = None,
    pin: Annotated[
        bool, typer.Option("--pin", help="Hold DATASET at the object until --unpin.")
    ] = False,
    unpin: Annotated[
        bool, typer.Option("--unpin", help="Let DATASET follow the source again first.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Let a file through that lost over 5 % of its rows or changes over half.",
        ),
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="Write every row anew, not only those that differ."),
    ] = False,
) -> None:
    """Make the raw table of DATASET show an object of the store, all of it or nothing.

    Does nothing if it shows that object already. Writes the rows that differ from the object
    that it shows, or all of them where that would not pay; the log says why. Readers see the old
    rows until the new ones are complete; views on the raw table survive.
    """
    from steps import database, ledger, schema
    from steps import load as loads
    from steps.store import Store

    if pin and unpin:
        message = "--pin and --unpin contradict each other"
        raise typer.BadParameter(message)
    with command.step("load", _dataset(dataset)) as done:
        settings = read_settings()
        if unpin:
            with database.errors(), database.connect(settings) as connection:
                schema.check_version(connection)
                ledger.unpin(connection, _dataset(dataset))
        result = loads.load(
            settings, Store(settings), _dataset(dataset), key, hold=pin, accept=accept, full=full
        )
        done.status, done.rows = Status(result.kind), result.rows
        done.outputs = {
            "kind": result.kind,
            "rows": result.rows,
            "last-modified": int(result.last_modified.timestamp()),
        }
        changed = asdict(result.changed) if result.changed else {}
        done.outputs |= changed
        done.figures = {"kind": result.kind, "key": result.object_key, "rows": result.rows}
        done.figures |= changed


@app.command()
def history(
    *,
    restore: Annotated[
        bool, typer.Option("--restore", help="Put an object of the store in the place of it.")
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(
            "--object",
            metavar="KEY",
            help="With --restore: this object, else the one that goes furthest.",
        ),
    ] = None,
) -> None:
    """Copy the history of ratings to the store, unless it is there, or take it from there.

    A load of title.ratings does the first, and the second in a database that has no history.
    Prints the object's key on standard output.
    """
    from steps import history as histories
    from steps.store import Store

    if key and not restore:
        message = "--object needs --restore"
        raise typer.BadParameter(message)
    with command.step("history") as done:
        settings = read_settings()
        store = Store(settings)
        if not restore:
            done.status = Status.UNCHANGED
        item = (
            histories.restore(settings, store, key)
            if restore
            else histories.export(settings, store)
        )
        if item is not None:
            print(item.key)
            done.figures = {"key": item.key, "bytes": item.size}


@app.command()
def export(dataset: _Dataset) -> None:
    """Write the raw table of DATASET to standard output as its file's exact text."""
    from steps import export as exports

    with command.step("export", _dataset(dataset)) as done:
        done.status = Status.UNCHANGED
        exports.export(read_settings(), _dataset(dataset), sys.stdout.buffer)


@app.command()
def status() -> None:
    """Show what readers see of each dataset: version, rows, age, the last load."""
    from rich.console import Console

    from steps import status as statuses

    with command.step("status") as done:
        done.status = Status.UNCHANGED
        Console().print(statuses.status(read_settings()))


@app.command()
def build(
    nodes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NODE]...",
            help="Models, tests of several models, sources such as source:raw.title_basics; "
            "without any, everything.",
        ),
    ] = None,
    *,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh/--no-full-refresh", help="Passed on to dbt.")
    ] = False,
    exclude: Annotated[
        str | None, typer.Option(metavar="SELECTION", help="Leave out what dbt selects by this.")
    ] = None,
    statuses: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="How each dataset's load ended, in Argo's words: what reads one that did not "
            "end well is left out.",
        ),
    ] = None,
) -> None:
    """Build dbt models and run their tests, each test once. Needs the role dbt.

    Looks for the dbt project where DBT_PROJECT_DIR says, else in ./dbt, and for its parse
    in IMDB_DBT_CACHE; records IMDB_MODELS_VERSION with each build.
    """
    from steps import build as builds

    with command.step("build") as done:
        built = builds.build(
            nodes or (), full_refresh=full_refresh, exclude=exclude, statuses=statuses
        )
        done.status = Status.BUILT
        done.figures = built.figures()


@app.command()
def prune() -> None:
    """Delete objects that no longer matter and abort uploads that were left open.

    Kept are the newest object of each dataset, a pinned one, and those of its last two loads.
    """
    from steps import prune as prunes
    from steps.store import Store

    with command.step("prune") as done:
        settings = read_settings()
        deleted = prunes.prune(settings, Store(settings))
        done.status = Status.CHANGED if deleted else Status.UNCHANGED
        done.figures["deleted"] = deleted


@app.command()
def report(
    *,
    output: Annotated[Path, typer.Option(metavar="FILE", help="The HTML file to write.")] = Path(
        "report.html"
    ),
    run_results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="dbt's run_results.json.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Questions to answer, a *.sql file each.")
    ] = None,
    steps: Annotated[
        Path | None, typer.Option(metavar="FILE", help="steps.json of `python -m sandbox run`.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="What the tasks of a workflow left, instead of --run-results and --steps.",
        ),
    ] = None,
    statuses: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="With --run: how each task ended, in Argo's words."),
    ] = None,
) -> None:
    """Write the report as one static HTML page. Needs a role that reads ops and marts: dbt."""
    from steps import report as reports

    if (run and (run_results or steps)) or (statuses and not run):
        message = "--run goes with --statuses, not with --run-results or --steps"
        raise typer.BadParameter(message)
    with command.step("report") as done:
        done.status = Status.WRITTEN
        inputs = reports.Inputs(run_results, questions, steps, run, statuses)
        reports.write(read_settings(), output, inputs)


def main() -> None:
    """Run a command and exit with the code of what happened."""
    command.run(app)


if __name__ == "__main__":
    main()
