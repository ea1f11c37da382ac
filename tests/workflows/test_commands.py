"""What the pods run is what the command line of the steps takes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import typer

from steps.__main__ import app
from steps.catalog import DATASETS
from steps.decisions import Decision, Decisions

if TYPE_CHECKING:
    from tests.workflows.argo import Workflow
    from tests.workflows.conftest import Parsed

_NO_FULL_REFRESH = "{{=workflow.parameters['full-refresh'] == 'true' ? '' : 'no-'}}"


def _filled(workflow: Workflow, task: str) -> list[str]:
    """Return what the pod of a task is told, with made-up values for what a run makes."""
    parameters = {each["name"]: each["value"] for each in workflow.spec["arguments"]["parameters"]}
    given: dict[str, dict[str, str]] = {
        "inputs": workflow.arguments(task),
        "workflow": parameters,
    }

    def value(match: re.Match[str]) -> str:
        return given[match[1]][match[2]]

    found = []
    for argument in workflow.pods[workflow.tasks[task]["template"]]["container"]["args"]:
        plain = argument.replace(_NO_FULL_REFRESH, "no-")
        filled = re.sub(r"\{\{(\w+)\.parameters\.([a-z-]+)\}\}", value, plain)
        assert "{{inputs" not in filled
        assert "{{workflow" not in filled
        found.append(re.sub(r"\{\{.*?\}\}", "Succeeded", filled))
    return found


def test_commands(workflow: Workflow) -> None:
    """The command line understands what each task tells it."""
    group = typer.main.get_command(app)
    for task in workflow.tasks:
        name, *arguments = _filled(workflow, task)
        command = group.commands[name]  # type: ignore[attr-defined]  # a group, as typer makes it
        command.make_context(name, arguments)


def test_statuses(workflow: Workflow) -> None:
    """How the tasks ended reaches the report as JSON."""
    (given,) = (
        each.removeprefix("--statuses=")
        for each in _filled(workflow, "report")
        if each.startswith("--statuses=")
    )
    assert json.loads(given) == {name: "Succeeded" for name in workflow.tasks if name != "report"}


def test_decisions(workflow: Workflow, parsed: Parsed) -> None:
    """The plan decides on every task that the workflow has, under the task's name."""
    graph = parsed.graph
    run = Decision("run", "never loaded")
    datasets = {dataset.name: run for dataset in DATASETS}
    decisions = Decisions(
        downloads=datasets,
        loads=datasets,
        nodes={node.name: run for node in graph.nodes},
        keys=dict.fromkeys(datasets, ""),
    )
    assert workflow.outputs("plan") <= {*decisions.words(graph), "models-version"}
