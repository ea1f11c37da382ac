"""A promotion is one commit: the two lines of gitops/values reach everything they are about."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
REGISTRY, TAG, SCHEDULE = "registry.example/imdb", "9.9.9", "7 7 * * *"


def promoted(environment: str, folder: Path) -> list[dict[str, Any]]:
    """Render the imdb chart as the engines do, with another tag and schedule committed."""
    values = yaml.safe_load((ROOT / "gitops" / "values" / f"{environment}.yaml").read_text())
    values["images"].update(registry=REGISTRY, tag=TAG)
    values["workflow"]["schedules"] = [SCHEDULE]
    committed = folder / "values.yaml"
    committed.write_text(yaml.safe_dump(values))
    charts = ROOT / "charts" / "imdb"
    # As make finds it: PATH's, or the one from the wheel.
    helm = shutil.which("helm") or ROOT / ".venv" / "bin" / "helm"
    rendered = subprocess.run(
        [
            *(helm, "template", "imdb", charts, "--namespace", "imdb", "--kube-version", "1.34.0"),
            *("--values", charts / f"values-{environment}.yaml", "--values", committed),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    return [each for each in yaml.safe_load_all(rendered) if each]


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
