"""What a run tells a person: what runs now, what became of each step, what the marts say."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from steps.outcome import Status, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

_COLORS = {
    Status.FAILED: "red",
    Status.UNCHANGED: "dim",
    Status.CACHED: "dim",
    Status.SKIPPED: "dim",
}

_ANSWERS = {
    "Best film": """
        select primary_title || coalesce(' (' || start_year || ')', '') || ': '
            || average_rating || ' of ' || to_char(num_votes, 'FM999,999,999') || ' votes'
        from mart_top_titles where title_type = 'movie' and num_votes >= 10000
        order by type_rank limit 1
    """,
    "Best series": """
        select series_title || ': ' || round(avg_series_rating, 1) || ' over '
            || total_episodes || ' episodes'
        from mart_series_analytics where total_series_votes >= 10000
        order by avg_series_rating desc, series_tconst limit 1
    """,
    "Busiest person": """
        select person_name || ': ' || total_credits || ' titles, mostly as ' || dominant_role
        from mart_person_career order by total_credits desc, nconst limit 1
    """,
    "Largest genre": """
        select genre || ': ' || round(100 * market_share, 1) || ' % of all genre tags'
        from mart_genre_analytics order by market_share desc, genre limit 1
    """,
}


class Screen:
    """The audience of a run: a line for each step that ends, below them what runs now."""

    def __init__(self, console: Console) -> None:
        """Write to a console; what runs now is shown only on a terminal."""
        self._console = console
        self._lock = threading.Lock()
        self._now: dict[tuple[str, str | None], tuple[float, str]] = {}
        self._spinner = Spinner("dots")
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Self:
        """Begin to show what runs."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing what runs."""
        self._live.stop()

    def running(self, step: str, dataset: str | None, figures: Mapping[str, Any]) -> None:
        """Note how far a step is."""
        with self._lock:
            began, _ = self._now.get((step, dataset), (time.monotonic(), ""))
            parts = [str(figures["phase"])] if "phase" in figures else []
            if figures.get("rows"):
                parts.append(f"{figures['rows']:,} rows")
            self._now[step, dataset] = (began, ", ".join(parts))

    def ended(self, step: Step) -> None:
        """Write the step's line."""
        with self._lock:
            self._now.pop((step.step, step.dataset), None)
        color = _COLORS.get(step.status, "green")
        rows = "" if step.rows is None else f"{step.rows:,} rows"
        name = f"{step.step:<9}{step.dataset or '':<17}"
        line = f"{name}[{color}]{step.status:<11}[/]{rows:>17}{step.seconds:8.1f} s"
        self._console.print(line, highlight=False)
        if step.message:
            self._console.print(f"         [red]{escape(step.message)}[/]", highlight=False)

    def _render(self) -> Group:
        with self._lock:
            now = list(self._now.items())
        lines = [
            f"{step} {dataset or ''} {time.monotonic() - began:.0f} s  [dim]{escape(text)}[/]"
            for (step, dataset), (began, text) in now
        ]
        self._spinner.update(text="\n".join(lines))
        return Group(self._spinner)


def tell_steps(console: Console, steps: Sequence[Step]) -> None:
    """Write what became of each step."""
    console.print(_steps(steps))


def tell_marts(console: Console, connection: psycopg.Connection) -> None:
    """Write the marts' rows and a few of their answers."""
    marts = _marts(connection)
    if not marts:
        console.print("No mart is built yet.")
        return
    table = Table("mart", title="Marts", title_justify="left", box=None)
    table.add_column("rows", justify="right")
    for name, rows in marts:
        table.add_row(name, f"{rows:,}")
    console.print(table)
    for words, query in _ANSWERS.items():
        answer = _answer(connection, query)
        if answer is not None:
            console.print(f"[bold]{words}[/]  {escape(answer)}", highlight=False)


def _steps(steps: Sequence[Step]) -> Table:
    table = Table("step", "dataset", "status", title="Steps", title_justify="left", box=None)
    for name in ("rows", "seconds", "rows/s"):
        table.add_column(name, justify="right")
    for each in steps:
        worked = each.rows is not None and each.status in {Status.DOWNLOADED, Status.FULL}
        rate = f"{each.rows / each.seconds:,.0f}" if worked and each.rows and each.seconds else ""
        table.add_row(
            each.step,
            each.dataset or "",
            f"[{_COLORS.get(each.status, 'green')}]{each.status}[/]",
            "" if each.rows is None else f"{each.rows:,}",
            f"{each.seconds:.1f}",
            rate,
        )
    return table


def _marts(connection: psycopg.Connection) -> list[tuple[str, int]]:
    """Return the tables of schema marts and their rows."""
    names = connection.execute(
        "select tablename from pg_tables where schemaname = 'marts' order by tablename"
    ).fetchall()
    found = []
    for (name,) in names:
        query = sql.SQL("select count(*) from {}").format(sql.Identifier("marts", name))
        row = connection.execute(query).fetchone()
        found.append((name, int(row[0]) if row else 0))
    return found


def _answer(connection: psycopg.Connection, query: str) -> str | None:
    """Return an answer in words, None where the mart is not built or has no row for it."""
    try:
        row = connection.execute(query.encode()).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return None if row is None or row[0] is None else str(row[0])
