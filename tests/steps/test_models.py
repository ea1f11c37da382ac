"""The graph of the models: every test once, everything after what it reads."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from steps import models
from steps.catalog import BY_NAME
from steps.errors import ConfigurationError
from steps.models import Graph, Node, read_graph
from tests.conftest import clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROJECT = Path(__file__).parents[2] / "dbt"


def _model(
    name: str, *reads: str, schema: str = "marts", meta: Mapping[str, object] = MappingProxyType({})
) -> dict[str, Any]:
    return {
        f"model.imdb.{name}": {
            "resource_type": "model",
            "name": name,
            "schema": schema,
            "config": {"meta": meta},
            "depends_on": {"nodes": list(reads)},
        }
    }


def _test(
    name: str, *reads: str, attached: str | None = None, severity: str = "ERROR"
) -> dict[str, Any]:
    return {
        f"test.imdb.{name}": {
            "resource_type": "test",
            "name": name,
            "attached_node": attached,
            "depends_on": {"nodes": list(reads)},
            "config": {"severity": severity},
        }
    }


def _manifest(*nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "nodes": {key: node for each in nodes for key, node in each.items()},
        "sources": {
            f"source.imdb.raw.{each.table}": {
                "source_name": "raw",
                "name": each.table,
                "config": {"meta": {"dataset": each.name}},
            }
            for each in BY_NAME.values()
        }
        | {"source.imdb.ops.loads": {"source_name": "ops", "name": "loads", "config": {}}},
    }


_AKAS, _BASICS, _RATINGS, _LOADS = (
    *(f"source.imdb.raw.title_{name}" for name in ("akas", "basics", "ratings")),
    "source.imdb.ops.loads",
)
_SMALL = (
    _model("stg_basics", _LOADS, _BASICS, schema="staging"),
    _model("stg_ratings", _RATINGS, schema="staging"),
    _model("mart_top", "model.imdb.stg_ratings", "model.imdb.stg_basics"),
    _model("a_mart", "model.imdb.mart_top", _AKAS),
)


def _named(graph: Graph) -> dict[str, Node]:
    return {node.name: node for node in graph.nodes}


def test_a_model_is_a_task_after_what_it_reads() -> None:
    """Datasets count through any depth, the ledger does not; parents come first."""
    graph = read_graph(_manifest(*_SMALL))
    assert [node.name for node in graph.nodes] == [
        "stg_basics",
        "stg_ratings",
        "mart_top",
        "a_mart",
    ]
    nodes = _named(graph)
    assert nodes["a_mart"] == Node(
        name="a_mart",
        kind="model",
        task="a-mart",
        datasets=frozenset({"title.akas", "title.basics", "title.ratings"}),
        parents=("mart_top",),
        sources=("title.akas",),
    )
    assert nodes["mart_top"].parents == ("stg_basics", "stg_ratings")
    assert nodes["stg_basics"].sources == ("title.basics",)


def test_the_order_does_not_depend_on_the_manifests() -> None:
    """Or the compiled workflow would change without a change."""
    assert read_graph(_manifest(*reversed(_SMALL))) == read_graph(_manifest(*_SMALL))


def test_tests_of_several_models_are_a_task() -> None:
    """One for each model that they hang on, after all that they read."""
    hung = "model.imdb.mart_top"
    graph = read_graph(
        _manifest(
            *_SMALL,
            _test("unique_top", hung, attached=hung),
            _test("b_fits", "model.imdb.stg_ratings", hung, attached=hung, severity="warn"),
            _test("a_fits", hung, "model.imdb.stg_basics", hung, attached=hung),
            _test("fits_all", "model.imdb.mart_top", "model.imdb.a_mart", severity="WARN"),
        )
    )
    nodes = _named(graph)
    assert nodes["test-mart-top"] == Node(
        name="test-mart-top",
        kind="test",
        task="test-mart-top",
        datasets=frozenset({"title.basics", "title.ratings"}),
        parents=("mart_top", "stg_basics", "stg_ratings"),
        tests=("a_fits", "b_fits"),
        gates=True,
    )
    # One of the tests folder hangs on no model, so on the last that it reads.
    assert nodes["test-a-mart"].tests == ("fits_all",)
    assert not nodes["test-a-mart"].gates


def test_a_model_may_be_built_less_often_than_daily() -> None:
    """As its config says in dbt; the others are built from every file."""
    weekly = _model("slow", _AKAS, meta={"at_most_every_days": 7, "incremental_up_to": 0.3})
    found = {
        name: node.at_most_every_days
        for name, node in _named(read_graph(_manifest(*_SMALL, weekly))).items()
    }
    assert found.pop("slow") == 7
    assert set(found.values()) == {None}


def test_a_sources_tests_run_with_one_staging_model() -> None:
    """The first by name of those that read that source and no other dataset."""
    nodes = _named(
        read_graph(
            _manifest(
                *_SMALL,
                _model("stg_a", _BASICS, _AKAS, schema="staging"),
                _model("a_copy", _BASICS),
                _model("stg_z", _BASICS, schema="staging"),
                _test("year", _BASICS),
                _test("length", _BASICS),
                _test("fits_source", "model.imdb.stg_basics", _BASICS),
            )
        )
    )
    assert {name: node.checked for name, node in nodes.items() if node.checked} == {
        "stg_basics": ("source:raw.title_basics",)
    }
    # dbt takes along a test of nothing but what the task names.
    assert not [node for node in nodes.values() if node.kind == "test"]


@pytest.mark.parametrize(
    ("node", "named"),
    [
        (_test("aka", _AKAS), "no task runs the tests of source.imdb.raw.title_akas"),
        (_test("loads", _LOADS), "no task runs the tests of source.imdb.ops.loads"),
        (_test("both", _BASICS, _AKAS), "no task runs the test both"),
        (_test("nothing"), "no task runs the test nothing"),
        ({"seed.imdb.x": {"resource_type": "seed", "name": "x"}}, "seed.imdb.x: no task runs"),
    ],
    ids=["source", "ops", "sources", "none", "seed"],
)
def test_what_no_task_would_run_is_an_error(node: dict[str, Any], named: str) -> None:
    """It would be left out without a word."""
    with pytest.raises(ConfigurationError, match=named):
        read_graph(_manifest(*_SMALL, node))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the project's own manifest."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - seconds that other tests need not wait

    folder = str(tmp_path_factory.mktemp("dbt"))
    places = {"DBT_PROJECT_DIR": _PROJECT, "DBT_PROFILES_DIR": _PROJECT}
    settings = {name: str(place) for name, place in places.items()} | {
        "DBT_TARGET_PATH": folder,
        "DBT_LOG_PATH": folder,
        "PGHOST": "nowhere",
    }
    with mock.patch.dict(os.environ, clean_environment() | settings, clear=True):
        result = dbtRunner().invoke(["parse", "--no-partial-parse", "--quiet"])
    assert result.success, result.exception
    found: dict[str, Any] = result.result.to_dict()  # type: ignore[union-attr]
    return found


def test_each_test_of_the_project_runs_once(manifest: dict[str, Any]) -> None:
    """With its one model, with its source's staging model, or in a task of its own."""
    graph = read_graph(manifest)
    runs: Counter[str] = Counter()
    for node in graph.nodes:
        runs.update(node.tests)
        # As `dbt build --indirect-selection cautious` chooses: all that a test reads is named.
        taken = {f"model.imdb.{node.name}"} | {
            f"source.imdb.{each.removeprefix('source:')}" for each in node.checked
        }
        runs.update(
            entry["name"]
            for entry in manifest["nodes"].values()
            if entry["resource_type"] == "test" and set(entry["depends_on"]["nodes"]) <= taken
        )
    wanted = {n["name"] for n in manifest["nodes"].values() if n["resource_type"] == "test"}
    assert runs == dict.fromkeys(wanted, 1)
    assert any(node.gates for node in graph.nodes)
    assert {dataset for node in graph.nodes for dataset in node.sources} == set(BY_NAME)


def test_the_folder_is_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative target path below a relative folder would be one within the project, to dbt."""
    monkeypatch.delenv("DBT_PROJECT_DIR", raising=False)
    assert models.folder() == Path.cwd() / "dbt"
    monkeypatch.setenv("DBT_PROJECT_DIR", "elsewhere/dbt")
    assert models.folder() == Path.cwd() / "elsewhere/dbt"


def test_the_version_is_that_of_what_is_built(tmp_path: Path) -> None:
    """Any file of a model changes it; what dbt writes, and the questions, do not."""
    seen = {models.version(tmp_path)}
    for name in ("models/a.sql", "models/b.sql", "dbt_project.yml"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("same")
        seen.add(models.version(tmp_path))
    (tmp_path / "models/a.sql").write_text("other")
    seen.add(models.version(tmp_path))
    assert len(seen) == 5
    for folder in ("target", "logs", "questions"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("x")
    assert models.version(tmp_path) in seen
