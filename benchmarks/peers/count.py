"""Counting what each way gets wrong, over all seven files of a small synthetic IMDb."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.measure import IMDB, process
from benchmarks.peers.exactness import Wrong, compare
from benchmarks.peers.ours import download

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.peers.peer import Peer
    from benchmarks.peers.target import Target


_SHOWN = 120
"""Characters of a message that a table shows."""


def ours(folder: Path, files: list[Target]) -> Wrong:
    """Count what `imdb load` gets wrong of a folder's files."""
    wrong = Wrong()
    for target in files:
        key = download(target.dataset, folder)
        command = [*IMDB, "load", target.dataset.name, "--object", key, "--full", "--accept"]
        process(command, {})
        wrong += compare(target.dataset, _lines(target), target.rows("raw"))
    return wrong


def theirs(peer: Peer, files: list[Target]) -> tuple[Wrong, dict[str, str]]:
    """Count what a peer gets wrong, and tell of the files that it refuses, and why.

    The rows of a file that it refuses are not counted among the lost: they are not lost in silence.
    """
    wrong, refused = Wrong(), {}
    for target in files:
        target.clear()
        try:
            peer.load(target, False)  # noqa: FBT003 - without key: wrong rows could offend it
        except RuntimeError as error:
            refused[target.dataset.name] = reason(error)
        else:
            wrong += compare(target.dataset, _lines(target), target.rows())
    return wrong, refused


def reason(error: RuntimeError) -> str:
    """Return what a program said it failed for: its first line that speaks of an error."""
    lines = str(error).splitlines()
    said = (line.strip() for line in lines if re.match(r"(\w|\.)*(ERROR|Error|error)\b", line))
    return next(said, lines[-1])[:_SHOWN]


def _lines(target: Target) -> Iterator[bytes]:
    with target.plain.open("rb") as file:
        next(file)
        for line in file:
            yield line.removesuffix(b"\n")
