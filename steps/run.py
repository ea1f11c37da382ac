"""A run of the workflow, from what its tasks left behind and how Argo says that they ended.

Each task that ran leaves `<task>.json`, its step (steps/outcome.py), and a task of dbt's also
`<task>.run_results.json`; a second attempt overwrites those of the first. A pod that was lost
leaves nothing: then Argo's word is all there is.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from steps.errors import ConfigurationError
from steps.outcome import Status, Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_RESULTS = ".run_results.json"

_LOST = "its pod ended without a word; see the pod's events and log"

# Argo's words for a task that has left nothing, in ours.
_SILENT = {
    "Succeeded": (Status.CHANGED, None),
    "Skipped": (Status.UNCHANGED, None),
    "Omitted": (Status.SKIPPED, "what it depends on failed"),
}


@dataclass(frozen=True, slots=True)
class Run:
    """The steps, as the sandbox writes its own, and dbt's results of all tasks together."""

    steps: list[dict[str, Any]]
    results: dict[str, Any]


def read(folder: Path, statuses: str | None) -> Run:
    """Read a run; `statuses` is a JSON object of its tasks and how they ended, in their order.

    Raises:
        ConfigurationError: a file, or the statuses, are not what they should be.

    """
    phases = _phases(statuses)
    files = {file.name: _json(file) for file in sorted(folder.glob("*.json"))}
    left = {
        name.removesuffix(".json"): content
        for name, content in files.items()
        if not name.endswith(_RESULTS)
    }
    steps = [_step(task, left.get(task), phases.get(task)) for task in {**phases, **left}]
    results = [content for name, content in files.items() if name.endswith(_RESULTS)]
    return Run(steps, _merged(results))


def _step(task: str, left: Mapping[str, Any] | None, phase: str | None) -> dict[str, Any]:
    if left is None:
        status, message = _SILENT.get(phase or "", (Status.FAILED, _LOST))
        return asdict(Step(task, None, status, message=message))
    # All of dbt's tasks are one step, and which model each was of is in the task's name.
    step = {**left, "step": left["step"] if left["dataset"] else task}
    if phase in {"Failed", "Error"} and step["status"] != Status.FAILED:
        return {**step, "status": Status.FAILED, "message": _LOST}
    return step


def _merged(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the results of several dbt commands as one: of a node the last one."""
    try:
        ordered = sorted(results, key=lambda each: str(each["metadata"]["generated_at"]))
        nodes = {node["unique_id"]: node for each in ordered for node in each["results"]}
    except (KeyError, TypeError) as error:
        message = f"not a run_results.json of dbt: {error!r}"
        raise ConfigurationError(message) from error
    return {"results": list(nodes.values())}


def _phases(statuses: str | None) -> dict[str, str]:
    try:
        found = json.loads(statuses or "{}")
        return {str(task): str(phase) for task, phase in found.items()}
    except (ValueError, AttributeError) as error:
        message = f"--statuses is no JSON object of tasks and how they ended: {error}"
        raise ConfigurationError(message) from error


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"not a JSON file that can be read: {error}"
        raise ConfigurationError(message, file=str(file)) from error
    if not isinstance(found, dict):
        message = "not the JSON object that a task leaves"
        raise ConfigurationError(message, file=str(file))
    return found
