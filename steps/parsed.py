"""The parsed project: dbt's manifest as an image holds it, so that no pod parses the project.

Two forms of one manifest: `manifest.json` is what plan reads, `manifest.pickle` what dbt is
given in `dbtRunner(manifest=…)`. The pickle instead of dbt's own cache, partial_parse.msgpack:
that takes ten times as long to read, and dbt refuses it where host, port or user are not those
of the parse, on which no model here depends.

`python -m steps.parsed FOLDER` writes both, while an image is built.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sys
import tempfile
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from steps import models
from steps.errors import ConfigurationError

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

JSON = "manifest.json"
PICKLE = "manifest.pickle"


def keep(project: Path, folder: Path) -> None:
    """Parse the project and put the manifest into `folder`; no database is asked.

    Raises:
        ConfigurationError: dbt cannot parse it.

    """
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - seconds that only a build of an image takes

    with tempfile.TemporaryDirectory() as target:
        result = dbtRunner().invoke(
            [
                "--quiet",
                "--log-level-file=none",
                f"--log-path={target}",
                "parse",
                f"--project-dir={project}",
                f"--profiles-dir={project}",
                f"--target-path={target}",
            ]
        )
        manifest = cast("Manifest", result.result)
        if not result.success:
            message = f"dbt cannot parse {project}: {result.exception}"
            raise ConfigurationError(message)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(target) / JSON, folder / JSON)
    with (folder / PICKLE).open("wb") as file:
        pickle.dump(_identity(project), file)
        # Without its indexes, which dbt makes anew; its own way of pickling takes them along and
        # gives them back in the wrong order (1.11).
        public = [each.name for each in fields(manifest) if not each.name.startswith("_")]
        pickle.dump({name: getattr(manifest, name) for name in public}, file)


def kept(project: Path, folder: Path) -> Manifest | None:
    """Return the manifest in `folder` if it is of this project, database and dbt, else None."""
    try:
        with (folder / PICKLE).open("rb") as file:
            if pickle.load(file) != _identity(project):  # noqa: S301 - `keep` wrote it
                return None
            found = pickle.load(file)  # noqa: S301 - the same
    except FileNotFoundError:
        return None
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415 - as above

    return Manifest(**found)


def _identity(project: Path) -> dict[str, str]:
    """Return all on which a manifest depends: every relation in it names the database."""
    return {
        "dbt": version("dbt-core"),
        "database": os.environ.get("PGDATABASE", ""),
        "project": models.version(project),
    }


if __name__ == "__main__":
    keep(models.folder(), Path(sys.argv[1]))
