"""Generated files that are kept: made once for the same arguments."""

from __future__ import annotations

import fcntl
import shutil
from typing import TYPE_CHECKING

from sandbox.source.generate import VERSION, generate

if TYPE_CHECKING:
    from pathlib import Path


def cached(
    folder: Path, *, scale: float, seed: int = 1, day: int = 0, hostile: bool = False
) -> Path:
    """Give the folder inside `folder` that holds the seven files, making them if need be.

    It appears under its name only when complete, so what a crash left is never taken for the
    files. One process makes them while others that ask for the same wait.
    """
    key = f"scale{scale:g}-seed{seed}-day{day}{'-hostile' * hostile}-v{VERSION}"
    complete = folder / key
    if complete.is_dir():
        return complete
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.is_dir():
            partial = folder / f".{key}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            generate(partial, scale=scale, seed=seed, day=day, hostile=hostile)
            partial.rename(complete)
    return complete
