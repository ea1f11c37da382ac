"""`python -m benchmarks peers`: the loader against other ways into Postgres."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks import plot
from benchmarks.environment import machine, within
from benchmarks.loading import DATASET, plain
from benchmarks.markdown import say, table
from benchmarks.peers import count
from benchmarks.peers.ours import Ours
from benchmarks.peers.peer import INSTALL, PEERS
from benchmarks.peers.rounds import against, median, take
from benchmarks.peers.target import Target
from sandbox import servers
from sandbox.postgres import SUPERUSER
from sandbox.source import cached
from steps.catalog import DATASETS
from steps.charts import ACCENT, MUTED, SECOND, Drawing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from benchmarks.peers.exactness import Wrong
    from benchmarks.peers.peer import Peer
    from benchmarks.peers.rounds import Times
    from steps.catalog import Dataset
    from steps.charts import Row
    from steps.settings import Settings

OURS = "`imdb load`"

_SMALL = 0.001
"""Scale of the files whose values are compared one by one: every kind of text is in them."""


def peers(
    *,
    scale: Annotated[float, typer.Option(help="Size of the files; dlt gets 0.01 at most.")] = 0.05,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of all ways in turn.")] = 3,
    hostile: Annotated[
        bool,
        typer.Option("--hostile", help="Count what is wrong instead, in hostile files too."),
    ] = False,
    only: Annotated[
        str, typer.Option(help="Take but the ways whose name has this, and draw nothing.")
    ] = "",
    state: Annotated[Path, typer.Option(help="Folder of files and servers.")] = Path(
        ".state/peers"
    ),
    docs: Annotated[Path, typer.Option(help="Folder of the plot.")] = plot.DOCS,
) -> None:
    """Compare `imdb load` with other ways into Postgres: a full load, a day, and what is wrong.

    Their tools are in requirements/bench.txt.
    """
    say(machine())
    if any(peer.missing for peer in PEERS):
        say(f"\nSome peers are not installed: {INSTALL}")
    # What an earlier one that broke off has left would be another file to a load.
    servers.down(state / "servers", wipe=True)
    try:
        up = servers.up(state / "servers")
        world = _World(state / "source", up.role(SUPERUSER))
        with within(up.environment()) as settings:
            if hostile:
                _count(world)
                return
            ways = [peer for peer in PEERS if only in peer.name]
            bars = _compare(world, settings, ways, scale, rounds)
            if not only:
                plot.write(docs, _drawing(scale), bars)
    finally:
        servers.down(state / "servers", wipe=True)


def _compare(
    world: _World, settings: Settings, ways: Sequence[Peer], scale: float, rounds: int
) -> list[Row]:
    """Tell how long each way takes; return the bars of the largest scale."""
    exact = _exact(world, ways)
    bars: list[Row] = []
    # The largest last: the plot is of it. Whoever takes less has a table of its own.
    for size in sorted({min(scale, peer.largest) for peer in ways}):
        taking = [peer for peer in ways if peer.timed and min(scale, peer.largest) == size]
        ours, target = world.days(settings, size)
        mine, theirs = take(ours, taking, target, rounds)
        _tell(size, ours, mine, theirs, exact)
        bars = _bars(mine, theirs, exact)
    return bars


@dataclass(frozen=True, slots=True)
class _World:
    """Where the synthetic files are, and the superuser of the server that they go to."""

    source: Path
    superuser: Mapping[str, str]

    def days(self, settings: Settings, scale: float) -> tuple[Ours, Target]:
        """Return two days for ours, and the second of them for the peers."""
        first, second = (cached(self.source, scale=scale, day=day) for day in (0, 1))
        ours = Ours.downloaded(settings, DATASET, (first, second))
        return ours, self.target(second, DATASET)

    def small(self, *, hostile: bool) -> tuple[Path, list[Target]]:
        """Return small files to compare: their folder, and each as a target."""
        folder = cached(self.source, scale=_SMALL, hostile=hostile)
        return folder, [self.target(folder, dataset) for dataset in DATASETS]

    def target(self, folder: Path, dataset: Dataset) -> Target:
        """Return a file, gzipped and plain, of paths that are the same to the server."""
        compressed = folder.absolute() / dataset.file
        text = plain(compressed, compressed.with_suffix(""))
        return Target(dataset, compressed, text, self.superuser)


def _exact(world: _World, ways: Sequence[Peer]) -> dict[str, bool]:
    """Tell which peers give back the file that is timed, of a small and ordinary IMDb."""
    _, targets = world.small(hostile=False)
    files = [target for target in targets if target.dataset == DATASET]
    found = {peer.name: count.theirs(peer, files) for peer in ways if not peer.missing}
    return {name: wrong.exact and not refused for name, (wrong, refused) in found.items()}


def _tell(
    scale: float, ours: Ours, mine: Times, theirs: Mapping[str, Times], exact: Mapping[str, bool]
) -> None:
    changed, total = ours.changed()
    share = (changed.inserted + changed.updated + changed.deleted) / total
    say(
        f"\n### {DATASET.name}, scale {scale:g}: {total:,} rows, of which the day changes "
        f"{share:.2%} ({changed})\n"
    )
    heads = ["way", "exact", "COPY alone, s", "ours is faster", "key and indexes, s"]
    heads += ["ours is faster", "a day, s", "ours is faster"]
    lines = [[OURS, "yes", median(mine.alone), "", median(mine.full), "", median(mine.day), ""]]
    for name, times in theirs.items():
        if times.failed is not None:
            lines.append([name, times.failed, *[""] * 6])
            continue
        columns = ((mine.alone, times.alone), (mine.full, times.full), (mine.day, times.full))
        cells = [
            cell for a, b in columns for cell in ([median(b), against(a, b)] if b else ["", ""])
        ]
        lines.append([name, "yes" if exact[name] else "no", *cells])
    table(heads, lines)


def _bars(ours: Times, theirs: Mapping[str, Times], exact: Mapping[str, bool]) -> list[Row]:
    """Return name, seconds and kind of each bar."""
    kinds = {True: "exact", False: "alters values"}
    return [
        ("imdb load, a day", statistics.median(ours.day), "ours"),
        ("imdb load, all of it", statistics.median(ours.full), "ours"),
        *(
            (name.replace("`", ""), statistics.median(times.full), kinds[exact[name]])
            for name, times in theirs.items()
            if times.failed is None
        ),
    ]


def _count(world: _World) -> None:
    """Tell what each way gets wrong, in ordinary files and in hostile ones."""
    for kind, hostile in (("ordinary", False), ("hostile", True)):
        folder, files = world.small(hostile=hostile)
        say(f"\n### Wrong results: all seven files, {kind}, scale {_SMALL:g}\n")
        lines = [_told(OURS, count.ours(folder, files), {})]
        lines += [
            [peer.name, "not installed", *[""] * 5]
            if peer.missing
            else _told(peer.name, *count.theirs(peer, files))
            for peer in PEERS
        ]
        table(
            ["way", "rows", "lost", "invented", "values altered", "files refused", "for example"],
            lines,
        )


def _told(name: str, wrong: Wrong, refused: Mapping[str, str]) -> list[str]:
    counts = (wrong.rows, wrong.lost, wrong.invented, wrong.altered)
    example = wrong.example or next(iter(refused.values()), "")
    return [
        name,
        *(f"{each:,}" for each in counts),
        ", ".join(refused),
        f"`{example}`" * bool(example),
    ]


def _drawing(scale: float) -> Drawing:
    return Drawing(
        name="peers",
        title="A load and a day, ours and others'",
        caption=(
            f"Seconds that {DATASET.name} takes at scale {scale:g} into a table with key and "
            "indexes. The others load all of it each day."
        ),
        draw=_draw,
    )


def _draw(figure: Figure, rows: Sequence[Row]) -> None:
    colors = {"ours": ACCENT, "exact": MUTED, "alters values": SECOND}
    figure.set_size_inches(6.4, 0.8 + 0.3 * len(rows))
    axes = figure.add_subplot()
    for kind, color in colors.items():
        places = [place for place, row in enumerate(rows) if row[2] == kind]
        seconds = [rows[place][1] for place in places]
        bars = axes.barh(places, seconds, color=color, height=0.7, label=kind)
        axes.bar_label(bars, [f"{each:.1f} s" for each in seconds], padding=4, color=MUTED)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.15 * max(row[1] for row in rows))
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper right")
