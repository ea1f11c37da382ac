"""How far a step has come: a bar on a terminal, else a heartbeat in the log.

Argo Workflows reads `done/total` from the file that ARGO_PROGRESS_FILE names and shows it in
its UI (source: https://argo-workflows.readthedocs.io/en/latest/progress/).
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from steps.log import HEARTBEAT_SECONDS, log

if TYPE_CHECKING:
    from collections.abc import Iterator

_REDRAW_SECONDS = 0.5


class Meter:
    """What a step counts while it runs; written by the step, read by the display."""

    def __init__(self, total: int | None) -> None:
        """Start at nothing of `total` compressed bytes (None: not known)."""
        self.total = total
        self.done = 0
        self.rows = 0
        self.phase = "starting"
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start, never zero."""
        return max(time.monotonic() - self.started, 1e-6)

    def figures(self) -> dict[str, object]:
        """Return what a heartbeat says."""
        figures: dict[str, object] = {
            "phase": self.phase,
            "bytes": self.done,
            "rows": self.rows,
            "seconds": round(self.seconds, 1),
            "rows_per_second": round(self.rows / self.seconds),
        }
        if self.total:
            figures["total_bytes"] = self.total
            if self.done:
                left = self.seconds * (self.total - self.done) / self.done
                figures["seconds_left"] = round(max(left, 0.0), 1)
        return figures


def _tell_argo(meter: Meter) -> None:
    path = os.environ.get("ARGO_PROGRESS_FILE")
    if path and meter.total:
        # Of a hundred: in bytes, one large file would hide the tasks of all others in a run's sum.
        percent = 100 * min(meter.done, meter.total) // meter.total
        # In one go: whoever reads it while it is written finds the last figure, not nothing.
        new = Path(f"{path}.new")
        new.write_text(f"{percent}/100\n", encoding="ascii")
        new.replace(path)


def _beat(meter: Meter, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_SECONDS):
        log.info("progress", **meter.figures())
        _tell_argo(meter)


def _draw(meter: Meter, ended: threading.Event, title: str) -> None:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[rows]:>13,} rows {task.fields[rate]:>9,}/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(title, total=meter.total, rows=0, rate=0)
        while True:
            over = ended.wait(_REDRAW_SECONDS)
            bar.update(
                task,
                total=meter.total,
                completed=meter.done,
                rows=meter.rows,
                rate=round(meter.rows / meter.seconds),
                description=f"{title}: {meter.phase}",
            )
            _tell_argo(meter)
            if over:
                return


@contextmanager
def shown(title: str, total: int | None) -> Iterator[Meter]:
    """Show a meter while the block runs, from a thread of its own.

    The thread keeps beating while the step waits for a server, as during an index build.
    """
    meter = Meter(total)
    ended = threading.Event()
    # A thread begins without the context that gives each log line its step and dataset.
    run = contextvars.copy_context().run
    if sys.stderr.isatty():
        thread = threading.Thread(target=run, args=(_draw, meter, ended, title), daemon=True)
    else:
        thread = threading.Thread(target=run, args=(_beat, meter, ended), daemon=True)
    thread.start()
    try:
        yield meter
    finally:
        ended.set()
        thread.join()
        _tell_argo(meter)
