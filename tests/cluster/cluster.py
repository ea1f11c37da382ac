"""What the tests ask of a cluster: runs, rows, objects, pods."""

from __future__ import annotations

import json
import re
import subprocess
import time
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import yaml
from botocore.config import Config
from kubernetes import client

from tests.cluster import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client

NAMESPACE = "imdb"
PLATFORM = "platform"

_ARGO = {"group": "argoproj.io", "version": "v1alpha1", "namespace": NAMESPACE}
_ENDED = frozenset({"Succeeded", "Failed", "Error"})

T = TypeVar("T")

RUN_SECONDS = 900
"""How long a run may take until a test gives it up: the first one takes minutes on two cores."""


@dataclass(frozen=True)
class Run:
    """A workflow, as its status shows it."""

    name: str
    status: Mapping[str, Any]

    @property
    def phase(self) -> str:
        """How it ended, or Pending, or Running."""
        return str(self.status.get("phase", ""))

    @property
    def message(self) -> str:
        """Why it is in that phase, if it says so."""
        return str(self.status.get("message", ""))

    @cached_property
    def pods(self) -> list[Mapping[str, Any]]:
        """The nodes that were pods, tries of one task each among them."""
        return [node for node in self.status.get("nodes", {}).values() if node["type"] == "Pod"]

    @cached_property
    def ran(self) -> set[str]:
        """The tasks that had a pod."""
        return {task_of(node) for node in self.pods}

    @cached_property
    def phases(self) -> dict[str, str]:
        """The phase of each task, its tries taken together."""
        nodes = self.status.get("nodes", {}).values()
        found = {task_of(node): node["phase"] for node in nodes if node["type"] == "Pod"}
        # A task that may be tried again is a node of its own above its tries.
        found.update({n["displayName"]: n["phase"] for n in nodes if n["type"] != "Pod"})
        return found

    def tries(self, task: str) -> int:
        """Return how many pods a task had."""
        return sum(task_of(node) == task for node in self.pods)


def task_of(node: Mapping[str, Any]) -> str:
    """Return the name of a node's task: a try's has its number behind it."""
    return re.sub(r"\(\d+\)$", "", node["displayName"])


class Cluster:
    """The pipeline in the current context."""

    def __init__(self) -> None:
        """Connect; the kubeconfig is loaded."""
        # The client's types allow None for every field of what the server always fills in.
        self.core: Any = client.CoreV1Api()
        self.apps: Any = client.AppsV1Api()
        self.objects: Any = client.CustomObjectsApi()

    # Runs

    def submit(self, **parameters: str) -> str:
        """Submit the WorkflowTemplate as a user does, and return the workflow's name."""
        options = [f"--parameter={name.replace('_', '-')}={v}" for name, v in parameters.items()]
        answer = run("argo", "submit", "--from=workflowtemplate/imdb", "--output=name", *options)
        return answer.strip().splitlines()[-1]

    def look(self, name: str) -> Run:
        """Return a workflow as it is now."""
        found = self.objects.get_namespaced_custom_object(**_ARGO, plural="workflows", name=name)
        return Run(name, found.get("status", {}))

    def wait(self, name: str) -> Run:
        """Return a workflow once it has ended."""
        self.until(lambda: self.look(name).phase in _ENDED, f"the end of {name}")
        return self.look(name)

    def working(self, workflow: str, task: str) -> str:
        """Return the name of a task's pod once the controller knows that it runs.

        A pod that is lost before that is made again under its name, as if it had not been.
        """

        def found() -> str | None:
            nodes = self.look(workflow).pods
            running = {
                node["name"]
                for node in nodes
                if task_of(node) == task and node["phase"] == "Running"
            }
            names = [
                str(pod.metadata.name)
                for pod in self.pods_of(workflow)
                if pod.metadata.annotations["workflows.argoproj.io/node-name"] in running
            ]
            return names[0] if names else None

        return self.until(found, f"a pod of {task}")

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """Return what a look finds as soon as it finds anything."""
        deadline = time.monotonic() + RUN_SECONDS
        while not (found := look()):
            if time.monotonic() > deadline:
                message = f"{what} did not come in {RUN_SECONDS} s"
                raise TimeoutError(message)
            time.sleep(0.5)
        return found

    def run(self, **parameters: str) -> Run:
        """Submit and wait."""
        return self.wait(self.submit(**parameters))

    @cached_property
    def template(self) -> Mapping[str, Any]:
        """The WorkflowTemplate, as it is in the cluster."""
        found: Mapping[str, Any] = self.objects.get_namespaced_custom_object(
            **_ARGO, plural="workflowtemplates", name="imdb"
        )
        return found

    @cached_property
    def inputs(self) -> dict[str, set[str]]:
        """For each task those that it depends on, through any number of others."""
        (dag,) = (each["dag"] for each in self.template["spec"]["templates"] if "dag" in each)
        names = {task["name"] for task in dag["tasks"]}
        direct = {
            task["name"]: names & set(re.findall(r"[a-z0-9-]+", task.get("depends", "")))
            for task in dag["tasks"]
        }

        def above(task: str) -> set[str]:
            return direct[task].union(*(above(each) for each in direct[task]))

        return {task: above(task) for task in names}

    # Source

    def serve(self, *, scale: float, day: int, only: str | None = None) -> None:
        """Let the synthetic source publish a day, and wait until it does."""
        found = self.apps.read_namespaced_deployment("imdb-source", NAMESPACE)
        container = found.spec.template.spec.containers[0]
        kept = [
            argument
            for argument in container.args or []
            if not argument.startswith(("--scale=", "--day=", "--only="))
        ]
        new = [f"--scale={scale:g}", f"--day={day}", *([f"--only={only}"] if only else [])]
        body = [
            {"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": kept + new}
        ]
        self.apps.patch_namespaced_deployment("imdb-source", NAMESPACE, body)
        kubectl("rollout", "status", "deployment/imdb-source", "--timeout=180s")

    # Database

    def rows(self, query: str) -> list[list[str]]:
        """Return a query's rows as text, asked as superuser inside the primary's pod."""
        answer = kubectl(*self._psql(), "-F", "\t", "-c", query)
        return [line.split("\t") for line in answer.splitlines()]

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Keep everybody else from a table."""
        command = ["kubectl", "--namespace", NAMESPACE, *self._psql("--stdin")]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as session:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write(f"begin; lock table {table}; select 'locked';\n")
            session.stdin.flush()
            assert session.stdout.readline() == "locked\n"
            yield
            session.stdin.close()

    def _psql(self, *options: str) -> list[str]:
        primary = self.core.list_namespaced_pod(
            NAMESPACE, label_selector="cnpg.io/cluster=imdb-db,cnpg.io/instanceRole=primary"
        ).items[0]
        return [
            *("exec", *options, primary.metadata.name, "--container=postgres", "--"),
            *("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "imdb"),
        ]

    # Store

    @contextmanager
    def store(self) -> Iterator[S3Client]:
        """Give a client of the store, over a forwarded port."""
        command = ["kubectl", "port-forward", "--namespace", PLATFORM, "service/minio", ":9000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
            try:
                assert forward.stdout is not None
                port = re.search(r":(\d+) ->", forward.stdout.readline())
                assert port is not None
                secret = self.core.read_namespaced_secret("imdb-store", NAMESPACE).data
                yield boto3.client(
                    "s3",
                    endpoint_url=f"http://127.0.0.1:{port[1]}",
                    aws_access_key_id=b64decode(secret["AWS_ACCESS_KEY_ID"]).decode(),
                    aws_secret_access_key=b64decode(secret["AWS_SECRET_ACCESS_KEY"]).decode(),
                    region_name="us-east-1",
                    config=Config(s3={"addressing_style": "path"}),
                )
            finally:
                forward.terminate()

    # Pods

    def pods_of(self, workflow: str) -> list[Any]:
        """Return a workflow's pods that still are there."""
        selector = f"workflows.argoproj.io/workflow={workflow}"
        pods: list[Any] = self.core.list_namespaced_pod(NAMESPACE, label_selector=selector).items
        return pods

    def python(
        self, name: str, code: str, labels: Mapping[str, str], namespace: str = NAMESPACE
    ) -> bool:
        """Tell whether Python code succeeds in a pod with these labels."""
        pod = {
            "metadata": {"name": name, "labels": dict(labels)},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "main",
                        "image": self.image,
                        "command": ["python", "-c", code],
                        "resources": {
                            "requests": {"cpu": "10m", "memory": "32Mi"},
                            "limits": {"memory": "128Mi"},
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            },
        }
        self.core.create_namespaced_pod(namespace, pod)
        try:
            deadline = time.monotonic() + 60
            while True:
                phase = self.core.read_namespaced_pod(name, namespace).status.phase
                if phase in {"Succeeded", "Failed"}:
                    return bool(phase == "Succeeded")
                assert time.monotonic() < deadline, f"pod {name} is {phase}"
                time.sleep(0.5)
        finally:
            self.core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)

    @cached_property
    def image(self) -> str:
        """The image of the steps."""
        parameters = self.template["spec"]["arguments"]["parameters"]
        return str(next(each["value"] for each in parameters if each["name"] == "steps-image"))

    def warnings(self) -> list[str]:
        """Return the namespace's warning events, as text."""
        events = json.loads(kubectl("get", "events", "--field-selector=type=Warning", "-ojson"))
        return [
            f"{each['involvedObject']['kind']}/{each['involvedObject']['name']}: "
            f"{each['reason']}: {each['message']}"
            for each in events["items"]
        ]


def run(*command: str) -> str:
    """Run a program in the pipeline's namespace and return what it prints."""
    done = subprocess.run(
        [command[0], "--namespace", NAMESPACE, *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def kubectl(*arguments: str) -> str:
    """Run kubectl in the pipeline's namespace and return what it prints."""
    return run("kubectl", *arguments)


def make(*targets: str) -> None:
    """Run the project's make targets, their output shown."""
    subprocess.run(["make", *targets], cwd=ROOT, check=True, timeout=RUN_SECONDS)


def manifests(text: str) -> list[Mapping[str, Any]]:
    """Return the objects of a YAML stream."""
    return [each for each in yaml.safe_load_all(text) if each]
