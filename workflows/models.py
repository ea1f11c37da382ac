"""The tasks of the dbt project: one for each model, one for each model's tests of several models.

What depends on what is read from dbt's manifest (steps/models.py), so that a new model is a new
task as soon as the manifests are compiled again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflows.tasks import when_planned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hera.workflows import Container, Task

    from steps.models import Graph, Node


def gates(graph: Graph, model: Node) -> list[Node]:
    """Return the test tasks that `model` waits for.

    Those with a test that fails the run, if the model already waits for all that they test: the
    tests of int_x against stg_y stop what reads both, and delay nothing else.
    """
    above = ancestors(graph, model)
    return [
        node
        for node in graph.nodes
        if node.kind == "test" and node.gates and above.issuperset(node.parents)
    ]


def ancestors(graph: Graph, node: Node) -> frozenset[str]:
    """Return the names of all models that `node` reads, through any depth."""
    models = {each.name: each for each in graph.nodes if each.kind == "model"}
    return frozenset(node.parents).union(
        *(ancestors(graph, models[parent]) for parent in node.parents)
    )


def title(node: Node) -> str:
    """Return in words what the task of `node` does."""
    if node.kind == "test":
        return f"Run the tests of several models, of {', '.join(node.parents)}"
    tables = [name.removeprefix("source:") for name in node.checked]
    return f"Build and test {node.name}" + "".join(f", test {table}" for table in tables)


def add_tasks(
    graph: Graph, plan: Task, loads: Mapping[str, Task], model: Container, test: Container
) -> None:
    """Add a task for each node of the graph, after exactly what it reads."""
    tasks = {
        node.name: when_planned(
            plan,
            node.task,
            model if node.kind == "model" else test,
            title=title(node),
            nodes=" ".join(node.selection),
            models_version=f"{{{{tasks.{plan.name}.outputs.parameters.models-version}}}}",
        )
        for node in graph.nodes
    }
    for node in graph.nodes:
        inputs = [loads[dataset] for dataset in node.sources]
        inputs += [tasks[parent] for parent in node.parents]
        if node.kind == "model":
            inputs += [tasks[gate.name] for gate in gates(graph, node)]
        # What reads no dataset and no model depends on the plan alone.
        for task in inputs or [plan]:
            task >> tasks[node.name]
