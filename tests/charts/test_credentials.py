"""`make secrets` creates what is missing and leaves what is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from tests.charts.helm import ROOT

if TYPE_CHECKING:
    from pathlib import Path

KUBECTL = """\
#!{python}
import json, sys
from pathlib import Path
store = Path({store!r})
with (store / "arguments").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if "--context=away" in sys.argv:
    sys.exit("no such context")
if "create" in sys.argv:
    secret = json.load(sys.stdin)
    name = secret["metadata"]["namespace"] + "." + secret["metadata"]["name"]
    with (store / name).open("x") as file:
        json.dump(secret, file)
else:
    name = sys.argv[sys.argv.index("secret") + 1]
    space = next(each for each in sys.argv if each.startswith("--namespace=")).split("=")[1]
    if (store / (space + "." + name)).exists():
        print((store / (space + "." + name)).read_text())
"""
"""A kubectl that keeps secrets as files; like an API server it refuses one that is there."""

NAMES = {
    *("imdb.imdb-db-owner", "imdb.imdb-db-loader", "imdb.imdb-db-dbt", "imdb.imdb-db-reader"),
    *("imdb.imdb-store", "platform.minio-root"),
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Put the stand-in for kubectl into a folder and return where it keeps secrets."""
    kept = tmp_path / "secrets"
    kept.mkdir()
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL.format(python=sys.executable, store=str(kept)))
    kubectl.chmod(0o755)
    return kept


def create(store: Path, *arguments: str) -> int:
    """Run the script as make does."""
    environment = {**os.environ, "PATH": f"{store.parent}:{os.environ['PATH']}"}
    script = str(ROOT / "charts" / "credentials.py")
    done = subprocess.run([sys.executable, script, *arguments], env=environment, check=False)
    return done.returncode


def values(store: Path, name: str) -> dict[str, str]:
    """Return the values of a secret that the script created."""
    found: dict[str, str] = json.loads((store / name).read_text())["stringData"]
    return found


def encode(store: Path) -> None:
    """Turn what was written into what an API server gives back."""
    for name in NAMES:
        if (store / name).exists():
            secret = json.loads((store / name).read_text())
            given = secret.get("stringData", {})
            secret["data"] = {key: b64encode(each.encode()).decode() for key, each in given.items()}
            (store / name).write_text(json.dumps(secret))


def test_from_nothing(store: Path) -> None:
    """Six secrets, with passwords of their own; MinIO's root is the store's user."""
    assert create(store) == 0
    assert {path.name for path in store.iterdir()} - {"arguments"} == NAMES
    roles = ("owner", "loader", "dbt", "reader")
    found = [values(store, f"imdb.imdb-db-{role}") for role in roles]
    assert [each["username"] for each in found] == ["imdb", "loader", "dbt", "reader"]
    assert len({each["password"] for each in found}) == 4
    assert min(len(each["password"]) for each in found) >= 32
    root, keys = values(store, "platform.minio-root"), values(store, "imdb.imdb-store")
    assert root["rootUser"] == keys["AWS_ACCESS_KEY_ID"]
    assert root["rootPassword"] == keys["AWS_SECRET_ACCESS_KEY"]


def test_again(store: Path) -> None:
    """A second time nothing is created, so no password changes under a running database."""
    create(store)
    encode(store)
    before = {path.name: path.read_text() for path in store.iterdir() if path.name in NAMES}
    assert create(store) == 0
    after = {path.name: path.read_text() for path in store.iterdir() if path.name in NAMES}
    assert after == before


@pytest.mark.parametrize("lost", ["imdb.imdb-store", "platform.minio-root"])
def test_lost(store: Path, lost: str) -> None:
    """Either of the two secrets of the store is made again from the other."""
    create(store)
    before = values(store, lost)
    (store / lost).unlink()
    encode(store)
    assert create(store) == 0
    assert values(store, lost) == before


def test_no_password_in_arguments(store: Path) -> None:
    """Arguments are readable by everybody on the machine, so none holds a password."""
    create(store)
    arguments = (store / "arguments").read_text()
    for name in NAMES:
        for value in values(store, name).values():
            assert len(value) < 32 or value not in arguments


def test_unreachable(store: Path) -> None:
    """An API server that does not answer is an error, not a cluster without secrets."""
    assert create(store, "--context=away") != 0
    assert not NAMES & {path.name for path in store.iterdir()}
