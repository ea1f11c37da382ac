"""Peak memory of the steps, as processes of their own."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.measure import process
from steps.catalog import BY_NAME
from tests.steps import files

if TYPE_CHECKING:
    from tests.steps.pipeline import Pipeline

LIMIT = 150_000_000
"""Bytes of resident memory that a step may take, whatever a file's size."""

MEGABYTES = 300
"""Size of the file's text: twice the limit, so that a step that keeps it all is found out."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
def test_memory_is_bounded(pipeline: Pipeline) -> None:
    """Download, load, load of the difference, and export of a file twice the limit stay below."""
    dataset = BY_NAME["title.akas"]
    content = files.large(dataset, MEGABYTES)
    pipeline.publish(dataset, content)

    def peak(step: str) -> int:
        command = [sys.executable, "-m", "steps", step, dataset.name]
        return process(command, pipeline.environment, kept=False).peak

    peaks = {step: peak(step) for step in ("download", "load", "export")}
    pipeline.deposit(dataset, files.pack(gzip.decompress(content).replace(b"x\t", b"y\t", 9), 0))
    peaks["delta"] = peak("load")
    assert pipeline.load(dataset).kind == "unchanged"
    assert all(40_000_000 < peak < LIMIT for peak in peaks.values()), peaks
