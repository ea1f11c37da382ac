"""The questions that the marts answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.dbt import synthetic
from tests.dbt.conftest import PROJECT, Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.places import Database

FILES = sorted((PROJECT / "questions").iterdir())


def question(file: Path) -> str:
    """Return the question in words, the file's first line."""
    return file.read_text().partition("\n")[0].removeprefix("-- ")


@pytest.fixture(scope="module")
def warehouse(
    new_database: Callable[[], AbstractContextManager[Database]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """Build the marts from a synthetic IMDb."""
    folder = tmp_path_factory.mktemp("warehouse")
    with new_database() as database:
        synthetic.fill(database, folder)
        project = Project(PROJECT, folder / "target", database)
        project.dbt("run")
        yield project


def test_there_are_ten_and_each_begins_with_its_words() -> None:
    """Numbered from 1, one file each; a reader sees the question before the SQL."""
    assert [file.name.partition("_")[0] for file in FILES] == [f"{n:02}" for n in range(1, 11)]
    assert [file.suffix for file in FILES] == [".sql"] * 10
    for file in FILES:
        assert file.read_text().startswith("-- ")
        assert question(file).endswith("?")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_question_has_an_answer(warehouse: Project, file: Path) -> None:
    """As the file stands, for role reader, in one query whose order is the same each time."""
    text = file.read_text()
    assert text.count(";") == 1
    with warehouse.database.connect("reader") as connection:
        answer = connection.execute(text.encode()).fetchall()
        connection.execute("set enable_hashjoin = off; set enable_hashagg = off")
        again = connection.execute(text.encode()).fetchall()
    assert answer
    assert answer == again


def test_an_exposure_tells_what_a_question_depends_on(warehouse: Project) -> None:
    """One for each file, with its words and the marts that it reads; people rely on no other."""
    manifest = warehouse.manifest()
    exposures = {
        exposure["name"]: (
            exposure["description"],
            {node.rpartition(".")[2] for node in exposure["depends_on"]["nodes"]},
        )
        for exposure in manifest["exposures"].values()
    }
    assert exposures == {
        f"question_{file.stem}": (
            question(file),
            set(re.findall(r"marts\.(\w+)", file.read_text())),
        )
        for file in FILES
    }
