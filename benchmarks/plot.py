"""Plots for the README: the report's drawings as files that need no page around them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steps.charts import svg
from steps.page import COLORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.charts import Drawing, Row

DOCS = Path(__file__).parents[1] / "docs"
"""Where the README finds them."""

# With a ground of its own a plot can be read whichever colours the browser takes: its choice
# follows the system's theme, which need not be the web page's.
_STYLE = f"""
 <style>{COLORS} :root {{ font-family: system-ui, sans-serif; }}</style>
 <rect width="100%" height="100%" rx="6" style="fill: var(--card)"/>
"""


def write(folder: Path, drawing: Drawing, rows: Sequence[Row]) -> Path:
    """Write `<name>.svg` and return its path; equal rows give equal bytes."""
    element = svg(drawing, rows)
    opening, rest = element.split("</desc>", 1)
    file = folder / f"{drawing.name}.svg"
    file.write_text(f"{opening}</desc>{_STYLE}{rest}\n", encoding="utf-8")
    return file
