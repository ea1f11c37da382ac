"""`python -m workflows`: compile the manifests, draw their graph."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml

from steps.errors import ConfigurationError
from steps.models import Graph, read_graph
from workflows import compiled, manifest
from workflows.picture import picture as draw
from workflows.pipeline import Granularity

app = typer.Typer(
    name="workflows",
    help="Compile the pipeline's Argo manifests from Python and the dbt project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_Manifest = Annotated[
    Path | None,
    typer.Option(
        "--manifest",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="dbt's manifest.json; without it the dbt project is parsed.",
    ),
]


@app.command("compile")
def compile_(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a manifest is stale.")
    ] = False,
    file: _Manifest = None,
    granularity: Annotated[
        Granularity | None,
        typer.Option(help="Print the WorkflowTemplate of this granularity and write nothing."),
    ] = None,
) -> None:
    """Write the manifests of charts/imdb/files."""
    graph = _graph(file)
    if granularity is not None:
        sys.stdout.write(compiled.compile_one(graph, granularity))
        return
    files = compiled.compile_all(graph)
    if check:
        for name in (stale := compiled.stale(files)):
            typer.echo(f"{name} is stale: run `python -m workflows compile`", err=True)
        raise typer.Exit(bool(stale))
    for name in compiled.write(files):
        typer.echo(f"wrote {compiled.FOLDER / name}")


@app.command()
def picture(*, file: _Manifest = None) -> None:
    """Print the graph of the workflow as a Mermaid picture."""
    graph = _graph(file)
    sys.stdout.write(draw(yaml.safe_load(compiled.compile_one(graph, Granularity.MODEL))))


def _graph(file: Path | None) -> Graph:
    try:
        return read_graph(manifest.read(file) if file else manifest.parse())
    except (manifest.ManifestError, ConfigurationError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
