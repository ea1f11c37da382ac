"""Peak memory of the steps, as processes of their own."""

from __future__ import annotations

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
    """Download, load and export of a file twice the limit stay below it."""
    dataset = BY_NAME["title.akas"]
    pipeline.publish(dataset, files.large(dataset, MEGABYTES))
    peaks = {
        step: process(
            [sys.executable, "-m", "steps", step, dataset.name], pipeline.environment, kept=False
        ).peak
        for step in ("download", "load", "export")
    }
    assert all(40_000_000 < peak < LIMIT for peak in peaks.values()), peaks
