"""The programs of one run: started together, listened to, and stopped together."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_GRACE_SECONDS = 20.0
"""What a program gets to abort its upload or roll back before it is killed."""

_KEPT_LINES = 20
"""How much of what a program said besides events is kept to explain its failure."""


class StoppedError(Exception):
    """The run is being stopped: no further program is started."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its last event, what it printed, what else it said."""

    code: int
    last: dict[str, Any]
    output: str
    said: str

    @property
    def message(self) -> str:
        """Why it failed, in its own words."""
        return str(self.last.get("error") or self.said or f"exit code {self.code}")


@dataclass(slots=True)
class Children:
    """The programs that run now. Thread-safe: the chains of a run share one."""

    _running: dict[subprocess.Popen[str], signal.Signals] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        listen: Callable[[dict[str, Any]], None],
        *,
        end: signal.Signals = signal.SIGTERM,
        log_on_stdout: bool = False,
    ) -> Ended:
        """Run a program to its end; `listen` gets each JSON line of its log.

        The log is its standard error or, if so told, its standard output; `end` is the signal
        after which it cleans up.

        Raises:
            StoppedError: the run is being stopped.

        """
        with self._lock:
            if self._stopping:
                raise StoppedError
            # A session of its own: ctrl-C reaches this process alone, which stops the others
            # in a way each of them cleans up after.
            process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if log_on_stdout else subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            self._running[process] = end
        try:
            return self._follow(process, listen)
        except BaseException:
            # An interrupt of this very thread: nobody else would end the program any more.
            _end({process: end})
            raise
        finally:
            with self._lock:
                del self._running[process]

    def stop(self) -> None:
        """Ask every program to end, wait, and kill what has not ended."""
        with self._lock:
            self._stopping = True
            running = dict(self._running)
        _end(running)

    @staticmethod
    def _follow(process: subprocess.Popen[str], listen: Callable[[dict[str, Any]], None]) -> Ended:
        output: list[str] = []
        reader = None
        log = process.stderr or process.stdout
        assert log is not None  # noqa: S101
        if process.stderr is not None:
            # Both pipes are read at once: a full one would stop the program.
            reader = threading.Thread(target=lambda: output.extend(process.stdout or ()))
            reader.start()
        last: dict[str, Any] = {}
        said: deque[str] = deque(maxlen=_KEPT_LINES)
        for line in log:
            event = _event(line)
            if event is None:
                said.append(line.rstrip())
            else:
                last = event
                listen(event)
        if reader is not None:
            reader.join()
        return Ended(process.wait(), last, "".join(output), "\n".join(said))


def _end(running: Mapping[subprocess.Popen[str], signal.Signals]) -> None:
    for process, end in running.items():
        process.send_signal(end)
    for process in running:
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _event(line: str) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict):
            return event
    return None
