"""The pods: one template for each command of `imdb`, with its image, secrets and limits.

A template holds no logic of its own. What differs between two tasks of one template is an input:
`task` names the files that it leaves in the store, `title` says in words what it does; the UI
shows both beside the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hera.workflows import (
    ConfigMapEnvFrom,
    Container,
    Env,
    Gauge,
    Label,
    NoneArchiveStrategy,
    Parameter,
    Resources,
    RetryPolicy,
    RetryStrategy,
    S3Artifact,
    SecretEnv,
    SecretEnvFrom,
)
from hera.workflows.models import (
    Backoff,
    Capabilities,
    EmptyDirVolumeSource,
    IntOrString,
    KeyToPath,
    SecretVolumeSource,
    SecurityContext,
    ValueFrom,
    Volume,
    VolumeMount,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STEPS_IMAGE = "{{workflow.parameters.steps-image}}"
DBT_IMAGE = "{{workflow.parameters.dbt-image}}"

# The only folder that a pod may write.
TMP = "/tmp"  # noqa: S108  # the pod's own, an emptyDir
OUTPUTS = f"{TMP}/outputs"
RUN = f"{TMP}/run"
REPORT = f"{TMP}/report.html"
RUN_RESULTS = f"{TMP}/target/run_results.json"
MANIFEST = "/app/dbt/target/manifest.json"
QUESTIONS = "/app/dbt/questions"

# Where a run leaves its files in the artifact repository.
FILES = "runs/{{workflow.name}}"

SETTINGS = "imdb-settings"
STORE = "imdb-store"
LOADER = "imdb-db-loader"
DBT = "imdb-db-dbt"
CA = "imdb-db-ca"

# Seconds that one attempt of a task may take; what hangs for longer will not end well.
DEADLINES = {
    # Eight questions, each with a timeout of its own below a minute.
    "plan": 300,
    # 700 MB over a slow line. Not longer than IMDB_DEADLINE_SECONDS, after which prune takes an
    # upload for abandoned.
    "download": 10_800,
    # A hundred million rows with their indexes on a small machine, and half an hour of waiting
    # for readers before the swap.
    "load": 7_200,
    # The largest mart, built from nothing.
    "model": 7_200,
    # Two joins of the largest tables.
    "test": 3_600,
    # All models and tests, one after the other.
    "build": 21_600,
    "prune": 600,
    # A load among others.
    "command": 7_200,
    # Ten questions of at most two minutes each.
    "report": 1_500,
}

# 75 is temporary (steps/errors.py), 137 killed, mostly for memory, 143 a pod that was told to go,
# -1 one that went without a word. An Error is Argo's own: a pod was lost, or the store did not
# take its files. 65 and 78 end the same however often they are tried, and what met its deadline
# once would meet it again.
RETRY_EXPRESSION = (
    "(lastRetry.status == 'Error' || lastRetry.exitCode in ['75', '137', '143', '-1'])"
    " && !(lastRetry.message contains 'than the specified deadline')"
)

# After 10, 30, 90 and 270 seconds: longer in all than a database takes to fail over. Argo waits
# before it evaluates the expression, so the first wait also delays the news of a bad file.
RETRIES = RetryStrategy(
    limit=4,
    retry_policy=RetryPolicy.always,
    expression=RETRY_EXPRESSION,
    backoff=Backoff(duration="10s", factor=IntOrString(root=3), cap="5m"),
)

RESTRICTED = SecurityContext(
    allow_privilege_escalation=False,
    capabilities=Capabilities(drop=["ALL"]),
    read_only_root_filesystem=True,
)

# A step streams within 150 MB (measured: 128), dbt takes less than 200. A request of processor
# time is a share, not a limit, and small: the database does the work.
_STEP = Resources(cpu_request="25m", memory_request="160Mi", memory_limit="256Mi")
_COPY = Resources(cpu_request="50m", memory_request="160Mi", memory_limit="256Mi")
_DBT = Resources(cpu_request="50m", memory_request="192Mi", memory_limit="512Mi")

# A secret of ours that is missing must not keep the pod from starting: the step ends with 78 and
# its log says which variable it misses. The store's is Argo's too, for artifacts: without it no
# pod starts, and its events name it.
_OPTIONAL = True

VOLUMES = [
    Volume(name="tmp", empty_dir=EmptyDirVolumeSource()),
    Volume(
        name="ca",
        secret=SecretVolumeSource(
            secret_name=CA, items=[KeyToPath(key="ca.crt", path="ca.crt")], optional=_OPTIONAL
        ),
    ),
]

_TASK = Parameter(name="task", description="Name of the task's files among the run's.")
_TITLE = Parameter(name="title", description="What the task does.")
_DATASET = Parameter(name="dataset", description="Such as title.basics.")
_NODES = Parameter(name="nodes", description="Models, sources and tests of the dbt project.")
_MODELS_VERSION = Parameter(
    name="models-version", description="Hash of the dbt project; the builds record it."
)
_STATUSES = Parameter(name="statuses", description="How each task ended, as JSON.")

_FULL_REFRESH = "--{{=workflow.parameters['full-refresh'] == 'true' ? '' : 'no-'}}full-refresh"


def plan(decisions: Iterable[str]) -> Container:
    """Compare source, store, ledger and model builds; `decisions` are the files of the answer."""
    return _pod(
        "plan",
        image=DBT_IMAGE,
        arguments=[
            "plan",
            f"--manifest={MANIFEST}",
            "--datasets={{workflow.parameters.datasets}}",
            "--select={{workflow.parameters.select}}",
            _FULL_REFRESH,
        ],
        # Without a default: a manifest that does not fit the image fails here, and says where.
        outputs=[
            Parameter(name=name, value_from=ValueFrom(path=f"{OUTPUTS}/{name}"))
            for name in decisions
        ],
        env=[_source(), *_login(LOADER)],
        store=True,
        database=True,
        resources=_DBT,
    )


def download() -> Container:
    """Bring the source's version of a dataset into the store."""
    return _pod(
        "download",
        image=STEPS_IMAGE,
        arguments=["download", "{{inputs.parameters.dataset}}"],
        inputs=[_DATASET],
        outputs=[
            # Without a default it is nil if the download is skipped, and the load takes the plan's.
            Parameter(name="key", value_from=ValueFrom(path=f"{OUTPUTS}/key")),
            *_figures("rows", "bytes"),
        ],
        # The settings name a role, but only the loads sign in with it.
        env=[_source(), _login(LOADER)[0]],
        store=True,
        database=False,
        resources=_COPY,
    )


def load() -> Container:
    """Make the raw table of a dataset show an object of the store."""
    return _pod(
        "load",
        image=STEPS_IMAGE,
        arguments=["load", "{{inputs.parameters.dataset}}", "--object={{inputs.parameters.key}}"],
        inputs=[_DATASET, Parameter(name="key", description="The object to load.")],
        outputs=_figures("kind", "rows", "seconds", "last-modified"),
        env=_login(LOADER),
        store=True,
        database=True,
        resources=_COPY,
        metrics=[
            _gauge("imdb_load_rows", "Rows of the raw table after its last load.", "rows"),
            _gauge("imdb_load_seconds", "Seconds that the last load took.", "seconds"),
            _gauge(
                "imdb_source_last_modified_seconds",
                "When the source changed the file that was loaded last, in seconds since 1970.",
                "last-modified",
            ),
        ],
    )


def model() -> Container:
    """Build a model and run its tests, and those of the sources that it stages."""
    return _pod(
        "model",
        image=DBT_IMAGE,
        arguments=["build", "{{inputs.parameters.nodes}}", _FULL_REFRESH],
        inputs=[_NODES, _MODELS_VERSION],
        env=[_models_version(), *_login(DBT)],
        store=False,
        database=True,
        resources=_DBT,
        dbt=True,
    )


def test() -> Container:
    """Run the tests of several models."""
    return _pod(
        "test",
        image=DBT_IMAGE,
        arguments=["build", "{{inputs.parameters.nodes}}"],
        inputs=[_NODES, _MODELS_VERSION],
        env=[_models_version(), *_login(DBT)],
        store=False,
        database=True,
        resources=_DBT,
        dbt=True,
    )


def build() -> Container:
    """Build and test all that is due and depends on no load that failed."""
    return _pod(
        "build",
        component="model",
        image=DBT_IMAGE,
        arguments=[
            "build",
            "{{inputs.parameters.nodes}}",
            "--statuses={{inputs.parameters.statuses}}",
            _FULL_REFRESH,
        ],
        inputs=[_NODES, _STATUSES, _MODELS_VERSION],
        env=[_models_version(), *_login(DBT)],
        store=False,
        database=True,
        resources=_DBT,
        dbt=True,
    )


def prune() -> Container:
    """Delete objects that no longer matter."""
    return _pod(
        "prune",
        image=STEPS_IMAGE,
        arguments=["prune"],
        env=_login(LOADER),
        store=True,
        database=True,
        resources=_STEP,
    )


def report() -> Container:
    """Write the page that tells how the run went and what the marts say."""
    return _pod(
        "report",
        image=DBT_IMAGE,
        arguments=[
            "report",
            f"--output={REPORT}",
            f"--run={RUN}",
            "--statuses={{inputs.parameters.statuses}}",
            f"--questions={QUESTIONS}",
        ],
        inputs=[
            _STATUSES,
            S3Artifact(
                name="run",
                path=RUN,
                key=f"{FILES}/steps",
                archive=NoneArchiveStrategy(),
                optional=True,
            ),
        ],
        # Not an archive, and a name that ends in .html: so that the UI opens it.
        outputs=[
            S3Artifact(
                name="report",
                path=REPORT,
                key=f"{FILES}/report.html",
                archive=NoneArchiveStrategy(),
            )
        ],
        env=_login(DBT),
        store=False,
        database=True,
        resources=_DBT,
    )


def command() -> Container:
    """Run one command by hand, such as a rollback; no task of the graph."""
    return _pod(
        "command",
        component="load",
        image=STEPS_IMAGE,
        # A shell splits it into arguments.
        program=["sh", "-c"],
        arguments=["exec python -m steps {{inputs.parameters.command}}"],
        named=[
            Parameter(name="task", value="command"),
            Parameter(name="title", value="Run one command"),
        ],
        inputs=[Parameter(name="command", description="Such as: load title.akas --accept.")],
        env=_login(LOADER),
        store=True,
        database=True,
        resources=_COPY,
    )


def _pod(
    name: str,
    *,
    image: str,
    arguments: list[str],
    env: Sequence[Env | SecretEnv],
    store: bool,
    database: bool,
    resources: Resources,
    component: str | None = None,
    # The images' entrypoint, which Argo would otherwise have to ask the registry for.
    program: Sequence[str] = ("python", "-m", "steps"),
    named: Sequence[Parameter] = (_TASK, _TITLE),
    inputs: Iterable[Parameter | S3Artifact] = (),
    outputs: Iterable[Parameter | S3Artifact] = (),
    metrics: list[Gauge] | None = None,
    dbt: bool = False,
) -> Container:
    secrets = [SecretEnvFrom(name=STORE, optional=_OPTIONAL)] if store else []
    mounts = [VolumeMount(name="tmp", mount_path=TMP)]
    if database:
        mounts.append(VolumeMount(name="ca", mount_path="/etc/imdb/ca", read_only=True))
    files = [_file("step", f"{OUTPUTS}/step.json", "json")]
    if dbt:
        files.append(_file("run-results", RUN_RESULTS, "run_results.json"))
    return Container(
        name=name,
        labels={
            "app.kubernetes.io/component": component or name,
            "imdb/task": "{{inputs.parameters.task}}",
        },
        annotations={
            "workflows.argoproj.io/title": "{{inputs.parameters.title}}",
            # Every task weighs the same in the progress of the run, whatever it counts.
            "workflows.argoproj.io/progress": "0/100",
        },
        inputs=[*named, *inputs],
        outputs=[*outputs, *files],
        image=image,
        image_pull_policy="IfNotPresent",
        command=list(program),
        args=arguments,
        env=[*env, Env(name="IMDB_OUTPUTS", value=OUTPUTS)],
        env_from=[ConfigMapEnvFrom(name=SETTINGS, optional=_OPTIONAL), *secrets],
        resources=resources,
        security_context=RESTRICTED,
        volume_mounts=mounts,
        active_deadline_seconds=DEADLINES[name],
        retry_strategy=RETRIES,
        metrics=metrics,
    )


def _source() -> Env:
    return Env(name="IMDB_SOURCE_URL", value="{{workflow.parameters.source-url}}")


def _models_version() -> Env:
    return Env(name="IMDB_MODELS_VERSION", value="{{inputs.parameters.models-version}}")


def _login(secret: str) -> list[SecretEnv]:
    return [
        SecretEnv(name=variable, secret_name=secret, secret_key=key, optional=_OPTIONAL)
        for variable, key in (("PGUSER", "username"), ("PGPASSWORD", "password"))
    ]


def _figures(*names: str) -> list[Parameter]:
    """Return outputs that a step which failed leaves empty."""
    return [
        Parameter(name=name, value_from=ValueFrom(path=f"{OUTPUTS}/{name}", default=""))
        for name in names
    ]


def _file(name: str, path: str, suffix: str) -> S3Artifact:
    """Return an output that the report reads."""
    return S3Artifact(
        name=name,
        path=path,
        key=f"{FILES}/steps/{{{{inputs.parameters.task}}}}.{suffix}",
        archive=NoneArchiveStrategy(),
        optional=True,
    )


def _gauge(name: str, text: str, output: str) -> Gauge:
    return Gauge(
        name=name,
        help=text,
        labels=[Label(key="dataset", value="{{inputs.parameters.dataset}}")],
        when="{{status}} == Succeeded",
        value=f"{{{{outputs.parameters.{output}}}}}",
        realtime=False,
    )
