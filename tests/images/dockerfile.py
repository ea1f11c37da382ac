"""A Dockerfile's instructions, and which of them make an image."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Stage:
    """One stage: what it begins with and its instructions, name and text."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def texts(self, name: str) -> list[str]:
        """Return the texts of the instructions of one name."""
        return [text for each, text in self.instructions if each == name]

    def copied(self) -> list[str]:
        """Return the places of the build's context that are copied."""
        words = [shlex.split(text) for text in self.texts("COPY")]
        return [
            place
            for copy in words
            if not copy[0].startswith("--from")
            for place in [word for word in copy if not word.startswith("--")][:-1]
        ]

    def built_in(self) -> list[str]:
        """Return the stages from which something is copied."""
        found = (re.match(r"--from=(\S+)", text) for text in self.texts("COPY"))
        return [match[1] for match in found if match]


def read(file: Path) -> dict[str, Stage]:
    """Read the stages of a Dockerfile by name, in their order."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE)
    stages: dict[str, Stage] = {}
    for line in text.replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            base, _, stage = rest.partition(" AS ")
            stages[stage] = Stage(base)
        elif name:
            next(reversed(stages.values())).instructions.append((name, rest.strip()))
    return stages
