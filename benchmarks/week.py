"""`python -m benchmarks week`: a first run and the days after it, in seconds and bytes written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks import day, plot
from benchmarks.environment import machine
from benchmarks.markdown import say, table
from sandbox import servers
from sandbox.source import cached
from steps.charts import ACCENT, MUTED, SECOND, Drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from benchmarks.day import Day
    from steps.charts import Row

_MEGABYTE = 1e6
_FILES, _MODELS = "files", "models"


def week(
    *,
    scale: Annotated[float, typer.Option(help="Size; 1 is IMDb's.")] = 0.1,
    days: Annotated[int, typer.Option(min=1, help="Days after the first run.")] = 7,
    state: Annotated[Path, typer.Option(help="Folder of files and servers.")] = Path(".state/week"),
    docs: Annotated[Path, typer.Option(help="Folder of the plot.")] = plot.DOCS,
) -> None:
    """Run the whole pipeline day by day and tell what each part of each day took and wrote."""
    say(f"{machine()}; scale {scale:g}\n")
    folder = state / "servers"
    servers.down(folder, wipe=True)
    taken = []
    try:
        for number in range(days + 1):
            files = cached(state / "source", scale=scale, day=number)
            taken.append(day.take(folder, files))
            shutil.rmtree(files)
    finally:
        servers.down(folder, wipe=True)
    _tell(taken)
    plot.write(docs, DRAWING, [_row(number, run) for number, run in enumerate(taken)])


def _tell(taken: Sequence[Day]) -> None:
    heads = ["day", "whole, s", "downloads and loads, s", "models and tests, s", "rest, s"]
    heads += ["into the store, MB", "by downloads and loads, MB", "of which log"]
    heads += ["by models and tests, MB", "of which log"]
    heads += ["database, MB"]
    lines = []
    for number, run in enumerate(taken):
        files, models = run.parts[_FILES], run.parts[_MODELS]
        seconds = (run.seconds, files.seconds, models.seconds)
        sizes = (run.stored, files.written, files.log, models.written, models.log, run.database)
        lines.append(
            [
                "first run" if number == 0 else number,
                *(f"{each:.1f}" for each in (*seconds, seconds[0] - seconds[1] - seconds[2])),
                *(f"{each / _MEGABYTE:,.0f}" for each in sizes),
            ]
        )
    table(heads, lines)


def _row(number: int, run: Day) -> Row:
    """Return a day's bars: seconds of files, models and the rest; bytes of store and database."""
    files, models = run.parts[_FILES], run.parts[_MODELS]
    rest = run.seconds - files.seconds - models.seconds
    return (
        "first" if number == 0 else str(number),
        (files.seconds, models.seconds, rest),
        (files.written, models.written, run.stored),
    )


def _draw(figure: Figure, rows: Sequence[Row]) -> None:
    figure.set_size_inches(6.4, 2.8)
    _stacked(
        figure,
        1,
        "seconds",
        [(row[0], row[1]) for row in rows],
        ("downloads and loads", "models and tests", "plan and report"),
    )
    _stacked(
        figure,
        2,
        "MB written",
        [(row[0], tuple(each / _MEGABYTE for each in row[2])) for row in rows],
        ("raw tables", "models", "store"),
    )


def _stacked(
    figure: Figure,
    place: int,
    title: str,
    bars: Sequence[tuple[str, tuple[float, ...]]],
    labels: tuple[str, ...],
) -> None:
    axes = figure.add_subplot(1, 2, place)
    axes.set_title(title)
    bottom = [0.0] * len(bars)
    for number, (label, color) in enumerate(zip(labels, (ACCENT, SECOND, MUTED), strict=True)):
        values = [bar[1][number] for bar in bars]
        drawn = axes.bar(range(len(bars)), values, bottom=bottom, color=color, label=label)
        bottom = [a + b for a, b in zip(bottom, values, strict=True)]
    axes.bar_label(drawn, [f"{total:,.0f}" for total in bottom], padding=2, color=MUTED, fontsize=7)
    axes.set_xticks(range(len(bars)), [bar[0] for bar in bars])
    axes.set_xlabel("day")
    axes.grid(visible=False, axis="x")
    axes.legend(fontsize=7)


DRAWING = Drawing(
    name="week",
    title="A week, day by day",
    caption="Seconds and bytes written by each part of a first run and of the days after it.",
    draw=_draw,
)
