"""The pods that the charts describe, wherever a manifest holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.charts.helm import title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.charts.helm import Object


@dataclass(frozen=True)
class Pod:
    """One pod: where it was found, its labels, specification and containers."""

    name: str
    labels: dict[str, str]
    spec: dict[str, Any]
    containers: list[dict[str, Any]]


def pods(found: list[Object]) -> Iterator[Pod]:
    """Give every pod of a render: of workloads, bare ones, and of workflow templates."""
    for each in found:
        spec = each.get("spec", {})
        if each["kind"] == "WorkflowTemplate":
            yield from _of_workflow(each)
        elif each["kind"] == "Pod":
            yield _pod(title(each), each)
        elif each["kind"] == "CronJob":
            yield _pod(title(each), spec["jobTemplate"]["spec"]["template"])
        elif "containers" in spec.get("template", {}).get("spec", {}):
            yield _pod(title(each), spec["template"])


def _pod(name: str, template: dict[str, Any]) -> Pod:
    spec = template["spec"]
    containers = [*spec.get("initContainers", []), *spec["containers"]]
    return Pod(name, template["metadata"].get("labels", {}), spec, containers)


def _of_workflow(workflow: Object) -> Iterator[Pod]:
    spec = workflow["spec"]
    for template in spec["templates"]:
        if "container" in template:
            labels = spec.get("podMetadata", {}).get("labels", {})
            own = template.get("metadata", {}).get("labels", {})
            name = f"{title(workflow)} {template['name']}"
            volumes = [*spec.get("volumes", []), *template.get("volumes", [])]
            merged = {**spec, **template, "volumes": volumes}
            containers = [*template.get("initContainers", []), template["container"]]
            yield Pod(name, {**labels, **own}, merged, containers)
