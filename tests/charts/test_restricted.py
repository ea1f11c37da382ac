"""Every pod that the charts describe meets the restricted standard, and a little more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from tests.charts.helm import ROOT
from tests.charts.pods import pods

if TYPE_CHECKING:
    from tests.charts.helm import Object


def test_pods(environment: dict[str, list[Object]]) -> None:
    """No root, no privileges, the runtime's seccomp profile, a read-only root."""
    found = [pod for each in environment.values() for pod in pods(each)]
    assert found
    for pod in found:
        whole = pod.spec.get("securityContext", {})
        for container in pod.containers:
            own = {**whole, **container.get("securityContext", {})}
            assert own["runAsNonRoot"] is True, pod.name
            assert own["seccompProfile"] == {"type": "RuntimeDefault"}, pod.name
            assert own["allowPrivilegeEscalation"] is False, pod.name
            assert own["capabilities"] == {"drop": ["ALL"]}, pod.name
            assert own["readOnlyRootFilesystem"] is True, pod.name
            assert own.get("runAsUser", 1) != 0, pod.name
        for outside in ("hostNetwork", "hostPID", "hostIPC"):
            assert not pod.spec.get(outside), pod.name
        assert not [each for each in pod.spec.get("volumes", []) if "hostPath" in each], pod.name


def test_resources(environment: dict[str, list[Object]]) -> None:
    """Each container asks for processor and memory, and has a limit of memory."""
    for pod in (pod for each in environment.values() for pod in pods(each)):
        for container in pod.containers:
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys(), pod.name
            assert "memory" in resources["limits"], pod.name


def test_tokens(environment: dict[str, list[Object]]) -> None:
    """A pod of this project has no token of the cluster's; Argo and the operator need theirs."""
    upstream = {"argo-workflow-controller", "argo-server", "cloudnative-pg"}
    for pod in (pod for each in environment.values() for pod in pods(each)):
        if pod.spec.get("serviceAccountName") not in upstream:
            assert pod.spec.get("automountServiceAccountToken") is False, pod.name


def test_executor() -> None:
    """Argo's containers beside each step, which no render shows, are restricted as well."""
    values = yaml.safe_load((ROOT / "charts" / "platform" / "values.yaml").read_text())
    executor = values["argo-workflows"]["executor"]
    assert executor["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_namespaces() -> None:
    """Both namespaces enforce the standard."""
    manifest = (ROOT / "charts" / "namespaces.yaml").read_text()
    found = {
        each["metadata"]["name"]: each["metadata"]["labels"]
        for each in yaml.safe_load_all(manifest)
    }
    assert found.keys() == {"platform", "imdb"}
    for labels in found.values():
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
