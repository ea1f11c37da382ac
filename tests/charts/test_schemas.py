"""Every object that the charts render has the fields that its API knows, and no other.

Kubernetes' own kinds are checked by the schemas that kubernetes-validate carries, Argo's by Hera's
models. CloudNativePG's lie in its operator's chart alone, so they are checked where
`make platform-charts` has run. Of the rest nobody publishes a package (backups by the barman-cloud
plugin, Prometheus' operator): `make test-cluster` has the API server check what is deployed there.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from hera.workflows.models import CronWorkflow, WorkflowTemplate
from jsonschema import Draft202012Validator

from tests.charts.helm import HELMS, ROOT, UPSTREAM, definitions, template, title

if TYPE_CHECKING:
    from hera.shared._pydantic import APIBaseModel

    from tests.charts.helm import Object

VERSIONS = ("1.34", "1.36")
"""Of Kubernetes: those that CloudNativePG 1.30 is tested on, first and last."""

ARGO: dict[str, type[APIBaseModel]] = {
    "WorkflowTemplate": WorkflowTemplate,
    "CronWorkflow": CronWorkflow,
}
OPERATOR = "postgresql.cnpg.io/v1"
FOREIGN = {"barmancloud.cnpg.io/v1", "monitoring.coreos.com/v1"}


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes(rendered: dict[str, dict[str, list[Object]]], version: str) -> None:
    """Kubernetes knows every field, in every environment."""
    others = {OPERATOR, *FOREIGN, "argoproj.io/v1alpha1"}
    # Most objects are the same in all environments.
    found = {
        json.dumps(each, sort_keys=True): each
        for environment in rendered.values()
        for release in environment.values()
        for each in release
        if each["apiVersion"] not in others
    }
    assert {"NetworkPolicy", "Job", "StatefulSet"} <= {each["kind"] for each in found.values()}
    for each in found.values():
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            pytest.fail(f"{title(each)}: {list(error.path)}: {error.message}")


def test_argo(environment: dict[str, list[Object]]) -> None:
    """Argo knows every field: what its models take in comes out again unchanged."""
    found = [each for each in environment["imdb"] if each["apiVersion"] == "argoproj.io/v1alpha1"]
    assert {each["kind"] for each in found} == set(ARGO)
    for each in found:
        model = ARGO[each["kind"]].model_validate(each)
        assert model.model_dump(by_alias=True, exclude_unset=True, mode="json") == each


@pytest.mark.skipif(not UPSTREAM.is_dir(), reason="needs make platform-charts; so does deploying")
def test_operator(environment: dict[str, list[Object]]) -> None:
    """CloudNativePG knows every field."""
    found = [each for each in environment["imdb"] if each["apiVersion"] == OPERATOR]
    assert "Cluster" in {each["kind"] for each in found}
    for each in found:
        errors = Draft202012Validator(operator_schemas()[each["kind"]]).iter_errors(each)
        assert not [f"{error.json_path}: {error.message}" for error in errors]


@cache
def operator_schemas() -> dict[str, Any]:
    """Return the schema of each of the operator's kinds, closed to fields it does not name."""
    platform = template(HELMS[0], ROOT / "charts" / "platform")
    return {
        each["spec"]["names"]["kind"]: closed(version["schema"]["openAPIV3Schema"])
        for each in definitions(platform)
        for version in each["spec"]["versions"]
        if f"{each['spec']['group']}/{version['name']}" == OPERATOR
    }


def closed(schema: Any) -> Any:  # noqa: ANN401  # a JSON schema
    """Close a schema; Kubernetes' int-or-string becomes JSON schema's."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(each) for key, each in schema.items() if key != "format"}
    if isinstance(found.get("properties"), dict) and "type" in found:
        found.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        found.pop("anyOf", None)
        found["type"] = ["integer", "string"]
    return found
