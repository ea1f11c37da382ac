"""The workflow, from top to bottom as its picture in the UI.

plan -> download -> load, for each dataset -> the models -> prune, report.

A task that the plan does not want is skipped, and what depends on it runs all the same; a task
whose input failed is omitted, and so is what depends on it. Nothing runs when this is imported:
`workflow_template` and `cron_workflow` return what `python -m workflows compile` writes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from hera.workflows import (
    DAG,
    Counter,
    CronWorkflow,
    Label,
    Parameter,
    Task,
    TaskResult,
    WorkflowTemplate,
)
from hera.workflows.models import (
    ExecutorConfig,
    Metadata,
    Mutex,
    PodGC,
    PodSecurityContext,
    SeccompProfile,
    Synchronization,
    TTLStrategy,
    WorkflowMetadata,
    WorkflowTemplateRef,
)

from steps.catalog import DATASETS
from workflows import models, templates
from workflows.tasks import ENDED, needs, statuses, when_planned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hera.workflows import Container

    from steps.models import Graph

NAME = "imdb"

# More than the graph is wide, and less than the database's connections: a task that is ready gets
# its pod, and the scheduler, which knows the nodes, decides by the pods' requests when it starts.
PARALLELISM = 40

# Twenty hours: a run that is not over by then must not meet the next night's.
DEADLINE_SECONDS = 72_000

DAY_SECONDS = 86_400

LABELS = {"app.kubernetes.io/part-of": "imdb"}

_DESCRIPTION = (
    "From IMDb's seven nightly files to the marts: plan, download, load, build, report. "
    "What is up to date is skipped."
)


class Granularity(StrEnum):
    """How dbt's nodes become tasks: one for each model, or one for all."""

    MODEL = "model"
    ONE = "one"


def workflow_template(graph: Graph, granularity: Granularity) -> WorkflowTemplate:
    """Return the WorkflowTemplate `imdb` of a dbt project."""
    pods = {
        "plan": templates.plan(decisions(graph, granularity)),
        "download": templates.download(),
        "load": templates.load(),
        **(
            {"model": templates.model(), "test": templates.test()}
            if granularity is Granularity.MODEL
            else {"build": templates.build()}
        ),
        "prune": templates.prune(),
        "report": templates.report(),
    }
    with WorkflowTemplate(
        name=NAME,
        labels=LABELS,
        annotations=_annotations("IMDb's files to the marts"),
        entrypoint=NAME,
        arguments=parameters(),
        parallelism=PARALLELISM,
        active_deadline_seconds=DEADLINE_SECONDS,
        # Two runs at once, whoever started them, would do the same work twice.
        synchronization=Synchronization(mutexes=[Mutex(name=NAME)]),
        service_account_name="imdb-workflow",
        # The steps need no token; Argo's own container takes the executor's.
        automount_service_account_token=False,
        executor=ExecutorConfig(service_account_name="imdb-executor"),
        security_context=PodSecurityContext(
            run_as_non_root=True,
            run_as_user=10001,
            run_as_group=10001,
            fs_group=10001,
            seccomp_profile=SeccompProfile(type="RuntimeDefault"),
        ),
        pod_metadata=Metadata(labels=LABELS),
        volumes=templates.VOLUMES,
        archive_logs=True,
        # A pod that failed stays for who asks why, as long as its workflow; one that succeeded for
        # as long as somebody may be looking at where the time went (benchmarks/workflow.py).
        pod_gc=PodGC(strategy="OnPodSuccess", delete_delay_duration="10m"),
        ttl_strategy=TTLStrategy(
            seconds_after_success=7 * DAY_SECONDS, seconds_after_failure=14 * DAY_SECONDS
        ),
        workflow_metadata=WorkflowMetadata(
            labels=LABELS, annotations=_annotations("IMDb's files to the marts")
        ),
        metrics=[
            Counter(
                name="imdb_runs_total",
                help="Runs of the pipeline that ended, by how.",
                labels=[Label(key="status", value="{{workflow.status}}")],
                value="1",
            )
        ],
    ) as workflow:
        # Hera adds the template of each task.
        _add_dag(graph, granularity, pods)
    workflow.templates.append(templates.command())
    return workflow


def cron_workflow() -> CronWorkflow:
    """Return the CronWorkflow that runs the template each night."""
    return CronWorkflow(
        name="imdb-daily",
        labels=LABELS,
        annotations=_annotations("IMDb's files to the marts, each night"),
        # IMDb publishes between midnight and one, UTC.
        schedules=["30 1 * * *"],
        timezone="UTC",
        # A controller that was away starts the night's run until half past five; later the next
        # night's is near enough.
        starting_deadline_seconds=4 * 3600,
        concurrency_policy="Forbid",
        successful_jobs_history_limit=7,
        failed_jobs_history_limit=14,
        workflow_template_ref=WorkflowTemplateRef(name=NAME),
    )


def parameters() -> list[Parameter]:
    """Return what can be said of a run when it is submitted; the chart sets the defaults."""
    return [
        Parameter(
            name="source-url",
            value="https://datasets.imdbws.com",
            description="Folder of the seven files.",
        ),
        Parameter(
            name="steps-image",
            value="imdb-steps:dev",
            description="Image of the steps: download, load, prune.",
        ),
        Parameter(
            name="dbt-image",
            value="imdb-dbt:dev",
            description="Image of plan, models, tests and report. Of the version of this template.",
        ),
        Parameter(
            name="datasets",
            value="",
            description="Only these, parted by commas, such as title.ratings; empty: all.",
        ),
        Parameter(
            name="select",
            value="",
            description="Only these models, as dbt selects, such as mart_top_titles+; empty: all.",
        ),
        Parameter(
            name="full-refresh",
            value="false",
            enum=["false", "true"],
            description="Build every model, whether or not it is up to date.",
        ),
    ]


def decisions(graph: Graph, granularity: Granularity) -> list[str]:
    """Return the names of what the plan decides: a word for each task, keys, models' version."""
    tables = [dataset.table.replace("_", "-") for dataset in DATASETS]
    nodes = ["build", "nodes"]
    if granularity is Granularity.MODEL:
        nodes = [node.task for node in graph.nodes]
    return [
        *(f"download-{table}" for table in tables),
        *(f"load-{table}" for table in tables),
        *(f"key-{table}" for table in tables),
        *nodes,
        "prune",
        "report",
        "models-version",
    ]


def _add_dag(graph: Graph, granularity: Granularity, pods: Mapping[str, Container]) -> None:
    with DAG(name=NAME, fail_fast=False) as dag:
        plan = Task(
            name="plan",
            template=pods["plan"],
            arguments={"task": "plan", "title": "Compare source, store, ledger and models"},
        )

        loads: dict[str, Task] = {}
        for dataset in DATASETS:
            table = dataset.table.replace("_", "-")
            download = when_planned(
                plan,
                f"download-{table}",
                pods["download"],
                title=f"Bring {dataset.file} from the source into the store",
                dataset=dataset.name,
            )
            load = when_planned(
                plan,
                f"load-{table}",
                pods["load"],
                title=f"Make raw.{dataset.table} show the new {dataset.name}",
                dataset=dataset.name,
                # Of a download that was skipped the key is the plan's.
                key=f"{{{{=tasks['{download.name}'].outputs.parameters.key"
                f" ?? tasks.plan.outputs.parameters['key-{table}']}}}}",
            )
            plan >> download
            download >> load
            loads[dataset.name] = load

        if granularity is Granularity.MODEL:
            models.add_tasks(graph, plan, loads, pods["model"], pods["test"])
        else:
            build = when_planned(
                plan,
                "build",
                pods["build"],
                title="Build and test the models",
                nodes="{{tasks.plan.outputs.parameters.nodes}}",
                statuses=statuses(loads.items()),
                models_version="{{tasks.plan.outputs.parameters.models-version}}",
            )
            _after_all(plan, loads.values(), build)

        prune = when_planned(
            plan, "prune", pods["prune"], title="Delete objects that no longer matter"
        )
        _after_all(plan, loads.values(), prune)

        tasks = [task for task in dag.tasks if isinstance(task, Task)]
        report = when_planned(
            plan,
            "report",
            pods["report"],
            title="Write the page on this run and the marts",
            statuses=statuses((task.name, task) for task in tasks),
        )
        _after_all(plan, _last(tasks), report)

    # A run is as red as any of its tasks: without this only the report, which ends well, counts.
    dag.target = " ".join(task.name for task in [*tasks, report])


def _after_all(plan: Task, before: Iterable[Task], task: Task) -> None:
    """Let `task` wait until all of `before` are over, however they ended.

    Not if the plan failed: all of them are omitted then, and `when` would wait for ever for what
    a plan that failed does not say.
    """
    plan.next(task, on=TaskResult.succeeded)
    for each in before:
        each.next(task, on=ENDED)


def _last(tasks: list[Task]) -> list[Task]:
    """Return the tasks on which no other depends: once they are over, all are."""
    awaited = {name for task in tasks for name in needs(task.depends or "")}
    return [task for task in tasks if task.name not in awaited]


def _annotations(title: str) -> dict[str, str]:
    return {
        "workflows.argoproj.io/title": title,
        "workflows.argoproj.io/description": _DESCRIPTION,
    }
