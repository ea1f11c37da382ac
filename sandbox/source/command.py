"""The command: generate the files of a day and serve them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from sandbox.source.cache import cached, partly
from sandbox.source.generate import LARGEST_SCALE, SMALLEST_SCALE
from sandbox.source.server import serve
from sandbox.source.world import LAST_DAY
from steps import log
from steps.catalog import BY_NAME

_FOLDER = Path(".state/source")


def source(
    scale: Annotated[
        float,
        typer.Option(min=SMALLEST_SCALE, max=LARGEST_SCALE, help="Size; 1 is IMDb's, 213 M rows."),
    ] = 0.001,
    seed: Annotated[int, typer.Option(help="Another seed is another IMDb.")] = 1,
    day: Annotated[
        int, typer.Option(min=0, max=LAST_DAY, help="Day after 2026-01-01, when it begins.")
    ] = 0,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 is any free one.")
    ] = 0,
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET",
            help="Such as title.ratings: only it is of DAY, the others of the day before. "
            "May be given more than once.",
        ),
    ] = None,
    hostile: Annotated[
        bool, typer.Option("--hostile", help="Put texts in that parsers stumble over.")
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="Where generated files are kept and found again.")
    ] = _FOLDER,
    only_write: Annotated[
        bool, typer.Option("--only-write", help="Print the folder of the files; serve nothing.")
    ] = False,
) -> None:
    """Serve a synthetic IMDb: seven files of invented rows, shaped like the real ones."""
    log.configure()
    # As an exception, so that what is half made is stopped and left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    files = cached(folder, scale=scale, seed=seed, day=day, hostile=hostile)
    if only:
        if unknown := set(only) - set(BY_NAME):
            message = f"no such dataset: {', '.join(sorted(unknown))}"
            raise typer.BadParameter(message)
        if day == 0:
            message = "--only needs a --day after 0: the others are of the day before"
            raise typer.BadParameter(message)
        before = cached(folder, scale=scale, seed=seed, day=day - 1, hostile=hostile)
        files = partly(files, before, frozenset(only))
    if only_write:
        typer.echo(files)
    else:
        serve(files, port, host, announce=typer.echo)
