"""The programs of a run are told apart by their command lines, and what they write is counted."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.watch import step_name, written

if TYPE_CHECKING:
    from pathlib import Path

_WRITER = """
import os, subprocess, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for _ in range(16):
    os.write(file, bytes(1 << 20))
child = "import os; [os.pwrite(1, bytes(8192), page << 16) for page in range(256)]"
subprocess.run([sys.executable, "-c", child], stdout=file, check=True)
print("done", flush=True)
input()
"""
"""Writes 16 MiB, and by a child that ends a page of every eighth 8 KiB of it again."""


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("/usr/bin/python -m steps load title.akas --object KEY", "load"),
        ("/usr/bin/python -m steps plan", "plan"),
        ("/usr/bin/python /venv/bin/dbt --log-format=json build", "build"),
        ("/usr/bin/python -m sandbox run", None),
        ("postgres: checkpointer", None),
        ("", None),
    ],
)
def test_step_name(line: str, name: str | None) -> None:
    """A step is named by its command, whatever comes after it; dbt is the build."""
    assert step_name(line.split(" ")) == name


@pytest.mark.skipif(sys.platform != "linux", reason="bytes are told by Linux' /proc")
def test_written(tmp_path: Path) -> None:
    """What is written is counted byte by byte, that of children that have ended with it."""
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path / "file")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "done\n"
        found = written(writer.pid)
        writer.communicate("\n")
    expected = 16 * (1 << 20) + 256 * 8192
    assert expected <= found < expected + (64 << 10)
