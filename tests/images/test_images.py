"""The images: nothing is missing in them, and nothing gets in that should not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.images import context, dockerfile

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[2]
_SENT = context.read(_ROOT / ".dockerignore")

# Of each image: file, stage, and the modules that its commands are.
_IMAGES = {
    "imdb-steps": (
        "Dockerfile.steps",
        "steps",
        ["steps.__main__", "steps.download", "steps.load", "steps.prune", "steps.schema"],
    ),
    "imdb-source": ("Dockerfile.steps", "source", ["sandbox.source.__main__"]),
    "imdb-dbt": (
        "Dockerfile.dbt",
        "dbt",
        [
            *("steps.__main__", "steps.plan", "steps.build", "steps.parsed", "steps.report"),
            *("dbt.cli.main", "dbt.adapters.postgres", "matplotlib.figure"),
        ],
    ),
}


def _stages(image: str) -> list[dockerfile.Stage]:
    """Return the stages of which an image is made, itself first."""
    file, name, _ = _IMAGES[image]
    stages = dockerfile.read(_ROOT / file)
    return [stages[each] for each in dict.fromkeys([name, *stages[name].built_in()])]


def _files(image: str) -> Iterator[Path]:
    """Give the files of this folder that are copied into an image or its build."""
    for place in {place for stage in _stages(image) for place in stage.copied()}:
        found = _ROOT / place
        for file in sorted(found.rglob("*")) if found.is_dir() else [found]:
            path = file.relative_to(_ROOT)
            if not file.is_dir() and _SENT.sends(str(path)):
                yield path


@pytest.mark.parametrize("image", _IMAGES)
def test_an_image_can_run_its_commands(image: str, tmp_path: Path) -> None:
    """Every module of ours that they import is copied, every other one is locked."""
    requirements: list[Path] = []
    for path in _files(image):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_ROOT / path, tmp_path / path)
        if path.suffix == ".txt":
            requirements.append(path)
    assert len(requirements) == 1
    script = Path(__file__).with_name("importing.py")
    done = subprocess.run(
        [sys.executable, script, requirements[0], *_IMAGES[image][2]],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    ours = done.stdout.splitlines()
    assert ours
    assert [place for place in ours if not place.startswith(str(tmp_path))] == []


@pytest.mark.parametrize("image", _IMAGES)
def test_what_is_installed_is_locked_with_hashes(image: str) -> None:
    """Each package is one version whose files are known; pip is told to insist on it."""
    (path,) = [path for path in _files(image) if path.suffix == ".txt"]
    text = (_ROOT / path).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    package = re.compile(
        r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+( ;[^#]+?)?(\s+--hash=sha256:\w{64})+"
    )
    assert [line for line in lines if not package.fullmatch(line.rstrip())] == []
    installs = [text for stage in _stages(image) for text in stage.texts("RUN") if "pip" in text]
    assert installs
    assert all("--require-hashes" in text for text in installs)


@pytest.mark.parametrize("image", _IMAGES)
def test_an_image_runs_as_a_number_that_is_not_root(image: str) -> None:
    """Kubernetes cannot tell of a name that it is not root; the last instruction counts."""
    final = _stages(image)[0]
    assert final.texts("USER") == ["10001:10001"]
    assert not final.texts("RUN"), "what a stage runs may leave caches and build tools behind"


def test_the_images_share_their_base() -> None:
    """A virtual environment works only on the Python that made it."""
    stages = [
        stage
        for file in ("Dockerfile.steps", "Dockerfile.dbt")
        for stage in dockerfile.read(_ROOT / file).values()
    ]
    assert {stage.base for stage in stages} == {"python", "python:3.13-slim-trixie"}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("steps/load.py", True),
        ("dbt/models/marts/mart_top_titles.sql", True),
        ("dbt/questions/countries.sql", True),
        ("requirements/steps.txt", True),
        ("sandbox/source/files/title.py", True),
        (".git/config", False),
        (".venv/bin/python", False),
        (".state/postgres/postgresql.conf", False),
        (".env", False),
        ("dbt/target/manifest.json", False),
        ("dbt/logs/dbt.log", False),
        ("sandbox/postgres.py", False),
        ("steps/__pycache__/load.cpython-313.pyc", False),
        ("tests/conftest.py", False),
        ("charts/imdb/values.yaml", False),
        ("id_rsa", False),
    ],
)
def test_docker_is_sent_only_what_images_are_made_of(path: str, *, sent: bool) -> None:
    """No history, data, environment or secret of this folder can get into an image."""
    assert _SENT.sends(path) is sent
