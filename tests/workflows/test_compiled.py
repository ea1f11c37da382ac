"""The committed manifests are those of the code and the dbt project, and what Argo accepts."""

from __future__ import annotations

import shutil
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hera.workflows.models import CronWorkflow, WorkflowTemplate
from typer.testing import CliRunner

from workflows import compiled, manifest
from workflows.__main__ import app

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workflows.conftest import Parsed

_KINDS: dict[str, Any] = {
    "WorkflowTemplate": WorkflowTemplate,
    "CronWorkflow": CronWorkflow,
}

_NAMES = [*compiled.FILES, compiled.CRON_FILE]


def _committed(name: str) -> Any:  # noqa: ANN401  # whatever YAML holds
    return yaml.safe_load((compiled.FOLDER / name).read_text())


def _unknown(value: Any) -> bool:  # noqa: ANN401  # whatever YAML holds
    """Tell whether a manifest holds what Argo's schema does not."""
    model = _KINDS[value["kind"]].model_validate(value)
    return bool(model.model_dump(by_alias=True, exclude_unset=True, mode="json") != value)


def test_nothing_else_is_committed() -> None:
    """Every file in the folder is compiled."""
    assert {file.name for file in compiled.FOLDER.iterdir()} == set(_NAMES)


@pytest.mark.parametrize("name", _NAMES)
def test_golden(name: str, parsed: Parsed) -> None:
    """The committed manifest is what the compiler writes now."""
    assert _committed(name) == yaml.safe_load(compiled.compile_all(parsed.graph)[name])


@pytest.mark.parametrize("name", _NAMES)
def test_schema(name: str) -> None:
    """Every field is one of Argo's, spelt as Argo spells it."""
    assert not _unknown(_committed(name))


@pytest.mark.parametrize(
    "place", [("spec",), ("spec", "templates", 1), ("spec", "templates", 1, "container")]
)
def test_misspelt_field(place: tuple[str | int, ...]) -> None:
    """The check above finds a field that Argo does not know, however deep."""
    misspelt = deepcopy(_committed("workflowtemplate.yaml"))
    inner = misspelt
    for key in place:
        inner = inner[key]
    inner["activeDeadlineSecond"] = 1
    assert _unknown(misspelt)


def test_stable(parsed: Parsed) -> None:
    """The same project compiles to the same bytes."""
    assert compiled.compile_all(parsed.graph) == compiled.compile_all(parsed.graph)


def test_compile_and_check(parsed: Parsed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What compile writes passes the check; a changed file does not, and is named."""
    monkeypatch.setattr(compiled, "FOLDER", tmp_path)
    given = ["--manifest", str(parsed.folder / "manifest.json")]
    run = CliRunner().invoke

    assert run(app, ["compile", *given]).exit_code == 0
    assert run(app, ["compile", "--check", *given]).exit_code == 0
    file = tmp_path / compiled.CRON_FILE
    file.write_text(file.read_text().replace("30 1", "31 1"))
    ended = run(app, ["compile", "--check", *given])
    assert ended.exit_code == 1
    assert "cronworkflow.yaml is stale" in ended.output
    assert file.read_text().count("31 1") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nodes", "is not dbt's manifest.json: Expecting value"),
        ('{"nodes": {}}', "is not dbt's manifest.json: it has no sources"),
        (
            '{"nodes": {"seed.imdb.x": {"resource_type": "seed"}}, "sources": {}}',
            "seed.imdb.x: no task runs a seed",
        ),
    ],
)
def test_bad_manifest(text: str, said: str, tmp_path: Path) -> None:
    """A manifest that cannot be compiled is told in one line, and nothing is written."""
    file = tmp_path / "manifest.json"
    file.write_text(text)
    ended = CliRunner().invoke(app, ["compile", "--manifest", str(file)])
    assert ended.exit_code == 1
    assert said in ended.output
    assert len(ended.output.splitlines()) == 1


def test_bad_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where dbt refuses the project, the compiler says what dbt says."""
    project = tmp_path / "dbt"
    shutil.copytree(manifest.PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    (project / "models" / "toy.sql").write_text("select * from {{ ref('nowhere') }}")
    monkeypatch.setattr(manifest, "PROJECT", project)
    ended = CliRunner().invoke(app, ["compile", "--check"])
    assert ended.exit_code == 1
    assert "nowhere" in ended.output


def test_nightly() -> None:
    """The CronWorkflow only says when; what runs is the template's."""
    spec = _committed(compiled.CRON_FILE)["spec"]
    assert spec["workflowSpec"] == {"workflowTemplateRef": {"name": "imdb"}}
    assert (spec["schedules"], spec["timezone"]) == (["30 1 * * *"], "UTC")
    assert spec["concurrencyPolicy"] == "Forbid"
