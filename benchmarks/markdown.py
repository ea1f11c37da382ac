"""What a command prints: Markdown, for the README to take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def say(text: str) -> None:
    """Print a line at once: a run takes minutes, and somebody is watching."""
    print(text, flush=True)  # noqa: T201 - what the commands are for


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; cells that are numbers stand as they come."""
    say(f"| {' | '.join(head)} |")
    say(f"|{'---|' * len(head)}")
    for row in rows:
        say(f"| {' | '.join(map(str, row))} |")
