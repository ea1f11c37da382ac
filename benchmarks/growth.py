"""`python -m benchmarks growth`: what a first run and a day take, by the size of the IMDb."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks import day, plot
from benchmarks.day import Day
from benchmarks.environment import machine
from benchmarks.exponent import exponent
from benchmarks.markdown import say, table
from sandbox import servers
from sandbox.source import cached
from steps.charts import ACCENT, MUTED, SECOND, Drawing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from steps.charts import Row

_MEGABYTE, _GIGABYTE = 1e6, 1e9

_VERSION = 2
"""Of how runs are measured: what was kept of another is not to be told beside what is taken now."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Runs at one scale on one machine: the first, the next day's, and again with nothing new."""

    scale: float
    machine: str
    first: Day
    second: Day
    again: Day


def kept(folder: Path, scale: float, run: Callable[[float], tuple[Day, Day, Day]]) -> Taken:
    """Return what was taken at a scale before, from its file, or else take it and write that."""
    file = folder / f"growth-{scale:g}-v{_VERSION}.json"
    if file.exists():
        found = json.loads(file.read_text())
        runs = (Day.from_json(found[name]) for name in ("first", "second", "again"))
        return Taken(found["scale"], found["machine"], *runs)
    taken = Taken(scale, machine(), *run(scale))
    written = {
        "scale": scale,
        "machine": taken.machine,
        "first": taken.first.to_json(),
        "second": taken.second.to_json(),
        "again": taken.again.to_json(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(written, indent=1))
    return taken


def growth(
    scales: Annotated[list[float] | None, typer.Argument(help="Sizes; 1 is IMDb's.")] = None,
    *,
    state: Annotated[
        Path,
        typer.Option(help="Folder of files, servers and results; delete growth-….json to redo it."),
    ] = Path(".state/growth"),
    docs: Annotated[Path, typer.Option(help="Folder of the plot.")] = plot.DOCS,
) -> None:
    """Run the whole pipeline at several scales, first, a day later and again, and fit the growth.

    Results are kept: a scale that was taken before, here or elsewhere, is not run again.
    """

    def run(scale: float) -> tuple[Day, Day, Day]:
        folder = state / f"run-{scale:g}"
        servers.down(folder, wipe=True)
        try:
            (first,) = _run(folder, state / "source", scale, 0, times=1)
            second, again = _run(folder, state / "source", scale, 1, times=2)
        finally:
            servers.down(folder, wipe=True)
        return first, second, again

    taken = [kept(state, scale, run) for scale in sorted(set(scales or (0.01, 0.1)))]
    for each in sorted({one.machine for one in taken}):
        say(each)
    _tell(taken)
    rows = [
        (
            each.scale,
            each.first.seconds,
            each.second.seconds,
            max(each.first.peaks.values()),
            each.first.postgres,
            each.first.database,
        )
        for each in taken
    ]
    plot.write(docs, DRAWING, rows)


def _run(folder: Path, source: Path, scale: float, number: int, *, times: int) -> list[Day]:
    """Run one day so many times and delete its files, which the store has now."""
    files = cached(source, scale=scale, day=number)
    try:
        return [day.take(folder, files) for _ in range(times)]
    finally:
        shutil.rmtree(files)


def _figures(run: Day) -> dict[str, float]:
    """Return what a column of the table shows, by the words for it."""
    peaks = {f"peak of a {name}, MB": peak / _MEGABYTE for name, peak in run.peaks.items()}
    wanted = ("peak of a download, MB", "peak of a load, MB", "peak of a build, MB")
    return {
        "whole run, s": run.seconds,
        "downloads and loads, side by side, s": run.parts["files"].seconds,
        "downloads, added up, s": run.steps["download"],
        "loads, added up, s": run.steps["load"],
        "models and tests, s": run.parts["models"].seconds,
        **{name: peaks[name] for name in wanted},
        "peak of Postgres, MB": run.postgres / _MEGABYTE,
        "database, GB": run.database / _GIGABYTE,
        "into the store, MB": run.stored / _MEGABYTE,
        "written by Postgres, GB": run.written / _GIGABYTE,
        "of which write-ahead log, GB": run.log / _GIGABYTE,
    }


def _tell(taken: Sequence[Taken]) -> None:
    sizes = [each.first.rows for each in taken]
    for title, columns in (
        ("First run", [_figures(each.first) for each in taken]),
        ("The next day", [_figures(each.second) for each in taken]),
        ("Again, with nothing new", [{"whole run, s": each.again.seconds} for each in taken]),
    ):
        say(f"\n### {title}\n")
        heads = [
            f"scale {each.scale:g}, {rows / 1e6:.1f} M rows"
            for each, rows in zip(taken, sizes, strict=True)
        ]
        table(
            ["what", *heads, "grows with the rows to the power of"],
            [
                [name, *(f"{each[name]:,.3g}" for each in columns), _power(sizes, columns, name)]
                for name in columns[0]
            ],
        )


def _power(sizes: Sequence[int], columns: Sequence[dict[str, float]], name: str) -> str:
    values = [each[name] for each in columns]
    return f"{exponent(sizes, values):.2f}" if len(set(sizes)) > 1 and min(values) > 0 else ""


def _draw(figure: Figure, rows: Sequence[Row]) -> None:
    figure.set_size_inches(6.4, 3.0)
    scales = [row[0] for row in rows]
    panels = (
        ("seconds of a run", ((1, "first run", ACCENT, 1.0), (2, "next day", SECOND, 1.0))),
        (
            "peak memory, MB",
            ((3, "largest step", ACCENT, _MEGABYTE), (4, "Postgres", SECOND, _MEGABYTE)),
        ),
        ("database, GB", ((5, "database", ACCENT, _GIGABYTE),)),
    )
    for place, (title, lines) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), place)
        axes.set_title(title)
        for column, label, color, unit in lines:
            values = [row[column] / unit for row in rows]
            power = f" ^{exponent(scales, values):.2f}" if len(rows) > 1 else ""
            axes.plot(scales, values, color=color, marker="o", label=label + power)
            for scale, value in zip(scales, values, strict=True):
                axes.annotate(
                    f"{value:,.2g}" if value < 1 else f"{value:,.0f}",
                    (scale, value),
                    xytext=(0, 5),
                    textcoords="offset points",
                    ha="center",
                    color=color,
                    fontsize=7,
                )
        axes.plot(
            scales,
            [values[-1] * scale / scales[-1] for scale in scales],
            color=MUTED,
            linewidth=0.8,
            linestyle=":",
            label="in proportion",
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("scale")
        axes.set_xticks(scales, [f"{scale:g}" for scale in scales])
        axes.set_yticks([])
        axes.minorticks_off()
        axes.margins(x=0.2, y=0.3)
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(0, -0.25))


DRAWING = Drawing(
    name="growth",
    title="What runs take, by size",
    caption=(
        "Seconds, memory and database of a first run and seconds of the next day's, by scale, both "
        "axes logarithmic; scale 1 is IMDb's size. The dotted line grows in proportion."
    ),
    draw=_draw,
)
