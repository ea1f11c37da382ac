"""Generated files that are kept: made once for the same arguments."""

from __future__ import annotations

import fcntl
import shutil
from typing import TYPE_CHECKING

from sandbox.source.generate import VERSION, generate
from steps.catalog import DATASETS

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


def partly(after: Path, before: Path, changed: frozenset[str]) -> Path:
    """Give a folder in which only the datasets `changed` are of `after`, the others of `before`.

    Its files are links: a night in which IMDb published some files and not others.
    """
    name = f"{after.name}-only-{'-'.join(sorted(changed))}"
    folder = after.with_name(name)
    folder.mkdir(exist_ok=True)
    for dataset in DATASETS:
        link = folder / dataset.file
        link.unlink(missing_ok=True)
        day = after if dataset.name in changed else before
        link.symlink_to(day.absolute() / dataset.file)
    return folder
