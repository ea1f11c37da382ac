"""`python -m benchmarks`: prints figures as Markdown, each from this run on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks import growth, loading, week
from benchmarks.environment import machine, within
from benchmarks.markdown import say
from benchmarks.measure import IMDB, pair, process
from benchmarks.peers import command as peers
from sandbox import servers
from sandbox.source import cached, running
from steps import database, ledger, log
from steps.catalog import DATASETS
from steps.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.settings import Settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(peers.peers)
app.command()(growth.growth)
app.command()(week.week)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    *,
    scale: Annotated[
        float, typer.Option(help="Size of the files of load and download; 1 is IMDb's.")
    ] = 0.05,
    scales: Annotated[
        tuple[float, float], typer.Option(help="Two sizes for the whole pipeline.")
    ] = (0.005, 0.02),
    runs: Annotated[int, typer.Option(min=1, help="Pairs of each comparison.")] = 5,
    state: Annotated[Path, typer.Option(help="Folder of files and servers.")] = Path(
        ".state/bench"
    ),
) -> None:
    """Compare with psql and curl, and tell time and memory of the whole pipeline.

    That is the short one; the commands take longer.
    """
    log.configure()
    if context.invoked_subcommand:
        return
    say(machine())
    files = cached(state / "source", scale=scale)
    # What an earlier one that broke off has left would be found unchanged.
    servers.down(state / "servers", wipe=True)
    try:
        with running(files) as url:
            environment = {**servers.up(state / "servers").environment(), "IMDB_SOURCE_URL": url}
            say(f"\n## Memory and time of each step, scale {scale:g}\n")
            _steps(environment)
            say(f"\n## {loading.DATASET.name}, scale {scale:g}\n")
            with within(environment) as settings:
                _loading(settings, environment, files, runs)
                _downloading(settings, environment, url, runs)
    finally:
        servers.down(state / "servers", wipe=True)
    say("\n## The whole pipeline, source to report\n")
    _pipeline(state, scales)


def _steps(environment: Mapping[str, str]) -> None:
    say("| step | dataset | seconds | peak MB |\n|---|---|---|---|")
    for dataset in DATASETS:
        for step in ("download", "load"):
            taken = process([*IMDB, step, dataset.name], environment)
            say(f"| {step} | {dataset.name} | {taken.seconds:.1f} | {taken.peak / 1e6:.0f} |")
    for arguments in (["export", loading.DATASET.name], ["plan"], ["status"], ["prune"]):
        taken = process([*IMDB, *arguments], environment, kept=False)
        say(
            f"| {arguments[0]} | {' '.join(arguments[1:])} | {taken.seconds:.1f} "
            f"| {taken.peak / 1e6:.0f} |"
        )


def _loading(settings: Settings, environment: Mapping[str, str], files: Path, runs: int) -> None:
    compressed = files / loading.DATASET.file
    text = loading.plain(compressed, compressed.with_suffix(""))
    item = Store(settings).objects(loading.DATASET)[0]
    for connections in (1, 2):
        over = settings.model_copy(update={"imdb_connections": connections})
        for how, copied in loading.copy_alone(over, environment, item, text, runs).items():
            say(f"- COPY alone over {connections}, against psql's \\copy {how}: {copied}")
    whole = loading.with_key(settings, environment, IMDB, text, runs)
    say(f"- with key and indexes, against psql's \\copy and the same: {whole}")


def _downloading(settings: Settings, environment: Mapping[str, str], url: str, runs: int) -> None:
    curl = shutil.which("curl")
    if curl is None:
        say("- download: not compared, this machine has no curl")
        return
    store = Store(settings)
    target = f"{url}/{loading.DATASET.file}"

    def ours() -> float:
        for item in store.objects(loading.DATASET):
            store.delete(item)
        return process([*IMDB, "download", loading.DATASET.name], environment).seconds

    def theirs() -> float:
        return process([curl, "--silent", "--fail", "--output", os.devnull, target], {}).seconds

    say(f"- download, checked and stored, against curl to nowhere: {pair(ours, theirs, runs)}")


def _pipeline(state: Path, scales: tuple[float, float]) -> None:
    say("| scale | million rows | first run, s | s a million rows | second run, s |")
    say("|---|---|---|---|---|")
    for scale in scales:
        folder = state / f"run-{scale:g}"
        environment = servers.up(folder).environment()
        with running(cached(state / "source", scale=scale)) as url:
            command = [sys.executable, "-m", "sandbox", "run"]
            command += ["--source", url, "--state", str(folder)]
            first, second = (process(command, environment).seconds for _ in range(2))
        with within(environment) as settings:
            millions = _rows(settings) / 1e6
        say(f"| {scale:g} | {millions:.2f} | {first:.1f} | {first / millions:.1f} | {second:.1f} |")
        servers.down(folder, wipe=True)


def _rows(settings: Settings) -> int:
    with database.connect(settings) as connection:
        loads = [ledger.latest_load(connection, dataset) for dataset in DATASETS]
    return sum(load.rows for load in loads if load is not None)


if __name__ == "__main__":
    app()
