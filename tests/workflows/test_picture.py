"""The picture shows the compiled graph, no more and no less."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workflows.picture import picture

if TYPE_CHECKING:
    from tests.workflows.argo import Workflow


def _arrows(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for before, after in re.findall(
        r"^  ([a-z-]+)\S* (?:--|-\. [a-z ]+ \.-)> ([a-z-]+)", text, re.MULTILINE
    ):
        found.setdefault(after, set()).add(before)
    return found


def _above(arrows: dict[str, set[str]], box: str) -> set[str]:
    found = arrows.get(box, set())
    return found.union(*(_above(arrows, each) for each in found))


def test_models(by_model: Workflow) -> None:
    """One comes to a model by the picture's arrows from all that it waits for, and no other."""
    arrows = _arrows(picture(by_model.manifest))
    for name, task in by_model.tasks.items():
        if task["template"] in {"model", "test"}:
            above = {each for each in by_model.above(name) if not each.startswith("download-")}
            assert _above(arrows, name) | {"plan"} == above


def test_chains(by_model: Workflow) -> None:
    """The seven chains stand in a box of their own, between plan and prune."""
    text = picture(by_model.manifest)
    (chains,) = re.findall(r"subgraph chains.*?\n  end", text, re.DOTALL)
    boxes = set(re.findall(r"^    ([a-z-]+)", chains, re.MULTILINE))
    assert boxes == {name for name in by_model.tasks if name.startswith("load-")}
    arrows = _arrows(text)
    assert arrows["chains"] == {"plan"}
    assert arrows["prune"] == {"chains"}
    assert arrows["report"] == {"models", "prune"}


def test_one(by_one: Workflow) -> None:
    """The other granularity can be drawn too."""
    assert _arrows(picture(by_one.manifest))["build"] == {"chains"}
