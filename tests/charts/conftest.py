"""The charts as they can be rendered on this machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.charts.helm import (
    CHARTS,
    ENVIRONMENTS,
    HELMS,
    ROOT,
    UPSTREAM,
    objects,
    template,
    values_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.charts.helm import Object


@pytest.fixture(scope="session", params=[*HELMS] or [""])
def helm(request: pytest.FixtureRequest) -> str:
    """Each Helm program in turn."""
    if not request.param:
        pytest.fail("no helm on PATH and none in .venv/bin: make .venv/bin/helm")
    program: str = request.param
    return program


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each chart's folder; the platform's own part alone where the upstream charts are missing.

    Helm renders no chart whose dependencies are not there, and a machine that reaches no chart
    repository is to test what is this project's; `make platform-charts` adds the rest.
    """
    found = {name: ROOT / "charts" / name for name in CHARTS}
    if not UPSTREAM.is_dir():
        own = tmp_path_factory.mktemp("charts") / "platform"
        shutil.copytree(found["platform"], own)
        chart = yaml.safe_load((own / "Chart.yaml").read_text())
        del chart["dependencies"]
        (own / "Chart.yaml").write_text(yaml.safe_dump(chart))
        (own / "Chart.lock").unlink()
        found["platform"] = own
    return found


@pytest.fixture(params=CHARTS)
def chart(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    """Each chart in turn."""
    return folders[request.param]


@pytest.fixture(scope="session")
def rendered(folders: dict[str, Path]) -> dict[str, dict[str, list[Object]]]:
    """Environment -> chart -> objects, by the first Helm there is; all render the same."""
    if not HELMS:
        pytest.fail("no helm on PATH and none in .venv/bin: make .venv/bin/helm")
    return {
        environment: {
            name: objects(template(HELMS[0], folder, values_file(folder, environment)))
            for name, folder in folders.items()
        }
        for environment in ENVIRONMENTS
    }


@pytest.fixture(params=ENVIRONMENTS)
def environment(
    request: pytest.FixtureRequest, rendered: dict[str, dict[str, list[Object]]]
) -> dict[str, list[Object]]:
    """Each environment in turn: chart -> objects."""
    return rendered[request.param]
