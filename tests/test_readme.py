"""The README says what is there: datasets, questions, make targets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from steps.catalog import DATASETS, Dataset
from workflows.compiled import FOLDER
from workflows.picture import picture

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TARGETS = "".join((ROOT / name).read_text() for name in ("Makefile", "kubernetes.mk"))


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_datasets(dataset: Dataset) -> None:
    """The table of datasets is the catalogue's."""
    indexes = "; ".join(", ".join(names) for names in dataset.indexes)
    key = ", ".join(dataset.key)
    assert f"| {dataset.name} | `raw.{dataset.table}` | {key} | {indexes} |" in README


@pytest.mark.parametrize(
    "file", sorted((ROOT / "dbt" / "questions").glob("*.sql")), ids=lambda file: file.stem
)
def test_questions(file: Path) -> None:
    """Each question stands in the README in the words of its file."""
    question = file.read_text().splitlines()[0].removeprefix("-- ")
    assert f"{question}** ([`{file.name}`]" in README


NAMED = {
    target
    for named in re.findall(r"(?:^|`)make((?: [a-z][a-z-]*)+)", README, re.MULTILINE)
    for target in named.split()
}


@pytest.mark.parametrize("target", sorted(NAMED))
def test_targets(target: str) -> None:
    """Each make target that the README names exists and has its line of help."""
    assert re.search(rf"^{target}:.*## ", TARGETS, re.MULTILINE)


def test_graph() -> None:
    """The picture of the graph is drawn from the compiled workflow."""
    template = yaml.safe_load((FOLDER / "workflowtemplate.yaml").read_text())
    assert f"```mermaid\n{picture(template).strip()}\n```" in README


def test_no_placeholder() -> None:
    """No figure is left to be filled in."""
    assert "@@" not in README
