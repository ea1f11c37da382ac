"""The graph of the compiled workflow as a Mermaid picture.

Drawn from the WorkflowTemplate alone. A dataset's download and load are one box, and an arrow is
left out if others lead there, so that what is left can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workflows.tasks import needs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DOWNLOAD, _LOAD, _TEST = "download-", "load-", "test-"
_ENDS = ("prune", "report")


def picture(template: Mapping[str, Any]) -> str:
    """Return a Mermaid flowchart of a WorkflowTemplate's graph."""
    return "\n".join(_lines(_graph(template))) + "\n"


def _graph(template: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return of each box those that it follows."""
    spec = template["spec"]
    (dag,) = (each["dag"] for each in spec["templates"] if each["name"] == spec["entrypoint"])
    graph: dict[str, set[str]] = {}
    for task in dag["tasks"]:
        box = _box(task["name"])
        found = graph.setdefault(box, set())
        found.update(_box(name) for name in needs(task.get("depends", "")))
        found.discard(box)
    return graph


def _box(task: str) -> str:
    return _LOAD + task.removeprefix(_DOWNLOAD) if task.startswith(_DOWNLOAD) else task


def _lines(graph: Mapping[str, set[str]]) -> Iterator[str]:
    chains = [box for box in graph if box.startswith(_LOAD)]
    nodes = [box for box in graph if box not in {"plan", *chains, *_ENDS}]
    yield "flowchart LR"
    yield "  plan([plan]) --> chains"
    yield '  subgraph chains ["download, then load"]'
    for box in chains:
        yield f"    {box}[{box.removeprefix(_LOAD).replace('-', '.', 1)}]"
    yield "  end"
    yield '  subgraph models ["dbt: a model with its tests, rounded the tests of several"]'
    for box in nodes:
        name = box.removeprefix(_TEST).replace("-", "_")
        yield f"    {box}(tests of {name})" if box.startswith(_TEST) else f"    {box}[{name}]"
    yield "  end"
    for box in nodes:
        before = _direct(graph, box)
        if before == {"plan"}:
            yield f"  plan --> {box}"
        elif before.issuperset(chains):
            yield f"  chains --> {box}"
        else:
            for each in graph:
                if each in before:
                    yield f"  {each} --> {box}"
    yield "  chains -. however it ended .-> prune([prune])"
    yield "  models -. however it ended .-> report([report])"
    yield "  prune -. however it ended .-> report"


def _direct(graph: Mapping[str, set[str]], box: str) -> set[str]:
    """Return what `box` follows and none other of these follows."""
    before = graph[box]
    return {
        each
        for each in before
        if not any(each in _above(graph, other) for other in before if other != each)
    }


def _above(graph: Mapping[str, set[str]], box: str) -> set[str]:
    return graph[box].union(*(_above(graph, each) for each in graph[box]))
