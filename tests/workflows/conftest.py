"""The dbt project parsed once, and the workflow compiled from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import yaml
from dbt.cli.main import dbtRunner

from steps.models import Graph, read_graph
from tests.conftest import clean_environment
from tests.workflows.argo import Workflow
from workflows import compiled, manifest
from workflows.pipeline import Granularity

if TYPE_CHECKING:
    from pathlib import Path

    from dbt.contracts.graph.manifest import Manifest


@dataclass(frozen=True)
class Parsed:
    """The dbt project of this repository as dbt parses it."""

    folder: Path
    loaded: Manifest

    @property
    def manifest(self) -> dict[str, Any]:
        """What the compiler reads."""
        return manifest.read(self.folder / "manifest.json")

    @property
    def graph(self) -> Graph:
        """The graph of its models."""
        return read_graph(self.manifest)

    def selected_tests(self, *selection: str) -> list[str]:
        """Return the data tests that dbt's own selector takes."""
        found: list[str] = _dbt(
            self.folder,
            self.loaded,
            "--no-write-json",
            "ls",
            "--resource-type=test",
            "--indirect-selection=cautious",
            "--output=name",
            *(["--select", *selection] if selection else []),
        )
        return found


def _dbt(folder: Path, loaded: Manifest | None, *arguments: str) -> Any:  # noqa: ANN401  # dbt's
    places = {
        "DBT_PROJECT_DIR": str(manifest.PROJECT),
        "DBT_PROFILES_DIR": str(manifest.PROJECT),
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(folder),
        "DBT_QUIET": "true",
        "PGHOST": "nowhere",
    }
    with mock.patch.dict(os.environ, {**clean_environment(), **places}, clear=True):
        ended = dbtRunner(manifest=loaded).invoke(list(arguments))
    assert ended.success, ended.exception
    return ended.result


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    """Parse the dbt project."""
    folder = tmp_path_factory.mktemp("target")
    return Parsed(folder, _dbt(folder, None, "parse"))


@pytest.fixture(scope="session", params=Granularity)
def workflow(request: pytest.FixtureRequest, parsed: Parsed) -> Workflow:
    """Compile the WorkflowTemplate, of either granularity."""
    return Workflow(yaml.safe_load(compiled.compile_one(parsed.graph, request.param)))


@pytest.fixture(scope="session")
def by_model(parsed: Parsed) -> Workflow:
    """Compile the WorkflowTemplate with a task for each model."""
    return Workflow(yaml.safe_load(compiled.compile_one(parsed.graph, Granularity.MODEL)))


@pytest.fixture(scope="session")
def by_one(parsed: Parsed) -> Workflow:
    """Compile the WorkflowTemplate with one task for all models."""
    return Workflow(yaml.safe_load(compiled.compile_one(parsed.graph, Granularity.ONE)))
