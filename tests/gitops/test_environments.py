"""What the GitOps folders name exists, and both engines deploy the same from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITOPS = ROOT / "gitops"
ENVIRONMENTS = ("dev", "staging", "production")
RELEASES = ("platform", "imdb")


def manifests(path: Path) -> list[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text()))


def values_files(engine: str, environment: str, release: str) -> list[Path]:
    """Return the values files that the engine gives to Helm, in their order.

    The charts' own values.yaml is among them only where the engine would leave it out: Flux does
    when it is given any.
    """
    chart = Path("charts", release)
    overlay = manifests(GITOPS / engine / environment / "kustomization.yaml")[0]
    named: list[str] = []
    for patch in overlay.get("patches", []):
        if patch["target"]["name"] == release:
            for operation in yaml.safe_load(patch["patch"]):
                assert operation["path"].endswith(("/valueFiles", "/valuesFiles"))
                named += operation["value"]
    if engine == "flux":
        files = [Path(name) for name in named]
        assert files[:1] in ([], [chart / "values.yaml"]), "Flux leaves values.yaml out"
        return files[1:]
    # A leading slash is the repository's root to Argo CD, all else is the chart's folder.
    return [Path(name[1:]) if name.startswith("/") else chart / name for name in named]


@pytest.mark.parametrize("path", sorted(GITOPS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_is_yaml(path: Path) -> None:
    """A file that does not parse would stop an engine at everything beside it."""
    assert all(isinstance(each, dict) for each in manifests(path))


@pytest.mark.parametrize("engine", ["argocd", "flux"])
def test_every_environment_has_a_folder(engine: str) -> None:
    """An environment is a values file and a folder for each engine."""
    folders = {path.name for path in (GITOPS / engine).iterdir() if path.is_dir()}
    assert folders - {"base"} == set(ENVIRONMENTS)
    assert {path.stem for path in (GITOPS / "values").iterdir()} == set(ENVIRONMENTS)


@pytest.mark.parametrize("folder", sorted(GITOPS.rglob("kustomization.yaml")), ids=str)
def test_kustomize_finds_what_it_is_told(folder: Path) -> None:
    """A resource that is not there would stop the environment."""
    for name in manifests(folder)[0]["resources"]:
        assert (folder.parent / name).exists(), name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_found_where_it_says(environment: str) -> None:
    """What is applied by hand points at the folder that it stands in."""
    argocd = manifests(GITOPS / "argocd" / environment / "environment.yaml")[0]
    assert argocd["spec"]["source"]["path"] == f"gitops/argocd/{environment}"
    flux = manifests(GITOPS / "flux" / environment / "environment.yaml")[1]
    assert flux["spec"]["path"] == f"gitops/flux/{environment}"


@pytest.mark.parametrize("release", RELEASES)
def test_both_engines_deploy_the_same_chart_to_the_same_place(release: str) -> None:
    """Release, namespace and chart are those of `make deploy`."""
    application = manifests(GITOPS / "argocd" / "base" / f"{release}.yaml")[0]["spec"]
    helm_release = manifests(GITOPS / "flux" / "base" / f"{release}.yaml")[0]["spec"]
    assert application["source"]["path"] == helm_release["chart"]["spec"]["chart"]
    assert (ROOT / application["source"]["path"] / "Chart.yaml").exists()
    assert application["source"]["helm"]["releaseName"] == release
    assert application["destination"]["namespace"] == release
    assert helm_release["releaseName"] == helm_release["targetNamespace"] == release


def test_the_platform_comes_first() -> None:
    """An operator and its resources cannot come up in one."""
    waves = {
        release: int(
            manifests(GITOPS / "argocd" / "base" / f"{release}.yaml")[0]["metadata"]["annotations"][
                "argocd.argoproj.io/sync-wave"
            ]
        )
        for release in RELEASES
    }
    assert waves["platform"] < waves["imdb"]
    imdb = manifests(GITOPS / "flux" / "base" / "imdb.yaml")[0]
    assert imdb["spec"]["dependsOn"] == [{"name": "platform"}]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_both_engines_read_the_same_values(environment: str, release: str) -> None:
    """The files exist, and who changes the engine changes nothing else."""
    argocd = values_files("argocd", environment, release)
    assert argocd == values_files("flux", environment, release)
    for path in argocd:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_is_promoted_has_the_last_word(environment: str) -> None:
    """A tag or schedule in gitops/values is not overridden by a later file."""
    assert values_files("argocd", environment, "imdb")[-1] == Path(
        "gitops", "values", f"{environment}.yaml"
    )


def test_namespaces_are_those_of_make_and_stay() -> None:
    """They are as restricted; an engine that deleted one would delete the database in it."""
    ours = manifests(GITOPS / "namespaces" / "namespaces.yaml")
    made = manifests(ROOT / "charts" / "namespaces.yaml")
    for one, other in zip(ours, made, strict=True):
        annotations = one["metadata"].pop("annotations")
        assert one == other
        assert one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        assert annotations["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
        assert annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_repository_stands_once_in_each_environment(environment: str) -> None:
    """Who moves it changes one line for an engine; a second place would be forgotten."""
    argocd = manifests(GITOPS / "argocd" / environment / "environment.yaml")[0]
    flux = manifests(GITOPS / "flux" / environment / "environment.yaml")[0]
    for engine, url in (
        ("argocd", argocd["spec"]["source"]["repoURL"]),
        ("flux", flux["spec"]["url"]),
    ):
        files = [*(GITOPS / engine / environment).iterdir(), *(GITOPS / engine / "base").iterdir()]
        assert "".join(path.read_text() for path in files).count(url) == 1
