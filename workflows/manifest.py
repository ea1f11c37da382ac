"""The manifest of the dbt project: what its models read and which tests they have."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1] / "dbt"

_PARSE_SECONDS = 300


class ManifestError(Exception):
    """There is no manifest to compile from."""


def read(file: Path) -> dict[str, Any]:
    """Return the manifest in a file.

    Raises:
        ManifestError: the file holds something else.

    """
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except ValueError as error:
        message = f"{file} is not dbt's manifest.json: {error}"
        raise ManifestError(message) from None
    if missing := {"nodes", "sources"} - found.keys():
        message = f"{file} is not dbt's manifest.json: it has no {' and no '.join(sorted(missing))}"
        raise ManifestError(message)
    return found


def parse() -> dict[str, Any]:
    """Parse the dbt project of this repository and return its manifest.

    Raises:
        ManifestError: dbt refuses the project; the message is what it says.

    """
    with tempfile.TemporaryDirectory(prefix="imdb-parse-") as target:
        ended = subprocess.run(
            [
                Path(sysconfig.get_path("scripts")) / "dbt",
                "parse",
                f"--project-dir={PROJECT}",
                f"--profiles-dir={PROJECT}",
                f"--target-path={target}",
                f"--log-path={target}",
            ],
            # Parsing connects to no database, but the profile asks for the name of one.
            env={**os.environ, "PGHOST": "nowhere"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PARSE_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise ManifestError(ended.stdout)
        return read(Path(target) / "manifest.json")
