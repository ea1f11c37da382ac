"""What every command does around its step: signals, log, what a workflow reads, the exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import structlog

from steps.errors import ConfigurationError, StepError
from steps.log import configure, log
from steps.outcome import Done, Status, Step, leave

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from steps.catalog import Dataset


@contextmanager
def step(name: str, dataset: Dataset | None = None) -> Iterator[Done]:
    """Tell log and workflow what a step did, as it says in what it is given, or why it failed."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(step=name)
    if dataset is not None:
        structlog.contextvars.bind_contextvars(dataset=dataset.name)
    began = time.monotonic()
    done = Done()
    code, message = 0, None
    try:
        try:
            yield done
        except StepError as error:
            log.error("failed", error=str(error), kind=type(error).__name__, **error.where)
            code, message = error.exit_code, str(error)
        except KeyboardInterrupt as interrupt:
            number = interrupt.args[0] if interrupt.args else signal.SIGINT
            log.error("interrupted", signal=signal.Signals(number).name)
            code, message = 128 + number, "interrupted"
        seconds = round(time.monotonic() - began, 3)
        if code == 0:
            log.info("done", **done.figures, seconds=seconds)
        leave(
            Step(
                name,
                dataset.name if dataset else None,
                Status.FAILED if code else done.status,
                None if code else done.rows,
                seconds,
                code,
                message,
            ),
            {} if code else {**done.outputs, "seconds": seconds},
        )
    except ConfigurationError as error:
        log.error("failed", error=str(error), kind=type(error).__name__, **error.where)
        code = code or error.exit_code
    if code:
        sys.exit(code)


GRACE_SECONDS = 20.0
"""How long an interrupted step may take to clean up; Kubernetes kills it after 30."""


def run(app: Callable[[], object]) -> None:
    """Run the command line and exit with the code of what happened."""
    configure()
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        received.append(number)
        # What hangs in a thread, such as a server that does not answer, is not waited for.
        timer = threading.Timer(GRACE_SECONDS, os._exit, [128 + number])
        timer.daemon = True
        timer.start()
        # An interrupt is what every library here knows to clean up after.
        raise KeyboardInterrupt(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        app()
    except SystemExit:
        if received:
            # Typer takes every interrupt outside of a step, such as in an import, for SIGINT.
            sys.exit(128 + received[0])
        raise
