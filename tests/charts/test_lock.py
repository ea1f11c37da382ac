"""The platform's upstream charts are pinned, and the settings given to them are ones they have."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import yaml

from tests.charts.helm import ROOT, UPSTREAM, run

PLATFORM = ROOT / "charts" / "platform"
CHART = yaml.safe_load((PLATFORM / "Chart.yaml").read_text())
LOCK = yaml.safe_load((PLATFORM / "Chart.lock").read_text())

FIELDS = ("name", "version", "repository", "condition")
"""Of a dependency, in the order in which Helm writes them down to hash them."""


def test_digest() -> None:
    """Chart.lock is the one of Chart.yaml: else `helm dependency build` refuses it."""
    asked = [
        {field: each[field] for field in FIELDS if field in each} for each in CHART["dependencies"]
    ]
    locked = [
        {field: each[field] for field in FIELDS if field in each} for each in LOCK["dependencies"]
    ]
    text = json.dumps([asked, locked], separators=(",", ":"))
    assert LOCK["digest"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_pinned() -> None:
    """Chart.yaml asks for the very versions that are locked, no ranges."""
    asked = {each["name"]: each["version"] for each in CHART["dependencies"]}
    assert asked == {each["name"]: each["version"] for each in LOCK["dependencies"]}


@pytest.mark.skipif(not UPSTREAM.is_dir(), reason="needs make platform-charts; so does deploying")
@pytest.mark.parametrize("name", ["argo-workflows", "cloudnative-pg"])
def test_settings_exist(name: str, helm: str) -> None:
    """The schema lets through exactly what the pinned chart has: Helm would drop all else."""
    schema = json.loads((PLATFORM / "values.schema.json").read_text())
    (chart,) = UPSTREAM.glob(f"{name}*")
    upstream = yaml.safe_load(run(helm, "show", "values", str(chart)).stdout)
    compare(schema["properties"][name], {**upstream, "enabled": True, "global": {}})


def compare(schema: Any, values: Any) -> None:  # noqa: ANN401  # JSON
    """Compare the keys that a schema allows with those of upstream's values, at every depth."""
    if "propertyNames" in schema:
        # A budget has no default for either of its figures.
        extra = {"minAvailable", "maxUnavailable"} if set(values) == {"enabled"} else set()
        assert set(schema["propertyNames"]["enum"]) - extra == set(values)
        for key, inner in schema.get("properties", {}).items():
            compare(inner, values[key])
