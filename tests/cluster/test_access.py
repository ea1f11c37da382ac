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
    code = f"import socket; socket.create_connection({PLACES[place]}, 5)"
    assert cluster.python(f"reach-{component}-{place}", code, labels) is reached


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
            *("--filename=-", f"--namespace={release}"),
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


def test_the_last_run_left_a_report(cluster: Cluster) -> None:
    """The report of a run is a page in the store."""
    with cluster.store() as store:
        listed = store.list_objects_v2(Bucket="imdb", Prefix="runs/")
        pages = [each["Key"] for each in listed["Contents"] if each["Key"].endswith(".html")]
        assert pages
        page = store.get_object(Bucket="imdb", Key=pages[-1])["Body"].read().decode()
    assert "<svg" in page
    assert "mart_top_titles" in page


def test_secrets_are_not_in_the_manifests() -> None:
    """No object that Helm made holds a password."""
    rendered = kubectl("get", "configmap", "imdb-settings", "-oyaml")
    assert "PASSWORD" not in rendered
    assert "SECRET" not in rendered
