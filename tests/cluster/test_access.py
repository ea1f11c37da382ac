"""What pods may reach, how they are confined, and what the API server says of the manifests."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cluster import ROOT
from tests.cluster.cluster import NAMESPACE, kubectl

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster

PLACES = {
    "postgres": ("postgres", 5432),
    "store": ("minio.platform", 9000),
    "source": ("imdb-source", 8080),
}

# A policy is in force a moment after its pod has begun, so what it allows may be refused at first.
CONNECT = """
import socket, time
deadline = time.monotonic() + 8
while True:
    try:
        socket.create_connection({address}, 4)
        break
    except OSError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.2)
"""


# What it forbids may be let through at first, likewise: three refusals in a row are one.
REFUSED = """
import socket, sys, time
deadline = time.monotonic() + 20
refused = 0
while refused < 3 and time.monotonic() < deadline:
    try:
        socket.create_connection({address}, 2).close()
        refused = 0
    except OSError:
        refused += 1
    time.sleep(0.5)
sys.exit(refused < 3)
"""

# What cannot be found would be refused by no policy.
RESOLVES = "import socket; socket.gethostbyname('{host}')"


@pytest.mark.parametrize(
    ("component", "place", "reached"),
    [
        ("load", "postgres", True),
        ("load", "store", True),
        ("load", "source", False),
        ("model", "postgres", True),
        ("model", "source", False),
        ("download", "source", True),
        ("download", "store", True),
        ("stranger", "postgres", False),
        ("stranger", "store", False),
        ("stranger", "source", False),
    ],
)
def test_a_pod_reaches_what_it_needs(
    cluster: Cluster, component: str, place: str, *, reached: bool
) -> None:
    """A network policy lets each kind of step reach its own places, and refuses the others."""
    labels = {
        "app.kubernetes.io/part-of": "imdb",
        "app.kubernetes.io/component": component,
    }
    code = (CONNECT if reached else REFUSED).format(address=PLACES[place])
    assert cluster.python(f"reach-{component}-{place}", code, labels)


@pytest.mark.parametrize("place", PLACES)
def test_nobody_is_let_in_from_elsewhere(cluster: Cluster, place: str) -> None:
    """Where no policy keeps a pod in, and whatever it calls itself, the place's own refuses it."""
    host, port = PLACES[place]
    address = (host if "." in host else f"{host}.{NAMESPACE}", port)
    labels = {"app.kubernetes.io/part-of": "imdb", "app.kubernetes.io/component": "load"}
    assert cluster.python(f"resolves-{place}", RESOLVES.format(host=address[0]), labels, "default")
    code = REFUSED.format(address=address)
    assert cluster.python(f"outside-{place}", code, labels, "default")


def test_namespaces_are_restricted(cluster: Cluster) -> None:
    """Both namespaces refuse any pod that is not restricted."""
    for name in (NAMESPACE, "platform"):
        labels = cluster.core.read_namespace(name).metadata.labels
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("template", ["workflowtemplate", "workflowtemplate-one"])
def test_argo_accepts_the_manifests(template: str) -> None:
    """Argo's own linter finds nothing, in either template with the schedule that refers to it."""
    files = [ROOT / f"charts/imdb/files/{name}.yaml" for name in (template, "cronworkflow")]
    subprocess.run(["argo", "lint", "--offline", *map(str, files)], check=True)


@pytest.mark.parametrize("release", ["imdb", "platform"])
def test_the_api_server_knows_every_field(cluster: Cluster, release: str) -> None:
    """What Helm deployed has no field that the server, with the operators' CRDs, does not know."""
    manifest = subprocess.run(
        ["helm", "get", "manifest", release, "--namespace", release],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    subprocess.run(
        [
            *("kubectl", "apply", "--dry-run=server", "--validate=strict"),
            # By the server: the operators' CRDs are too long for a client's annotation.
            *("--server-side", "--force-conflicts"),
            "--filename=-",
        ],
        input=manifest,
        check=True,
        text=True,
    )
    assert cluster.core.read_namespace(release)


def test_the_release_passes_helm_test(cluster: Cluster) -> None:
    """`helm test` finds database, roles, secrets and store in place."""
    assert cluster.image
    subprocess.run(["helm", "test", "imdb", "--namespace", NAMESPACE, "--logs"], check=True)


def test_secrets_are_not_in_the_manifests() -> None:
    """No object that Helm made holds a password."""
    rendered = kubectl("get", "configmap", "imdb-settings", "-oyaml")
    assert "PASSWORD" not in rendered
    assert "SECRET" not in rendered
