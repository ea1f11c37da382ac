"""A pipeline deployed from nothing, and the same day run on the laptop to compare with."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from kubernetes import config

from sandbox import servers
from sandbox.build import connect
from tests.cluster import ROOT
from tests.cluster.cluster import NAMESPACE, PLATFORM, Cluster, make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCALE = 0.005
"""Large enough for every mart to have rows."""


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Deploy into the current context, from nothing.

    What was there before is deleted, so only a kind cluster is taken. With IMDB_CLUSTER_KEEP=1
    what is deployed is used as it is, for working on the tests.
    """
    _, current = config.list_kube_config_contexts()  # type: ignore[no-untyped-call]
    if not current["name"].startswith("kind-"):
        pytest.fail(f"{current['name']} is no kind cluster: these tests delete what is there")
    config.load_kube_config()  # type: ignore[no-untyped-call]
    if not os.environ.get("IMDB_CLUSTER_KEEP"):
        make("undeploy")
        subprocess.run(
            ["kubectl", "delete", "namespace", NAMESPACE, PLATFORM, "--ignore-not-found"],
            check=True,
        )
        make("deploy", "VALUES=kind")
    return Cluster()


@pytest.fixture(scope="session")
def laptop(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[int, str], list[list[str]]]]:
    """Give a function that runs a synthetic day on the laptop and answers a query there."""
    state = tmp_path_factory.mktemp("laptop")
    days: list[int] = []

    def ask(day: int, query: str) -> list[list[str]]:
        if day not in days:
            subprocess.run(
                [
                    *(sys.executable, "-m", "sandbox", "run"),
                    *(f"--state={state}", f"--scale={SCALE}", f"--day={day}"),
                ],
                cwd=ROOT,
                check=True,
            )
            days.append(day)
        environment = servers.up(state).role("postgres")
        with connect(environment) as connection:
            rows = connection.execute(query.encode()).fetchall()
        return [["" if value is None else str(value) for value in row] for row in rows]

    yield ask
    servers.down(state, wipe=True)
