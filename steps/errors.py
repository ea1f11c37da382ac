"""The errors a user can meet, each with the exit code that tells a workflow what to do.

Codes after sysexits.h: 65 the data is bad (do not retry), 75 temporary (retry),
78 the configuration is wrong (do not retry).
"""

from __future__ import annotations


class StepError(Exception):
    """Base of all errors that end a step with a message and an exit code of its own."""

    exit_code = 70

    def __init__(self, message: str, **where: object) -> None:
        """Keep the message and where it happened (object, line, column, value, …)."""
        super().__init__(message)
        self.where = where

    def __str__(self) -> str:
        """Return the message and its place on one line."""
        place = ", ".join(f"{name} {value!r}" for name, value in self.where.items())
        return f"{self.args[0]} [{place}]" if place else str(self.args[0])


class DataError(StepError):
    """The source sent, or the store holds, what may not reach the database."""

    exit_code = 65


class TemporaryError(StepError):
    """Something was away, busy or cut off; the same command may succeed later."""

    exit_code = 75


class ConfigurationError(StepError):
    """A setting, secret, role or schema version is missing or wrong."""

    exit_code = 78
