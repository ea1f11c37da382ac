"""A promotion is one commit: the two lines of gitops/values reach everything they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.charts.helm import HELMS, ROOT, objects, template, values_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.charts.helm import Object

REGISTRY, TAG, SCHEDULE = "registry.example/imdb", "9.9.9", "7 7 * * *"


def promoted(environment: str, folder: Path) -> list[Object]:
    """Render the imdb chart as the engines do, with another tag and schedule committed."""
    values = yaml.safe_load((ROOT / "gitops" / "values" / f"{environment}.yaml").read_text())
    values["images"].update(registry=REGISTRY, tag=TAG)
    values["workflow"]["schedules"] = [SCHEDULE]
    committed = folder / "values.yaml"
    committed.write_text(yaml.safe_dump(values))
    if not HELMS:
        pytest.fail("no helm on PATH and none in .venv/bin: make .venv/bin/helm")
    chart = ROOT / "charts" / "imdb"
    files = (values_file(chart, environment), f"--values={committed}")
    return objects(template(HELMS[0], chart, *files))


def strings(value: object) -> list[str]:
    """Return the texts in a manifest, however deep."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("environment", ["dev", "staging", "production"])
def test_one_commit_changes_every_image_and_the_schedule(environment: str, tmp_path: Path) -> None:
    """No image of ours keeps an old tag, and the CronWorkflow has the new schedule alone."""
    manifests = promoted(environment, tmp_path)
    ours = {text for text in strings(manifests) if text.startswith(f"{REGISTRY}/")}
    assert ours >= {f"{REGISTRY}/imdb-steps:{TAG}", f"{REGISTRY}/imdb-dbt:{TAG}"}
    assert all(image.endswith(f":{TAG}") for image in ours)
    (cron,) = [each for each in manifests if each["kind"] == "CronWorkflow"]
    assert cron["spec"]["schedules"] == [SCHEDULE]
