"""Helm as the tests run it: each program there is, on each chart with each values file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHARTS = ("platform", "imdb")
ENVIRONMENTS = ("kind", "dev", "staging", "production")
UPSTREAM = ROOT / "charts" / "platform" / "charts"
"""The platform's upstream charts; `make platform-charts` puts them there."""

HELMS = list(
    dict.fromkeys(
        str(program)
        for program in (shutil.which("helm"), shutil.which(ROOT / ".venv" / "bin" / "helm"))
        if program
    )
)
"""The PATH's, and the wheel's where it was unpacked: Helm 3 and 4, where both are there."""

KUBERNETES = "1.34.4"
"""The version that charts are rendered for: that of the test cluster, the oldest in use."""

DEFINITION = "kind: CustomResourceDefinition"

Object = dict[str, Any]


def run(helm: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm; the caller looks at how it ended."""
    return subprocess.run([helm, *arguments], capture_output=True, text=True, check=False)


def values_file(chart: Path, environment: str) -> str:
    """Return the argument that names an environment's values file."""
    return f"--values={chart / f'values-{environment}.yaml'}"


def template(helm: str, chart: Path, *arguments: str) -> str:
    """Render a chart as `make deploy` does, release and namespace named as the chart."""
    name = yaml.safe_load((chart / "Chart.yaml").read_text())["name"]
    command = ["template", name, str(chart), f"--namespace={name}", f"--kube-version={KUBERNETES}"]
    done = run(helm, *command, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(manifest: str) -> list[Object]:
    """Return the objects of a manifest, but for upstream's resource definitions.

    Those are nine tenths of the platform's manifest and none of this project's concern.
    """
    parts = (part for part in manifest.split("\n---\n") if f"\n{DEFINITION}\n" not in part)
    return [each for part in parts for each in yaml.load_all(part, yaml.CSafeLoader) if each]


def definitions(manifest: str) -> list[Object]:
    """Return the resource definitions of a manifest."""
    parts = (part for part in manifest.split("\n---\n") if f"\n{DEFINITION}\n" in part)
    return [yaml.load(part, yaml.CSafeLoader) for part in parts]


def title(each: Object) -> str:
    """Name an object in a message."""
    return f"{each['kind']} {each['metadata']['name']}"
