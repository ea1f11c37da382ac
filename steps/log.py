"""The log: one JSON line per event on standard error, or plain lines on a terminal."""

from __future__ import annotations

import sys

import stamina.instrumentation
import structlog

HEARTBEAT_SECONDS = 15.0
"""Half of the longest silence that is promised, so that one late beat breaks no promise."""


def configure() -> None:
    """Set the log up once, at the start of a command."""
    renderer: structlog.typing.Processor
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    else:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    # Each retry is told where it happens, with its reason.
    stamina.instrumentation.set_on_retry_hooks([])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


log: structlog.stdlib.BoundLogger = structlog.get_logger()
