"""Every chart renders with every values file, the same each time, and refuses what is misspelt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.charts.helm import (
    CHARTS,
    ENVIRONMENTS,
    HELMS,
    KUBERNETES,
    ROOT,
    objects,
    run,
    template,
    values_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.charts.helm import Object


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_lint(environment: str, chart: Path, helm: str) -> None:
    """Helm finds nothing to complain of."""
    done = run(helm, "lint", "--strict", "--quiet", str(chart), values_file(chart, environment))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_same_twice(environment: str, chart: Path, helm: str) -> None:
    """Nothing is made anew by rendering again: GitOps would deploy it for ever."""
    once, again = (template(helm, chart, values_file(chart, environment)) for _ in range(2))
    assert once == again


def test_defaults(chart: Path, helm: str) -> None:
    """A chart renders without any values file."""
    assert objects(template(helm, chart))


@pytest.mark.skipif(len(HELMS) < 2, reason="only one Helm is on this machine")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_same_by_each_helm(environment: str, chart: Path) -> None:
    """Helm 3 and Helm 4 render the same objects."""

    def by(helm: str) -> list[str]:
        rendered = objects(template(helm, chart, values_file(chart, environment)))
        return sorted(json.dumps(each, sort_keys=True) for each in rendered)

    assert by(HELMS[0]) == by(HELMS[1])


def test_named_once(environment: dict[str, list[Object]]) -> None:
    """No object is rendered twice, in one release or in both."""
    names = [
        (group(each), each["kind"], each["metadata"]["name"], namespace(each, release))
        for release, found in environment.items()
        for each in found
    ]
    assert len(names) == len(set(names))


def group(each: Object) -> str:
    """Return an object's API group."""
    return str(each["apiVersion"]).partition("/")[0]


def namespace(each: Object, release: str) -> str:
    """Return an object's namespace; without one, it is the release's."""
    return str(each["metadata"].get("namespace", release))


def maps(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401
    """Give the path of every map of a values file whose keys are the chart's own."""
    if isinstance(values, dict) and not FREE & set(path[-1:]):
        yield path
        for key, inner in values.items():
            yield from maps(inner, (*path, key))


FREE = {
    *("annotations", "labels", "nodeSelector", "podLabels"),
    *("default", "defaultRequest", "hard", "limits", "requests"),
    *("containerSecurityContext", "podSecurityContext", "securityContext"),
    *("data", "parameters", "persistence", "workflowDefaults"),
}
"""Maps whose keys are somebody else's (Kubernetes', Postgres', Argo's), who refuses bad ones."""


def values(name: str) -> Any:  # noqa: ANN401  # whatever YAML holds
    """Return a chart's own values."""
    return yaml.safe_load((ROOT / "charts" / name / "values.yaml").read_text())


@pytest.mark.parametrize(
    ("name", "path"),
    [(name, path) for name in CHARTS for path in maps(values(name))],
    ids=lambda value: (".".join(value) or "top") if isinstance(value, tuple) else value,
)
def test_misspelt(name: str, path: tuple[str, ...]) -> None:
    """A key that the chart does not know is refused wherever it stands."""
    schema = json.loads((ROOT / "charts" / name / "values.schema.json").read_text())
    given = values(name)
    assert Draft7Validator(schema).is_valid(given)
    at = given
    for key in path:
        at = at[key]
    at["misspelt"] = "1"
    assert not Draft7Validator(schema).is_valid(given)


def test_misspelt_by_helm(chart: Path, helm: str) -> None:
    """Helm applies the schema, and names what is wrong."""
    done = run(helm, "template", str(chart), f"--kube-version={KUBERNETES}", "--set=misspelt=1")
    assert done.returncode != 0
    assert "misspelt" in done.stderr


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ('workflowNamespace="elsewhere"', "workflowNamespace is elsewhere"),
        (
            'cloudnative-pg.additionalEnv=[{"name": "WATCH_NAMESPACE", "value": "elsewhere"}]',
            "cloudnative-pg.additionalEnv is elsewhere",
        ),
    ],
)
def test_one_namespace(setting: str, named: str, folders: dict[str, Path], helm: str) -> None:
    """Argo, the operator and their roles cannot be sent to different namespaces."""
    command = ["template", str(folders["platform"]), f"--kube-version={KUBERNETES}"]
    done = run(helm, *command, f"--set-json={setting}")
    assert done.returncode != 0
    assert named in done.stderr


def test_without_minio(folders: dict[str, Path], helm: str) -> None:
    """With any other S3 nothing of MinIO is left."""
    assert "minio" not in template(helm, folders["platform"], "--set=minio.enabled=false")


def test_the_database_is_begun_with_sql_that_survives(folders: dict[str, Path], helm: str) -> None:
    """The operator gives it to a container as an argument, in which Kubernetes halves dollars."""
    rendered = objects(template(helm, folders["imdb"]))
    (cluster,) = (each for each in rendered if each["kind"] == "Cluster")
    (statement,) = cluster["spec"]["bootstrap"]["initdb"]["postInitApplicationSQL"]
    assert "create extension if not exists pg_prewarm" in statement
    assert "$" not in statement


@pytest.mark.parametrize("granularity", ["model", "one"])
def test_expressions_survive(granularity: str, folders: dict[str, Path], helm: str) -> None:
    """Argo's expressions, which look like Helm's own, are those that the compiler wrote."""
    suffix = "" if granularity == "model" else "-one"
    compiled = (ROOT / "charts" / "imdb" / "files" / f"workflowtemplate{suffix}.yaml").read_text()
    rendered = template(helm, folders["imdb"], f"--set=workflow.granularity={granularity}")
    (workflow,) = (each for each in objects(rendered) if each["kind"] == "WorkflowTemplate")
    wanted = expressions(yaml.safe_load(compiled)["spec"]["templates"])
    assert wanted
    assert expressions(workflow["spec"]["templates"]) == wanted


def expressions(part: object) -> list[str]:
    """Return every string with an expression of Argo's, in order."""
    if isinstance(part, dict):
        return [found for inner in part.values() for found in expressions(inner)]
    if isinstance(part, list):
        return [found for inner in part for found in expressions(inner)]
    return [part] if isinstance(part, str) and "{{" in part else []


@pytest.mark.parametrize(
    ("cidrs", "peers"),
    [("[]", None), ('["192.0.2.0/24"]', [{"ipBlock": {"cidr": "192.0.2.0/24"}}])],
)
def test_backups_go_to_a_store_of_their_own(
    helm: str, cidrs: str, peers: list[object] | None
) -> None:
    """Beside MinIO as the pipeline's store: the database reaches that store and not MinIO."""
    chart = ROOT / "charts/imdb"
    rendered = template(
        helm,
        chart,
        values_file(chart, "production"),
        "--set=database.backup.endpoint=https://backups.example.com",
        f"--set-json=networkPolicy.backup.cidrs={cidrs}",
    )
    (policy,) = (
        each
        for each in objects(rendered)
        if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == "database"
    )
    rules = policy["spec"]["egress"]
    assert not any("minio" in json.dumps(rule) for rule in rules)
    (own,) = (r for r in rules if r["ports"] == [{"protocol": "TCP", "port": 443}])
    assert own.get("to") == peers
