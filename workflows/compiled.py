"""The committed manifests: which there are, how they are written, whether they are up to date."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from workflows.pipeline import Granularity, cron_workflow, workflow_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.models import Graph

FOLDER = Path(__file__).parents[1] / "charts" / "imdb" / "files"

FILES = {
    "workflowtemplate.yaml": Granularity.MODEL,
    "workflowtemplate-one.yaml": Granularity.ONE,
}
CRON_FILE = "cronworkflow.yaml"

_HEADER = """\
# Compiled from workflows/ and the dbt project by `python -m workflows compile`: change those.
"""


def compile_all(graph: Graph) -> dict[str, str]:
    """Return the text of each committed manifest by its file's name."""
    objects = {name: workflow_template(graph, each).to_dict() for name, each in FILES.items()}
    objects[CRON_FILE] = cron_workflow().to_dict()
    return {name: _text(each) for name, each in objects.items()}


def compile_one(graph: Graph, granularity: Granularity) -> str:
    """Return the WorkflowTemplate of one granularity."""
    return _text(workflow_template(graph, granularity).to_dict())


def stale(files: Mapping[str, str]) -> list[str]:
    """Return the names of the committed files that are not as compiled."""
    return [
        name
        for name, text in files.items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text() != text
    ]


def write(files: Mapping[str, str]) -> list[str]:
    """Write the files that are not as compiled and return their names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    changed = stale(files)
    for name in changed:
        (FOLDER / name).write_text(files[name])
    return changed


def _text(manifest: Mapping[str, Any]) -> str:
    # A long line is never broken: where YAML folds it, an expression is hard to read.
    text = yaml.safe_dump(_name_first(manifest), sort_keys=False, width=sys.maxsize)
    return f"{_HEADER}{text}"


def _name_first(value: Any) -> Any:  # noqa: ANN401  # whatever YAML holds
    """Return the same with the name before all else of each object that has one."""
    if isinstance(value, dict):
        names = ("apiVersion", "kind", "name")
        first = {key: value[key] for key in names if key in value}
        return {key: _name_first(each) for key, each in {**first, **value}.items()}
    if isinstance(value, list):
        return [_name_first(each) for each in value]
    return value
