"""The graph: what runs when, what a failure stops, and that all it names is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from steps.catalog import DATASETS
from steps.settings import Settings
from tests.workflows.argo import ERROR, FAILED, OMITTED, SKIPPED, SUCCEEDED
from workflows.templates import DEADLINES, RETRY_EXPRESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.workflows.argo import Workflow

_RATINGS = {
    *("download-title-ratings", "load-title-ratings", "stg-title-ratings"),
    *("int-title-complete", "mart-top-titles", "prune", "report"),
}


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401  # whatever YAML holds
    if isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, str):
        yield value


def test_nothing_new(workflow: Workflow) -> None:
    """If the plan wants nothing, the plan is the only pod and the run is green."""
    ended = workflow.run(set())
    assert ended.having(SKIPPED) == set(workflow.tasks) - {"plan"}
    assert ended.phase == SUCCEEDED


def test_some_new(by_model: Workflow) -> None:
    """What the plan wants runs, though what lies before it is skipped."""
    ended = by_model.run(_RATINGS)
    assert ended.having(SUCCEEDED) == {"plan", *_RATINGS}
    assert ended.phase == SUCCEEDED


@pytest.mark.parametrize("phase", [FAILED, ERROR])
def test_no_plan(phase: str, workflow: Workflow) -> None:
    """Without a plan nothing runs, and nothing waits for what the plan would have said."""
    ended = workflow.run(set(workflow.tasks), {"plan": phase})
    assert ended.having(OMITTED) == set(workflow.tasks) - {"plan"}
    assert ended.phase == phase


@pytest.mark.parametrize("phase", [FAILED, ERROR])
def test_failed_load(phase: str, by_model: Workflow) -> None:
    """A load that failed stops what reads its dataset and nothing else; the run is red."""
    ended = by_model.run(set(by_model.tasks), {"load-title-crew": phase})
    assert ended.having(OMITTED) == {
        *("stg-title-crew-directors", "stg-title-crew-writers", "mart-data-quality"),
        *("test-stg-title-crew-directors", "test-stg-title-crew-writers"),
    }
    assert {"prune", "report"} <= ended.having(SUCCEEDED)
    assert ended.phase == phase


def test_failed_load_in_one(by_one: Workflow) -> None:
    """The one build runs however the loads ended, and hears how each did."""
    ended = by_one.run(set(by_one.tasks), {"download-title-crew": FAILED})
    assert ended.having(OMITTED) == {"load-title-crew"}
    assert "build" in ended.having(SUCCEEDED)
    assert ended.phase == FAILED
    statuses = by_one.arguments("build")["statuses"]
    for dataset in DATASETS:
        load = f"load-{dataset.table.replace('_', '-')}"
        assert f'"{dataset.name}":"{{{{tasks.{load}.status}}}}"' in statuses


def test_any_failure_is_red(workflow: Workflow) -> None:
    """Whichever task fails, the report is written and does not turn the run green."""
    for name in set(workflow.tasks) - {"plan", "report"}:
        ended = workflow.run(set(workflow.tasks), {name: FAILED})
        assert ended.phases["report"] == SUCCEEDED
        assert ended.phase == FAILED, name


def test_names(workflow: Workflow) -> None:
    """Templates and tasks have a name each of their own, and only `command` is of no task."""
    templates = [each["name"] for each in workflow.spec["templates"]]
    tasks = [each["name"] for each in workflow.dag["tasks"]]
    assert len(tasks) == len(set(tasks))
    used = {each["template"] for each in workflow.dag["tasks"]}
    assert sorted(templates) == sorted([workflow.spec["entrypoint"], *used, "command"])


def test_targets(workflow: Workflow) -> None:
    """Every task counts for the run's phase."""
    assert workflow.dag["target"].split(" ") == list(workflow.tasks)
    assert workflow.dag["failFast"] is False


def test_report_is_last(workflow: Workflow) -> None:
    """The report begins when all else is over and hears how each task ended."""
    assert workflow.above("report") == set(workflow.tasks) - {"report"}
    named = re.findall(r'"([^"]+)":"\{\{tasks\.([^.]+)\.status\}\}"', _statuses(workflow))
    assert named == [(name, name) for name in workflow.tasks if name != "report"]


def _statuses(workflow: Workflow) -> str:
    return workflow.arguments("report")["statuses"]


def test_plan_decides_on_each_task(workflow: Workflow) -> None:
    """Each task but the plan asks the plan's output of its own name, which the plan has."""
    for name, task in workflow.tasks.items():
        if name != "plan":
            assert task["when"] == f'"{{{{tasks.plan.outputs.parameters.{name}}}}}" == "run"'
            assert name in workflow.outputs("plan")


def test_plan_writes_what_is_asked(workflow: Workflow) -> None:
    """Each decision is a file of its name, and none is asked for in vain."""
    tables = {dataset.table.replace("_", "-") for dataset in DATASETS}
    assert workflow.outputs("plan") == {
        *(set(workflow.tasks) - {"plan"}),
        *(f"key-{table}" for table in tables),
        *(["nodes"] if "build" in workflow.tasks else []),
        "models-version",
    }
    for output in workflow.pods["plan"]["outputs"]["parameters"]:
        assert output["valueFrom"] == {"path": f"/tmp/outputs/{output['name']}"}  # noqa: S108


def test_references_to_tasks(workflow: Workflow) -> None:
    """Each {{tasks.…}} names a task that is over by then, and an output of its template."""
    count = 0
    for name, task in workflow.tasks.items():
        for text in _strings(task):
            for tag in re.findall(r"\{\{(.*?)\}\}", text):
                for other, rest in re.findall(r"tasks(?:\.|\[')([a-z0-9-]+)(?:'\])?\.(\S+)", tag):
                    count += 1
                    assert other in workflow.above(name)
                    if rest != "status":
                        output = re.fullmatch(
                            r"outputs\.parameters(?:\.|\[')([a-z0-9-]+)(?:'\])?", rest
                        )
                        assert output is not None, rest
                        assert output[1] in workflow.outputs(other)
    assert count > 2 * len(workflow.tasks)


def test_references_to_inputs(workflow: Workflow) -> None:
    """Each task hands over what its template takes, and templates use no other."""
    for task in workflow.tasks:
        template = workflow.pods[workflow.tasks[task]["template"]]
        taken = {each["name"] for each in template["inputs"]["parameters"]}
        assert set(workflow.arguments(task)) == taken
    for template in workflow.pods.values():
        taken = {each["name"] for each in template["inputs"]["parameters"]}
        used = set(re.findall(r"inputs\.parameters\.([a-z-]+)", " ".join(_strings(template))))
        assert used == taken


def test_references_to_parameters(workflow: Workflow) -> None:
    """Each workflow parameter is used, and no other is."""
    text = " ".join(_strings(workflow.spec["templates"]))
    used = re.findall(r"workflow\.parameters(?:\.|\[')([a-z-]+)", text)
    assert set(used) == workflow.parameters


def test_references_of_metrics(workflow: Workflow) -> None:
    """Each metric of a template has a value that the template puts out, and a dataset."""
    for metric in workflow.pods["load"]["metrics"]["prometheus"]:
        (value,) = re.findall(r"^\{\{outputs\.parameters\.(.*)\}\}$", metric["gauge"]["value"])
        assert value in workflow.outputs("load-title-basics")
        assert metric["labels"] == [{"key": "dataset", "value": "{{inputs.parameters.dataset}}"}]
        assert metric["when"] == "{{status}} == Succeeded"


def test_key(workflow: Workflow) -> None:
    """A load takes the object of its download, or the plan's if that was skipped."""
    for dataset in DATASETS:
        table = dataset.table.replace("_", "-")
        assert workflow.arguments(f"load-{table}")["key"] == (
            f"{{{{=tasks['download-{table}'].outputs.parameters.key"
            f" ?? tasks.plan.outputs.parameters['key-{table}']}}}}"
        )
    (key,) = (
        each for each in workflow.pods["download"]["outputs"]["parameters"] if each["name"] == "key"
    )
    # With a default, a skipped download would hand over that instead of nothing.
    assert "default" not in key["valueFrom"]


@pytest.mark.parametrize(
    ("status", "code", "message", "again"),
    [
        ("Failed", "75", "main: Error (exit code 75)", True),
        ("Failed", "137", "main: OOMKilled (exit code 137)", True),
        ("Failed", "143", "main: Error (exit code 143)", True),
        ("Failed", "-1", "The node was low on resource: memory.", True),
        ("Error", "-1", "pod deleted", True),
        ("Error", "0", "wait: Error (exit code 1): failed to put file", True),
        ("Failed", "65", "main: Error (exit code 65)", False),
        ("Failed", "78", "main: Error (exit code 78)", False),
        ("Failed", "1", "main: Error (exit code 1)", False),
        (
            "Failed",
            "137",
            "Pod was active on the node longer than the specified deadline",
            False,
        ),
        ("Error", "0", "failed to put file: context deadline exceeded", True),
    ],
)
def test_retries(status: str, code: str, message: str, again: bool) -> None:  # noqa: FBT001  # a case
    """What may end otherwise the next time is tried again, nothing else."""
    python = RETRY_EXPRESSION
    for argo, same in (
        (
            "lastRetry.message contains 'than the specified deadline'",
            "'than the specified deadline' in message",
        ),
        ("lastRetry.status", "status"),
        ("lastRetry.exitCode", "code"),
        ("||", "or"),
        ("&&", "and"),
        ("!(", "not ("),
    ):
        assert argo in python
        python = python.replace(argo, same)
    names = {"status": status, "code": code, "message": message}
    assert eval(python, {"__builtins__": {}}, names) is again  # noqa: S307  # ours


def test_each_pod_is_retried(workflow: Workflow) -> None:
    """Every pod has the same retries, and no graph has any."""
    for name, template in workflow.templates.items():
        if name in workflow.pods:
            assert template["retryStrategy"]["expression"] == RETRY_EXPRESSION
            assert template["retryStrategy"]["retryPolicy"] == "Always"
        else:
            assert "retryStrategy" not in template
    assert "retryStrategy" not in workflow.spec


def test_what_keeps_runs_apart_and_the_cluster_clean(workflow: Workflow) -> None:
    """One run at a time, four more tries, pods gone when they have succeeded, logs kept."""
    spec = workflow.spec
    assert [each["name"] for each in spec["synchronization"]["mutexes"]] == ["imdb"]
    assert spec["podGC"]["strategy"] == "OnPodSuccess"
    assert spec["archiveLogs"] is True
    assert {"secondsAfterSuccess", "secondsAfterFailure"} <= set(spec["ttlStrategy"])
    for template in workflow.pods.values():
        retries = template["retryStrategy"]
        assert retries["limit"] == 4
        assert retries["retryPolicy"] == "Always"
        assert retries["backoff"] == {"duration": "10s", "factor": 3, "cap": "5m"}


def test_deadlines(workflow: Workflow) -> None:
    """Every pod has a deadline within the run's; no download outlives its upload."""
    for name, template in workflow.pods.items():
        assert template["activeDeadlineSeconds"] == DEADLINES[name]
        assert DEADLINES[name] < workflow.spec["activeDeadlineSeconds"]
    abandoned = Settings.model_fields["imdb_deadline_seconds"].default
    assert workflow.pods["download"]["activeDeadlineSeconds"] <= abandoned


def test_restricted(workflow: Workflow) -> None:
    """Each container meets the restricted standard on a read-only root, without a token."""
    pod = workflow.spec["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] == pod["runAsGroup"] == pod["fsGroup"] == 10001
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert workflow.spec["automountServiceAccountToken"] is False
    assert workflow.spec["executor"] == {"serviceAccountName": "imdb-executor"}
    for template in workflow.pods.values():
        container = template["container"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["resources"]["limits"].keys() == {"memory"}
        assert container["imagePullPolicy"] == "IfNotPresent"


def test_least_privilege(workflow: Workflow) -> None:
    """A pod gets the secrets it needs: dbt no store, the steps no dbt, a download no password."""
    found = {
        name: {
            *(each["secretRef"]["name"] for each in pod["envFrom"] if "secretRef" in each),
            *(
                f"{each['valueFrom']['secretKeyRef']['name']}.{each['name']}"
                for each in pod["env"]
                if "valueFrom" in each
            ),
        }
        for name, pod in ((name, each["container"]) for name, each in workflow.pods.items())
    }
    loader = {"imdb-store", "imdb-db-loader.PGUSER", "imdb-db-loader.PGPASSWORD"}
    dbt = {"imdb-db-dbt.PGUSER", "imdb-db-dbt.PGPASSWORD"}
    wanted = {
        "plan": loader,
        "download": loader - {"imdb-db-loader.PGPASSWORD"},
        "load": loader,
        "model": dbt,
        "test": dbt,
        "build": dbt,
        "prune": loader,
        "report": dbt,
        "command": loader,
    }
    assert found == {name: wanted[name] for name in found}


def test_report_opens_in_the_ui(workflow: Workflow) -> None:
    """The report is a file that is not packed, under a name that says it is a page."""
    (report,) = (
        each for each in workflow.pods["report"]["outputs"]["artifacts"] if each["name"] == "report"
    )
    assert report["archive"] == {"none": {}}
    assert report["s3"]["key"].endswith("/report.html")


def test_files_of_a_run(workflow: Workflow) -> None:
    """Every task leaves its files where the report looks, each under a name of its own."""
    (folder,) = workflow.pods["report"]["inputs"]["artifacts"]
    assert folder["optional"] is True
    for pod in workflow.pods.values():
        for file in pod["outputs"]["artifacts"]:
            if file["name"] != "report":
                assert file["optional"] is True
                assert file["s3"]["key"].startswith(
                    f"{folder['s3']['key']}/{{{{inputs.parameters.task}}}}."
                )
    assert all(workflow.arguments(name)["task"] == name for name in workflow.tasks)
