"""The models: what dbt's manifest says of them as tasks, and which version of them this is.

One rule for the workflow's compiler, the plan and the sandbox: each model is one node; a test of
one model runs with that model, a test of a raw source with the staging model of that source, and
the tests of several models that hang on one model are a node of their own. So each test runs
exactly once. Unit tests are the suite's business and left out.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from steps.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Entry = Mapping[str, Any]

_STAGING = "staging"
"""Schema of the models that stand for one raw table each."""

_NO_MODELS = frozenset({"target", "logs", "dbt_packages", "questions"})
"""Folders of the project on which no build depends."""


@dataclass(frozen=True, slots=True)
class Node:
    """One task of the graph: a model with its own tests, or the tests of several models."""

    name: str
    """A model's name; of tests `test-` and the model that they hang on, with dashes."""
    kind: Literal["model", "test"]
    task: str
    """The name with dashes, as Kubernetes wants it."""
    datasets: frozenset[str]
    """Datasets read, also through other models."""
    parents: tuple[str, ...]
    """Names of the models read directly."""
    tests: tuple[str, ...] = ()
    """dbt's names of the tests of several models; empty for a model, which has its own along."""
    sources: tuple[str, ...] = ()
    """Datasets that a model reads directly."""
    checked: tuple[str, ...] = ()
    """Selectors of the raw sources whose tests run in this model's task."""
    gates: bool = False
    """Whether a failure stops what is built on all of the tests' models."""
    at_most_every_days: int | None = None
    """Days by which a file must be younger than what a model was built from before the model is
    built again; None: any new file will do."""

    @property
    def recorded(self) -> tuple[str, ...]:
        """Names under which ops.model_builds tells of it."""
        return self.tests or (self.name,)

    @property
    def selection(self) -> tuple[str, ...]:
        """What dbt is to select for it, so that each test runs once.

        Cautious selection of a model takes along the tests that read that model alone; tests of a
        raw table alone belong to its staging model, and tests of several models are named.
        """
        return (*self.recorded, *self.checked)


@dataclass(frozen=True, slots=True)
class Graph:
    """All nodes, each after its parents."""

    nodes: tuple[Node, ...]


def read_graph(manifest: Mapping[str, Any]) -> Graph:
    """Return the graph of a dbt manifest (manifest.json as parsed), the same for the same one.

    Raises:
        ConfigurationError: the project holds something that no task would run.

    """
    entries: Entry = manifest["nodes"]
    models = {key: each for key, each in entries.items() if each["resource_type"] == "model"}
    tests = {key: each for key, each in entries.items() if each["resource_type"] == "test"}
    for key, entry in entries.items():
        if entry["resource_type"] in {"seed", "snapshot"}:
            message = f"{key}: no task runs a {entry['resource_type']}; make it a model"
            raise ConfigurationError(message)
    raw = {key: each for key, each in manifest["sources"].items() if each["source_name"] == "raw"}

    sources = {key: _sorted(raw, models[key]) for key in models}
    parents = {key: _sorted(models, models[key]) for key in models}
    depths: dict[str, int] = {}
    datasets: dict[str, frozenset[str]] = {}
    for key in _parents_first(parents):
        above = parents[key]
        depths[key] = 1 + max((depths[each] for each in above), default=0)
        own = {_dataset(raw[each]) for each in sources[key]}
        datasets[key] = frozenset(own).union(*(datasets[each] for each in above))

    checked, groups = _placed(tests, models, raw, sources, depths)
    found = [
        (
            depths[key],
            Node(
                name=entry["name"],
                kind="model",
                task=_task(entry["name"]),
                datasets=datasets[key],
                parents=tuple(models[each]["name"] for each in parents[key]),
                sources=tuple(_dataset(raw[each]) for each in sources[key]),
                checked=tuple(f"source:raw.{raw[each]['name']}" for each in checked[key]),
                at_most_every_days=entry["config"]["meta"].get("at_most_every_days"),
            ),
        )
        for key, entry in models.items()
    ]
    for key, members in groups.items():
        above = sorted({each for test in members for each in _sorted(models, tests[test])})
        name = f"test-{_task(models[key]['name'])}"
        found.append(
            (
                1 + max(depths[each] for each in above),
                Node(
                    name=name,
                    kind="test",
                    task=name,
                    datasets=frozenset().union(*(datasets[each] for each in above)),
                    parents=tuple(models[each]["name"] for each in above),
                    tests=tuple(sorted(tests[test]["name"] for test in members)),
                    gates=any(
                        tests[test]["config"]["severity"].lower() == "error" for test in members
                    ),
                ),
            )
        )
    found.sort(key=lambda item: (item[0], item[1].kind, item[1].name))
    return Graph(tuple(node for _, node in found))


def read_manifest(file: Path) -> Graph:
    """Return the graph of a manifest.json.

    Raises:
        ConfigurationError: it cannot be read, or as `read_graph`.

    """
    try:
        return read_graph(json.loads(file.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"not a manifest of dbt that can be read: {error!r}; `dbt parse` writes one"
        raise ConfigurationError(message, file=str(file)) from error


def _placed(
    tests: Entry, models: Entry, raw: Entry, sources: Mapping[str, list[str]], depths: Entry
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Say where each test runs that does not run with its one model.

    Returned are, by model, the sources whose tests run with it, and the tests of several parents.

    Raises:
        ConfigurationError: a test would run nowhere.

    """
    checked: dict[str, list[str]] = defaultdict(list)
    groups: dict[str, list[str]] = defaultdict(list)
    for source in sorted({_read(test)[0] for test in tests.values() if len(_read(test)) == 1}):
        if source in models:
            continue
        readers = sorted(
            (model for model in models if sources[model] == [source]),
            key=lambda m: models[m]["name"],
        )
        home = next((each for each in readers if models[each]["schema"] == _STAGING), None)
        if source not in raw or home is None:
            message = (
                f"no task runs the tests of {source}: no model of schema {_STAGING} reads it and "
                "no other dataset"
            )
            raise ConfigurationError(message)
        checked[home].append(source)
    for key, test in tests.items():
        read = _read(test)
        above = [each for each in read if each in models]
        if not above and len(read) != 1:
            message = f"no task runs the test {test['name']}: it reads no model"
            raise ConfigurationError(message)
        if len(read) > 1:
            # A test of the tests folder hangs on no model: the one built last takes it.
            last = max(above, key=lambda each: (depths[each], each))
            home = test.get("attached_node") or last
            if set(read) <= {home, *checked[home]}:
                continue  # dbt runs it in the model's task, where all of these are named
            groups[home].append(key)
    return checked, groups


def _read(entry: Entry) -> list[str]:
    """Return the unique ids of what a node reads, each once."""
    return sorted(set(entry["depends_on"]["nodes"]))


def _sorted(wanted: Entry, entry: Entry) -> list[str]:
    return [each for each in _read(entry) if each in wanted]


def _parents_first(parents: Mapping[str, Iterable[str]]) -> list[str]:
    done: dict[str, None] = {}

    def visit(key: str) -> None:
        if key not in done:
            for each in parents[key]:
                visit(each)
            done[key] = None

    for key in sorted(parents):
        visit(key)
    return list(done)


def _dataset(source: Entry) -> str:
    """Return the dataset of a raw source, which its entry in dbt names."""
    dataset: str = source["config"]["meta"]["dataset"]
    return dataset


def _task(name: str) -> str:
    return name.replace("_", "-")


def folder() -> Path:
    """Return the folder of the dbt project, as dbt itself is told it.

    Absolute: dbt takes a relative target path as one within the project.
    """
    return Path(os.environ.get("DBT_PROJECT_DIR") or "dbt").absolute()


def version(project: Path) -> str:
    """Return a hash of a dbt project's files: what else a build depends on beside the data."""
    digest = hashlib.sha256()
    for file in sorted(project.rglob("*")):
        place = file.relative_to(project)
        if file.is_file() and place.parts[0] not in _NO_MODELS:
            digest.update(f"{place}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def setting(project_version: str, environment: Mapping[str, str]) -> str:
    """Return the PGOPTIONS with which dbt records that version in ops.model_builds."""
    return f"{environment.get('PGOPTIONS', '')} -c imdb.models={project_version}".strip()
