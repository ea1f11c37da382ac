"""Which tasks the dbt project becomes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from steps.models import read_graph
from tests.workflows.argo import FAILED, OMITTED, Workflow
from workflows import compiled
from workflows.pipeline import Granularity

if TYPE_CHECKING:
    from tests.workflows.conftest import Parsed


def _data_tests(manifest: dict[str, Any]) -> list[str]:
    nodes = manifest["nodes"].values()
    return sorted(each["name"] for each in nodes if each["resource_type"] == "test")


def test_each_test_runs_once(parsed: Parsed, by_model: Workflow) -> None:
    """By dbt's own selection each data test runs in one task, and no test in none."""
    taken = Counter(
        test
        for name, task in by_model.tasks.items()
        if task["template"] in {"model", "test"}
        for test in parsed.selected_tests(*by_model.arguments(name)["nodes"].split(" "))
    )
    assert taken == Counter(_data_tests(parsed.manifest))


def test_each_test_runs_once_in_one_task(parsed: Parsed, by_one: Workflow) -> None:
    """The one task selects what is due by name: if that is all, dbt takes each data test once."""
    (task,) = (name for name, each in by_one.tasks.items() if each["template"] == "build")
    assert by_one.arguments(task)["nodes"] == "{{tasks.plan.outputs.parameters.nodes}}"
    due = [name for node in read_graph(parsed.manifest).nodes for name in node.selection]
    assert sorted(parsed.selected_tests(*due)) == _data_tests(parsed.manifest)


def test_each_model_after_what_it_reads(parsed: Parsed, by_model: Workflow) -> None:
    """Each model is one task, after the loads and models it reads and tests on its inputs."""
    nodes, sources = parsed.manifest["nodes"], parsed.manifest["sources"]
    models = {key: each for key, each in nodes.items() if each["resource_type"] == "model"}
    wanted = {}
    for model in models.values():
        reads = model["depends_on"]["nodes"]
        raw = [sources[key] for key in reads if key in sources]
        loads = {
            f"load-{each['name'].replace('_', '-')}" for each in raw if each["source_name"] == "raw"
        }
        others = {models[key]["name"].replace("_", "-") for key in reads if key in models}
        wanted[model["name"].replace("_", "-")] = loads | others or {"plan"}
    found = {
        name: {each for each in by_model.needs(name) if not each.startswith("test-")}
        for name, task in by_model.tasks.items()
        if task["template"] == "model"
    }
    assert found == wanted


@pytest.mark.parametrize(
    ("gate", "stopped"),
    [
        ("test-int-person-filmography", {"mart-collaborations", "mart-person-career"}),
        ("test-stg-title-akas", set()),
    ],
)
def test_gates(gate: str, stopped: set[str], by_model: Workflow) -> None:
    """A failed test of several models stops what reads them all; one that warns stops nothing."""
    ended = by_model.run(set(by_model.tasks), {gate: FAILED})
    assert ended.having(OMITTED) == stopped


def _node(kind: str, name: str, *reads: str, **more: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401  # dbt's
    key = f"{kind}.toy.{name}"
    return key, {
        "name": name,
        "resource_type": kind,
        "unique_id": key,
        "schema": "marts",
        "depends_on": {"nodes": list(reads)},
        "config": {"severity": "ERROR", "materialized": "view", "meta": {}},
        **more,
    }


def _toy(severity: str) -> dict[str, Any]:
    """Make up a manifest: a and b read a dataset each, c both of them, d reads c, e only a."""
    raw = {
        f"source.toy.raw.{table}": {
            "name": table,
            "source_name": "raw",
            "config": {"meta": {"dataset": table.replace("_", ".")}},
        }
        for table in ("title_basics", "title_ratings")
    }
    nodes = [
        _node("model", "a", "source.toy.raw.title_basics"),
        _node("model", "b", "source.toy.raw.title_ratings"),
        _node("model", "c", "model.toy.a", "model.toy.b"),
        _node("model", "d", "model.toy.c"),
        _node("model", "e", "model.toy.a"),
        _node(
            "test",
            "every_b_is_an_a",
            "model.toy.a",
            "model.toy.b",
            attached_node="model.toy.b",
            config={"severity": severity},
        ),
        _node("test", "a_is_unique", "model.toy.a", attached_node="model.toy.a"),
    ]
    return {"nodes": dict(nodes), "sources": raw}


def _compiled(manifest: dict[str, Any]) -> Workflow:
    text = compiled.compile_one(read_graph(manifest), Granularity.MODEL)
    return Workflow(yaml.safe_load(text))


def test_toy_gate() -> None:
    """A test that fails the run holds up what reads all its models, and nothing else."""
    toy = _compiled(_toy("ERROR"))
    assert toy.needs("test-b") == {"a", "b"}
    assert toy.arguments("test-b")["nodes"] == "every_b_is_an_a"
    assert toy.needs("c") == {"a", "b", "test-b"}
    assert toy.needs("e") == {"a"}
    assert toy.run(set(toy.tasks), {"test-b": FAILED}).having(OMITTED) == {"c", "d"}


def test_toy_warning() -> None:
    """A test that only warns holds up nothing."""
    toy = _compiled(_toy("warn"))
    assert toy.needs("c") == {"a", "b"}
    assert toy.run(set(toy.tasks), {"test-b": FAILED}).having(OMITTED) == set()
