"""What Argo makes of a WorkflowTemplate: its tasks, and how a run of them ends.

`Workflow.run` follows workflow/controller/dag.go of Argo 4.1: a task whose `depends` does not hold
is omitted, one whose `when` does not hold is skipped, and the run is as red as any target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SUCCEEDED, FAILED, ERROR, SKIPPED, OMITTED = "Succeeded", "Failed", "Error", "Skipped", "Omitted"

_RESULTS = {
    SUCCEEDED: "Succeeded",
    FAILED: "Failed",
    ERROR: "Errored",
    SKIPPED: "Skipped",
    OMITTED: "Omitted",
}
"""What `depends` calls each phase."""

_NEED = re.compile(r"([a-z][a-z0-9-]*)(?:\.([A-Z][A-Za-z]+))?")


class WaitsForEverError(Exception):
    """A task asks for the output of one that has none; Argo asks again until the deadline."""


@dataclass(frozen=True)
class Ended:
    """How a run ended: the phase of each task, and the run's own."""

    phases: Mapping[str, str]
    phase: str

    def having(self, phase: str) -> set[str]:
        """Return the tasks that ended so."""
        return {task for task, each in self.phases.items() if each == phase}


@dataclass(frozen=True)
class Workflow:
    """A WorkflowTemplate, parsed."""

    manifest: Mapping[str, Any]

    @property
    def spec(self) -> Mapping[str, Any]:
        """The workflow's specification."""
        found: Mapping[str, Any] = self.manifest["spec"]
        return found

    @cached_property
    def dag(self) -> Mapping[str, Any]:
        """The graph that a run starts with."""
        found: Mapping[str, Any] = self.templates[self.spec["entrypoint"]]["dag"]
        return found

    @cached_property
    def templates(self) -> dict[str, Mapping[str, Any]]:
        """Templates by name."""
        return {each["name"]: each for each in self.spec["templates"]}

    @cached_property
    def pods(self) -> dict[str, Mapping[str, Any]]:
        """Templates that run as a pod, by name."""
        return {name: each for name, each in self.templates.items() if "container" in each}

    @cached_property
    def tasks(self) -> dict[str, Mapping[str, Any]]:
        """Tasks by name."""
        return {each["name"]: each for each in self.dag["tasks"]}

    @property
    def parameters(self) -> set[str]:
        """Names of the workflow's parameters."""
        return {each["name"] for each in self.spec["arguments"]["parameters"]}

    def needs(self, task: str) -> set[str]:
        """Return the tasks that a task names in `depends`."""
        return {name for name, _ in _NEED.findall(self.tasks[task].get("depends", ""))}

    def above(self, task: str) -> set[str]:
        """Return all tasks that end before a task begins."""
        needs = self.needs(task)
        return needs.union(*(self.above(each) for each in needs))

    def arguments(self, task: str) -> dict[str, str]:
        """Return what a task hands to its template."""
        given = self.tasks[task]["arguments"]["parameters"]
        return {each["name"]: each["value"] for each in given}

    def outputs(self, task: str) -> set[str]:
        """Return the names of a task's output parameters."""
        template = self.templates[self.tasks[task]["template"]]
        return {each["name"] for each in template["outputs"].get("parameters", [])}

    def run(self, wanted: Collection[str], ends: Mapping[str, str] | None = None) -> Ended:
        """Run with a plan that wants these tasks; some may end otherwise than well."""
        phases: dict[str, str] = {}

        def visit(name: str) -> str:
            if name not in phases:
                phases[name] = self._end(
                    name, {each: visit(each) for each in self.needs(name)}, wanted, ends or {}
                )
                if phases[name] not in {OMITTED, SKIPPED} and name != "plan":
                    self._resolve(name, phases)
            return phases[name]

        for name in self.tasks:
            visit(name)
        bad = [phase for phase in (ERROR, FAILED) if phase in self._of_targets(phases)]
        return Ended(phases, bad[0] if bad else SUCCEEDED)

    def _end(
        self,
        name: str,
        needs: Mapping[str, str],
        wanted: Collection[str],
        ends: Mapping[str, str],
    ) -> str:
        if not _holds(self.tasks[name].get("depends", ""), needs):
            return OMITTED
        if "when" in self.tasks[name]:
            asked = re.fullmatch(
                r'"\{\{tasks\.plan\.outputs\.parameters\.([a-z0-9-]+)\}\}" == "run"',
                self.tasks[name]["when"],
            )
            assert asked is not None, self.tasks[name]["when"]
            if ends.get("plan", SUCCEEDED) != SUCCEEDED:
                raise WaitsForEverError(name)
            if asked[1] not in wanted:
                return SKIPPED
        return ends.get(name, SUCCEEDED)

    def _resolve(self, name: str, phases: Mapping[str, str]) -> None:
        """Check that what a task is handed is there."""
        for value in self.arguments(name).values():
            for task, output in re.findall(
                r"tasks(?:\.|\[')([a-z0-9-]+)(?:'\])?\.(outputs)?", value
            ):
                if output and phases[task] not in {SUCCEEDED, SKIPPED, OMITTED}:
                    raise WaitsForEverError(name)

    def _of_targets(self, phases: Mapping[str, str]) -> set[str]:
        """Return the phases that decide on the run's."""
        return {phases[name] for name in self.dag["target"].split(" ")}


def _holds(depends: str, phases: Mapping[str, str]) -> bool:
    if not depends:
        return True

    def value(match: re.Match[str]) -> str:
        name, result = match.groups()
        found = _RESULTS[phases[name]]
        return str(found == result if result else found in {"Succeeded", "Skipped"})

    logic = _NEED.sub(value, depends).replace("||", "or").replace("&&", "and")
    return bool(eval(logic, {"__builtins__": {}}))  # noqa: S307  # True, False, and, or, ()
