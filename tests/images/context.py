"""What Docker is sent of a folder, by its .dockerignore."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Context:
    """A .dockerignore: of its patterns the last that matches a path or a folder above decides."""

    patterns: tuple[tuple[bool, re.Pattern[str]], ...]

    def sends(self, path: str) -> bool:
        """Tell whether a file is sent."""
        places = [path, *(str(parent) for parent in PurePosixPath(path).parents)]
        sent = True
        for takes, pattern in self.patterns:
            if any(pattern.fullmatch(place) for place in places):
                sent = takes
        return sent


def read(file: Path) -> Context:
    """Read a .dockerignore."""
    lines = [line.strip() for line in file.read_text().splitlines()]
    return Context(
        tuple(
            (line.startswith("!"), _pattern(line.removeprefix("!").strip("/")))
            for line in lines
            if line and not line.startswith("#")
        )
    )


def _pattern(text: str) -> re.Pattern[str]:
    words = {"**/": "(.*/)?", "**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*/|\*\*|\*)", text)
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))
