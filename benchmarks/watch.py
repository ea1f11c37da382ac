"""Looking at the programs of a run from outside, through /proc: memory, and bytes written."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from types import TracebackType

_LOOK_SECONDS = 0.1
"""Between two looks; what a process adds in its last moments may be missed."""


def tree(root: int) -> list[int]:
    """Return a process and its children, Postgres' server and backends for one."""
    with suppress(psutil.NoSuchProcess):
        return [root, *(child.pid for child in psutil.Process(root).children())]
    return []


def written(root: int) -> int:
    """Return bytes that a process and its children, ended ones included, gave the system to write.

    The kernel adds those of a child to its parent's when it has ended. Its `write_bytes` would be
    those that may reach the disk, but counts all of a folio of the page cache for each page that
    is written there: up to twenty times too much on Linux 6.18 with ext4. Postgres' own count
    (pg_stat_io) leaves out what passes shared buffers by, as index builds do.
    """
    return sum(_number(pid, "io", "wchar") for pid in tree(root))


def high_water(pid: int) -> int:
    """Return the most bytes that a process ever had in memory; 0 of one that has ended."""
    return _number(pid, "status", "VmHWM") * 1024


def _number(pid: int, file: str, name: str) -> int:
    with suppress(OSError):
        text = Path(f"/proc/{pid}/{file}").read_text()
        if found := re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE):
            return int(found[1])
    return 0


class Memory(threading.Thread):
    """Peaks of this process's children, by what they are, and of Postgres, in bytes.

    A step's is its high-water mark. Postgres' is the memory of its processes' own at one time,
    and the largest part of the shared buffers that one of them has touched.
    """

    def __init__(self, own: int, postmaster: int) -> None:
        """Watch the children of `own` and the server."""
        super().__init__(daemon=True)
        self._own = own
        self._postmaster = postmaster
        self._over = threading.Event()
        self.steps: dict[str, int] = {}
        self.postgres = 0

    def __enter__(self) -> Self:
        """Begin."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, and wait for the last look."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Look until it is over."""
        peaks: defaultdict[str, int] = defaultdict(int)
        while not self._over.wait(_LOOK_SECONDS):
            for pid in tree(self._own)[1:]:
                if name := step_name(_arguments(pid)):
                    peaks[name] = max(peaks[name], high_water(pid))
            pids = tree(self._postmaster)
            own = sum(_number(pid, "status", "RssAnon") for pid in pids)
            shared = max((_number(pid, "status", "RssShmem") for pid in pids), default=0)
            self.postgres = max(self.postgres, (own + shared) * 1024)
        self.steps = dict(peaks)


def step_name(arguments: list[str]) -> str | None:
    """Return the step that a command line is of: `load`, `build` for dbt; None for others."""
    if "steps" in arguments[:3]:
        return arguments[arguments.index("steps") + 1]
    if any(Path(argument).name == "dbt" for argument in arguments[:2]):
        return "build"
    return None


def _arguments(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    return []
