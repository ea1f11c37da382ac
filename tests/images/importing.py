"""Import modules as in an image: `importing.py REQUIREMENTS MODULE …`, in the image's folder.

A package that the requirements do not lock cannot be imported, though this environment has it.
Prints where the modules of this project came from.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class _OnlyLocked(MetaPathFinder):
    """Refuses packages of which no owner is locked."""

    def __init__(self, requirements: Path) -> None:
        locked = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==", requirements.read_text(), re.MULTILINE)
        names = {_normal(name) for name in locked}
        self._refused = {
            package
            for package, owners in packages_distributions().items()
            if not names & {_normal(owner) for owner in owners}
        } - {"steps", "sandbox"}  # of this project

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        del path, target
        if fullname in self._refused:
            message = f"{fullname} is not among the image's requirements"
            raise ModuleNotFoundError(message, name=fullname)


if __name__ == "__main__":
    # What was imported to get here is found again only where the image would find it.
    sys.path[0] = str(Path.cwd())
    sys.meta_path.insert(0, _OnlyLocked(Path(sys.argv[1])))
    for module in sys.argv[2:]:
        importlib.import_module(module)
    for name, loaded in list(sys.modules.items()):
        if name.split(".")[0] in {"steps", "sandbox"}:
            sys.stdout.write(f"{loaded.__file__}{os.linesep}")
