"""The programs of a run are told apart by their command lines."""

from __future__ import annotations

import pytest

from benchmarks.watch import step_name


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
