"""What became of a step, and the small files in which it tells a workflow.

A workflow takes its outputs from files, one value each: IMDB_OUTPUTS names their folder. Whatever
happens, `step.json` is one of them; the report lists it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from steps.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Status(StrEnum):
    """How a step ended."""

    CHANGED = "changed"
    DOWNLOADED = "downloaded"
    CACHED = "cached"
    FULL = "full"
    DELTA = "delta"
    UNCHANGED = "unchanged"
    BUILT = "built"
    WRITTEN = "written"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run and what became of it."""

    step: str
    dataset: str | None
    status: Status
    rows: int | None = None
    seconds: float = 0.0
    code: int = 0
    message: str | None = None


@dataclass(slots=True)
class Done:
    """What a step that ends well has to say; it fills this in on its way."""

    status: Status = Status.CHANGED
    rows: int | None = None
    figures: dict[str, object] = field(default_factory=dict)
    """For the log's last line."""
    outputs: dict[str, object] = field(default_factory=dict)
    """For the workflow, beside step.json; what is None has no file."""


def leave(step: Step, outputs: Mapping[str, object]) -> None:
    """Write the files of a step that has ended, if the environment names a folder.

    Raises:
        ConfigurationError: they cannot be written.

    """
    named = os.environ.get("IMDB_OUTPUTS")
    if not named:
        return
    folder = Path(named)
    texts = {name: str(value) for name, value in outputs.items() if value is not None}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {**texts, "step.json": json.dumps(asdict(step))}.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"the outputs cannot be written: {error.strerror}; see IMDB_OUTPUTS"
        raise ConfigurationError(message, file=str(error.filename)) from error
