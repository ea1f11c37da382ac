"""Plots stand alone, as an image of the README does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from benchmarks import growth, plot, week

if TYPE_CHECKING:
    from pathlib import Path

    from steps.charts import Drawing, Row

GROWTH: list[Row] = [(0.01, 40.0, 9.0, 1e8, 3e8, 5e8), (0.1, 150.0, 20.0, 1.5e8, 1e9, 5e9)]
WEEK: list[Row] = [("first", (20.0, 60.0, 5.0), (3e9, 1e9, 2e8)), ("1", (5.0, 8.0, 4.0), (9, 8, 7))]


@pytest.mark.parametrize(
    ("drawing", "rows"),
    [(growth.DRAWING, GROWTH), (week.DRAWING, WEEK)],
    ids=["growth", "week"],
)
def test_standalone(drawing: Drawing, rows: list[Row], tmp_path: Path) -> None:
    """It is well-formed XML, explains itself, and gives each colour for light and for dark."""
    text = plot.write(tmp_path, drawing, rows).read_text()
    root = ET.fromstring(text)  # noqa: S314 - we wrote it
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    description = root.find("{http://www.w3.org/2000/svg}desc")
    assert description is not None
    assert description.text == drawing.caption
    light, dark = text.split("@media (prefers-color-scheme: dark)")[:2]
    used = set(re.findall(r"var\((--\w+)\)", text))
    assert {"--card", "--ink", "--accent"} <= used
    for rules in (light, dark.split("</style>")[0]):
        assert used <= set(re.findall(r"(--\w+):", rules))
