"""Status: what readers see, for people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from steps import status
from steps.catalog import BY_NAME, DATASETS
from tests.steps import files

if TYPE_CHECKING:
    from tests.steps.pipeline import Pipeline

_RATINGS = BY_NAME["title.ratings"]


def test_a_row_for_each_dataset(pipeline: Pipeline) -> None:
    """Version, rows, age and the last load; what was never loaded is said too, in 80 columns."""
    key = pipeline.deposit(_RATINGS, files.file(_RATINGS, range(1, 1235)), "20260101T004000Z-0")
    pipeline.load(_RATINGS, key, hold=True)
    principals = BY_NAME["title.principals"]
    pipeline.deposit(principals, files.file(principals))
    pipeline.load(principals)
    with pipeline.database.connect() as connection:
        # As long as they get: the real file's rows, and a year without a load.
        connection.execute(
            "update ops.loads set rows = 101234567, last_modified = now() - interval '400 d 23 h' "
            "where dataset = 'title.principals'"
        )
    done = pipeline.run("status")
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == 1 + len(DATASETS)
    found = {line.split()[0]: line for line in lines[1:]}
    assert list(found) == [dataset.name for dataset in DATASETS]
    for shown in ("2026-01-01 00:40", "1,234", "pinned", " d "):
        assert shown in found[_RATINGS.name]
    for shown in ("101,234,567", "full", "400 d 23 h"):
        assert shown in found[principals.name]
    assert "never loaded" in found["title.crew"]


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=61), "1 h 1 min"),
        (timedelta(hours=23, minutes=59), "23 h 59 min"),
        (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
    ],
)
def test_an_age_in_words(age: timedelta, shown: str) -> None:
    """Two units are enough."""
    assert status._age(age) == shown  # noqa: SLF001 - an age of one's choice needs a clock
