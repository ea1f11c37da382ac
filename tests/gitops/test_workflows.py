"""GitHub's workflows do what a user does, by the same targets, and trust as little as they can."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def workflow(path: Path) -> dict[str, Any]:
    """Return a workflow; its key `on` is True to YAML 1.1."""
    parsed: dict[str, Any] = yaml.safe_load(path.read_text())
    return parsed


def steps(path: Path) -> list[dict[str, Any]]:
    """Return the steps of all jobs."""
    return [step for job in workflow(path)["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_make_targets_exist(path: Path) -> None:
    """What a workflow makes is in the Makefile."""
    makefiles = "".join(path.read_text() for path in (ROOT / "Makefile", *ROOT.glob("*.mk")))
    targets = set(re.findall(r"^([a-z-]+):", makefiles, re.MULTILINE))
    for step in steps(path):
        for words in re.findall(r"^make ([a-z -]+)", step.get("run", ""), re.MULTILINE):
            assert set(words.split()) <= targets


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path: Path) -> None:
    """A tag can be moved, a commit cannot; the comment says which version it is."""
    uses = re.findall(r"uses: (?!\./)(.+)$", path.read_text(), re.MULTILINE)
    assert uses
    for each in uses:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_files_that_a_workflow_names_exist(path: Path) -> None:
    """Dockerfiles, charts and the check's script are there under the names used."""
    for job in workflow(path)["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {})
        for image in matrix.get("image", []):
            assert (ROOT / f"Dockerfile.{image}").exists()
        for chart in matrix.get("chart", []):
            assert (ROOT / "charts" / chart / "Chart.yaml").exists()
    for step in steps(path):
        if step.get("run", "").startswith(".ci/"):
            assert (ROOT / step["run"]).exists()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_ends_and_may_little(path: Path) -> None:
    """Each job has a deadline, and only publishing ones may write."""
    parsed = workflow(path)
    assert parsed["permissions"] in ({}, {"contents": "read"})
    for name, job in parsed["jobs"].items():
        writes = {key for key, value in job.get("permissions", {}).items() if value == "write"}
        if "uses" not in job:
            assert job["timeout-minutes"] <= 60, name
        assert writes <= {"packages", "id-token", "attestations"}
        assert not writes or path.stem == "release"


def test_each_push_does_what_the_check_does() -> None:
    """The check of a push is `.ci/run`, and the cluster is made from nothing by make."""
    runs = [step.get("run") for step in steps(ROOT / ".github" / "workflows" / "ci.yml")]
    assert ".ci/run" in runs
    assert "make kind-up images deploy test-cluster" in runs
