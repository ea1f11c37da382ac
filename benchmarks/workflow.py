"""Where a workflow's time goes: `python -m benchmarks.workflow NAME`, in the current context.

For each task: how long its pod came after its last input had ended (the controller's time), how
long the pod was pending (scheduling, the executor's init container, the image) and how long its
program ran. The pods must still be there for the last two: run it within the minutes that the
workflow's podGC leaves them.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of a workflow; times in seconds, None where the pod is gone."""

    task: str
    after_inputs: float
    pending: float | None
    running: float | None


def measure(workflow: dict[str, Any], pods: dict[str, dict[str, Any]]) -> list[Pod]:
    """Return the times of a workflow's pods, in the order in which they came.

    `workflow` is the object as the API gives it, `pods` its pods by name. First tries only:
    a second one waits for its backoff, as it should.
    """
    nodes = workflow["status"]["nodes"].values()
    spec = workflow["status"]["storedWorkflowTemplateSpec"]
    (dag,) = (each["dag"] for each in spec["templates"] if "dag" in each)
    names = {task["name"] for task in dag["tasks"]}
    inputs = {
        task["name"]: names & set(re.findall(r"[a-z0-9-]+", task.get("depends", "")))
        for task in dag["tasks"]
    }
    # A skipped task has ended when it was skipped; a task with tries, with its last one.
    ends: dict[str, datetime] = {}
    for node in nodes:
        task = re.sub(r"\(\d+\)$", "", node["displayName"])
        if task in names and node.get("finishedAt"):
            ended = datetime.fromisoformat(node["finishedAt"])
            ends[task] = max(ended, ends.get(task, ended))
    started = datetime.fromisoformat(workflow["status"]["startedAt"])
    found = []
    for node in nodes:
        task = re.sub(r"\(0\)$", "", node["displayName"])
        if node["type"] != "Pod" or task not in names:
            continue
        created = datetime.fromisoformat(node["startedAt"])
        ready = max((ends[each] for each in inputs[task] if each in ends), default=started)
        pod = pods.get(_pod_name(workflow["metadata"]["name"], node), {})
        main = next(
            (
                status["state"]["terminated"]
                for status in pod.get("status", {}).get("containerStatuses", [])
                if status["name"] == "main" and "terminated" in status["state"]
            ),
            None,
        )
        pending = running = None
        if main is not None:
            began = datetime.fromisoformat(main["startedAt"])
            pending = _seconds(began - datetime.fromisoformat(pod["metadata"]["creationTimestamp"]))
            running = _seconds(datetime.fromisoformat(main["finishedAt"]) - began)
        found.append((created, Pod(task, _seconds(created - ready), pending, running)))
    return [pod for _, pod in sorted(found, key=lambda each: each[0])]


def _pod_name(workflow: str, node: dict[str, Any]) -> str:
    """Return the name that Argo gives a node's pod: workflow, template, number of the node."""
    template = node.get("templateName") or node["templateRef"]["template"]
    return f"{workflow}-{template}-{node['id'].rsplit('-', 1)[-1]}"


def _seconds(span: timedelta) -> float:
    return span.total_seconds()


def _p95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def main(
    name: Annotated[str, typer.Argument(help="The workflow.")],
    namespace: Annotated[str, typer.Option(help="Where it runs.")] = "imdb",
) -> None:
    """Print where a workflow's time went, pod by pod."""

    def get(*arguments: str) -> Any:  # noqa: ANN401
        command = ["kubectl", "get", "--namespace", namespace, "--output=json", *arguments]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    workflow = get("workflow", name)
    selector = f"--selector=workflows.argoproj.io/workflow={name}"
    pods = {pod["metadata"]["name"]: pod for pod in get("pods", selector)["items"]}
    measured = measure(workflow, pods)
    table = Table("task", "after its inputs", "pending", "running")
    for pod in measured:
        times = (pod.after_inputs, pod.pending, pod.running)
        table.add_row(pod.task, *("" if time is None else f"{time:.0f}" for time in times))
    console = Console()
    console.print(table)
    status = workflow["status"]
    took = datetime.fromisoformat(status["finishedAt"]) - datetime.fromisoformat(
        status["startedAt"]
    )
    console.print(f"{len(measured)} pods in {took.total_seconds():.0f} s ({status['phase']})")
    if len(measured) > 1:
        waits = [pod.after_inputs for pod in measured]
        console.print(
            f"creation after the last input's end: median {statistics.median(waits):.0f} s, "
            f"p95 {_p95(waits):.1f} s, longest {max(waits):.0f} s"
        )


if __name__ == "__main__":
    typer.run(main)
