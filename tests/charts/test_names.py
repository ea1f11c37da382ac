"""What a rendered object names is rendered too, or made by what the README says makes it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import yaml

from tests.charts.helm import ROOT, objects, template
from tests.charts.pods import pods

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.charts.helm import Object

REFERENCES = {
    **dict.fromkeys(("accessKeySecret", "secretKeySecret"), "Secret"),
    **dict.fromkeys(("accessKeyId", "secretAccessKey", "passwordSecret"), "Secret"),
    **dict.fromkeys(("imagePullSecrets", "secret", "secretKeyRef", "secretRef"), "Secret"),
    **dict.fromkeys(("configMap", "configMapKeyRef", "configMapRef"), "ConfigMap"),
    **dict.fromkeys(("roleRef", "subjects"), ""),
    "cluster": "Cluster",
    "workflowTemplateRef": "WorkflowTemplate",
}
"""Fields that hold an object with a `name` -> the kind of what it names, unless it says."""

NAMES = {
    "barmanObjectName": "ObjectStore",
    "claimName": "PersistentVolumeClaim",
    "secretName": "Secret",
    "serviceAccountName": "ServiceAccount",
}
"""Fields that hold a name -> the kind of what it names."""

GIVEN = {
    "platform": {"minio-root"},
    "imdb": {"imdb-db-owner", "imdb-db-loader", "imdb-db-dbt", "imdb-db-reader", "imdb-store"},
}
"""Secrets that stand before a release: `make secrets` makes them, or the user does."""

OPERATED = {
    "Secret": {"imdb-db-ca", "cnpg-webhook-cert"},
    "Service": {"postgres"},
}
"""What the operator makes of the Cluster, and for its own webhooks."""

BUILT = {"imdb-steps", "imdb-dbt", "imdb-source"}
"""Images that `make images` builds."""


def named(part: object, field: str = "") -> Iterator[tuple[str, str]]:
    """Give (kind, name) of all that an object names by the fields of its API."""
    if isinstance(part, list):
        for inner in part:
            yield from named(inner, field)
    elif isinstance(part, str):
        if field in NAMES:
            yield NAMES[field], part
        elif field == "imdb":
            # The artifact repository is YAML within a ConfigMap.
            yield from named(yaml.safe_load(part))
    elif isinstance(part, dict):
        if field in REFERENCES and "name" in part:
            yield part.get("kind", REFERENCES[field]), part["name"]
        for key, inner in part.items():
            yield from named(inner, key)


def there(found: list[Object], kind: str) -> set[str]:
    """Return the names of a kind in a render."""
    return {each["metadata"]["name"] for each in found if each["kind"] == kind}


@pytest.mark.parametrize("release", ["platform", "imdb"])
def test_named_is_there(release: str, environment: dict[str, list[Object]]) -> None:
    """Secrets, config maps, accounts, roles, claims, templates: each is made by something."""
    found = environment[release]
    wanted = {pair for each in found for pair in named(each)}
    # The platform's accounts are upstream's, which need not be in the render.
    values = yaml.safe_load((ROOT / "charts" / "platform" / "values.yaml").read_text())
    argo = values["argo-workflows"]
    upstream = {argo[part]["serviceAccount"]["name"] for part in ("controller", "server")}
    for kind, name in wanted:
        known = there(found, kind) | OPERATED.get(kind, set())
        if kind == "Secret":
            known |= GIVEN[release]
        if kind == "ServiceAccount" and release == "platform":
            known |= upstream
        assert name in known, f"{kind} {name}"


def test_given_secrets_are_used(environment: dict[str, list[Object]]) -> None:
    """Each secret that a user is asked for is named somewhere."""
    for release, secrets in GIVEN.items():
        used = {name for each in environment[release] for kind, name in named(each)}
        assert secrets <= used


def test_secrets_are_those_of_make() -> None:
    """`make secrets` makes the secrets that the charts name."""
    script = (ROOT / "charts" / "credentials.py").read_text()
    for name in set().union(*GIVEN.values()):
        assert f'"{name}"' in script


def test_other_names(folders: dict[str, Path], helm: str) -> None:
    """A secret named otherwise by values is named so everywhere, in the workflow too."""
    settings = ["owner", "loader", "dbt", "reader", "store"]
    command = [f"--set=secrets.{each}=other-{each}" for each in settings]
    found = objects(template(helm, folders["imdb"], *command))
    used = {name for each in found for kind, name in named(each) if kind == "Secret"}
    assert {f"other-{each}" for each in settings} <= used
    assert not GIVEN["imdb"] & used


def test_accounts_are_used(environment: dict[str, list[Object]]) -> None:
    """No service account is left over but those that people take: submitter and viewer."""
    found = environment["imdb"]
    used = {
        name
        for each in found
        for kind, name in named({**each, "subjects": []})
        if kind == "ServiceAccount"
    }
    used |= {
        each["spec"]["executor"]["serviceAccountName"]
        for each in found
        if each["kind"] == "WorkflowTemplate"
    }
    assert there(found, "ServiceAccount") - used <= {"imdb-submitter", "imdb-viewer"}


def parameters(found: list[Object]) -> dict[str, str]:
    """Return the workflow's parameters with their values."""
    (workflow,) = (each for each in found if each["kind"] == "WorkflowTemplate")
    return {each["name"]: each["value"] for each in workflow["spec"]["arguments"]["parameters"]}


def test_parameters(environment: dict[str, list[Object]]) -> None:
    """A parameter that is asked for, or set by the CronWorkflow, is one of the workflow's."""
    known = parameters(environment["imdb"])
    for each in environment["imdb"]:
        asked = set(re.findall(r"workflow\.parameters\.([a-z-]+)", json.dumps(each)))
        asked |= set(re.findall(r"workflow\.parameters\['([a-z-]+)'\]", json.dumps(each)))
        assert asked <= known.keys()
        if each["kind"] == "CronWorkflow":
            given = each["spec"]["workflowSpec"].get("arguments", {}).get("parameters", [])
            assert {parameter["name"] for parameter in given} <= known.keys()


def test_images(environment: dict[str, list[Object]]) -> None:
    """Each image is built by `make images`, or another's by a version; none is `latest`."""
    given = parameters(environment["imdb"])
    found = {
        re.sub(
            r"\{\{workflow\.parameters\.([a-z-]+)\}\}",
            lambda match: given[str(match[1])],
            container["image"],
        )
        for each in environment.values()
        for pod in pods(each)
        for container in pod.containers
    }
    assert any("imdb-dbt" in image for image in found)
    for image in found:
        name, _, tag = image.rpartition(":")
        assert tag != "latest", image
        assert name.rpartition("/")[2] in BUILT or re.search(r"\d", tag), image


def test_addresses(environment: dict[str, list[Object]]) -> None:
    """The settings' hosts are services that one of the two releases makes."""
    (settings,) = (
        each["data"] for each in environment["imdb"] if each["metadata"]["name"] == "imdb-settings"
    )
    assert settings["PGHOST"] in there(environment["imdb"], "Service") | OPERATED["Service"]
    service, _, namespace = str(urlsplit(settings["AWS_ENDPOINT_URL"]).hostname).partition(".")
    assert namespace == "platform"
    assert service in there(environment["platform"], "Service")


def test_policies_select_pods(environment: dict[str, list[Object]]) -> None:
    """A policy whose selector fits no pod protects nothing, and none says so."""
    labels = [pod.labels for each in environment.values() for pod in pods(each)]
    # The operator's pods, and upstream's where they are not in the render.
    labels += [{"cnpg.io/cluster": "imdb-db"}]
    labels += [
        {"app.kubernetes.io/name": name}
        for name in ("argo-workflows-workflow-controller", "argo-workflows-server")
    ]
    labels += [{"app.kubernetes.io/name": "cloudnative-pg"}]
    policies = [
        each
        for release in environment.values()
        for each in release
        if each["kind"] == "NetworkPolicy"
    ]
    assert policies
    for policy in policies:
        selector = policy["spec"]["podSelector"]
        assert any(selects(selector, each) for each in labels), policy["metadata"]["name"]


def selects(selector: dict[str, object], labels: dict[str, str]) -> bool:
    """Tell whether a label selector fits a pod's labels."""
    exact = selector.get("matchLabels", {})
    assert isinstance(exact, dict)
    among = selector.get("matchExpressions", [])
    assert isinstance(among, list)
    assert all(each["operator"] == "In" for each in among)
    return all(labels.get(key) == value for key, value in exact.items()) and all(
        labels.get(each["key"]) in each["values"] for each in among
    )


def test_page_is_mapped() -> None:
    """The node port of Argo's page is the one that kind-config.yaml maps to the loopback."""
    values = yaml.safe_load((ROOT / "charts" / "platform" / "values-kind.yaml").read_text())
    kind = yaml.safe_load((ROOT / "kind-config.yaml").read_text())
    (mapping,) = kind["nodes"][0]["extraPortMappings"]
    assert mapping["containerPort"] == values["argo-workflows"]["server"]["serviceNodePort"]
    assert mapping["listenAddress"] == "127.0.0.1"
    assert kind["name"] == "imdb"
