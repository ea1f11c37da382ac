"""A whole run on one machine: plan, download and load side by side, build, report.

The steps are the very commands that the workflow's pods run, as processes of their own; this
module only decides their order and what follows from how they end.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from os import cpu_count
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import psycopg

from sandbox.build import PROJECT, Build, connect
from sandbox.children import Children, Ended, StoppedError
from steps import report
from steps.build import cause
from steps.catalog import DATASETS
from steps.database import refusal
from steps.errors import StepError
from steps.outcome import Status, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import FrameType

_CODES = (0, 75, 65, 78)
"""Exit codes from good to bad: what a retry may cure is better than what it will not."""

_STEPS = "steps.json"

_IDLE = {Status.CACHED, Status.UNCHANGED}

_DBT_FAILED = 1
"""dbt's exit code for a model or a test that failed, as against dbt itself."""


class Audience(Protocol):
    """Whoever watches a run."""

    def running(self, step: str, dataset: str | None, figures: Mapping[str, Any]) -> None:
        """Hear that a step has begun or come further."""

    def ended(self, step: Step) -> None:
        """Hear that a step has ended."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Which servers a run uses: the environment of the steps, and that of dbt."""

    loader: Mapping[str, str]
    dbt: Mapping[str, str]


def run(servers: Servers, folder: Path, audience: Audience) -> list[Step]:
    """Run everything that is due and return the steps, in the order in which they are told.

    `folder` gets steps.json and report.html. SIGINT and SIGTERM stop every program that runs,
    then raise KeyboardInterrupt with the signal's number.
    """
    children = Children()
    with _stopped_by_signal(children):
        began = time.monotonic()
        audience.running("plan", None, {})
        manifest = Build(servers.dbt).manifest
        ended = children.run(
            _command("plan", *([f"--manifest={manifest}"] if manifest else [])),
            {**servers.loader, "DBT_PROJECT_DIR": str(PROJECT)},
            lambda _: None,
        )
        plan = json.loads(ended.output) if ended.code == 0 else {}
        status = Status.CHANGED if plan.get("changed") else Status.UNCHANGED
        steps = [_step("plan", None, status, ended, began)]
        audience.ended(steps[0])
        if ended.code == 0:
            loads = _load_all(children, servers, plan["datasets"], audience)
            steps += loads
            if plan["changed"]:
                steps.append(_prune(children, servers, audience))
            # Without a manifest nobody knows which models are due, so all are built.
            due = plan["tasks"]["nodes"].split() if manifest else None
            steps.append(_build(children, servers, loads, audience, due))
        folder.mkdir(parents=True, exist_ok=True)
        steps.append(_report(servers, folder, steps, audience))
        _write_steps(folder, steps)
    return steps


def worst(steps: list[Step]) -> int:
    """Return the worst exit code of a run's steps."""
    return max(
        (step.code for step in steps),
        key=lambda code: _CODES.index(code) if code in _CODES else len(_CODES),
        default=0,
    )


@contextmanager
def _stopped_by_signal(children: Children) -> Iterator[None]:
    def interrupt(number: int, _: FrameType | None) -> NoReturn:
        # One signal is enough: a second one would cut off the cleaning up.
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(number)

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        children.stop()
        raise
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "steps", *arguments]


def _step(step: str, dataset: str | None, status: Status, ended: Ended, began: float) -> Step:
    seconds = time.monotonic() - began
    if ended.code:
        return Step(step, dataset, Status.FAILED, None, seconds, ended.code, message=ended.message)
    return Step(step, dataset, status, ended.last.get("rows"), seconds)


def _load_all(
    children: Children,
    servers: Servers,
    plan: Mapping[str, Mapping[str, Any]],
    audience: Audience,
) -> list[Step]:
    """Download and load what the plan says, the largest file first, as many as there are cores.

    The largest first: it decides how long the rest may take beside it.
    """
    order = sorted(
        (dataset.name for dataset in DATASETS),
        key=lambda name: -((plan[name].get("source") or {}).get("bytes") or 0),
    )
    with ThreadPoolExecutor(max(2, cpu_count() or 2), thread_name_prefix="chain") as pool:
        chains = [pool.submit(_chain, children, servers, n, plan[n], audience) for n in order]
        try:
            found = dict(zip(order, (chain.result() for chain in chains), strict=True))
        except KeyboardInterrupt:
            # Here, since leaving the block waits for the chains.
            children.stop()
            raise
    return [step for dataset in DATASETS for step in found[dataset.name]]


def _chain(
    children: Children,
    servers: Servers,
    dataset: str,
    plan: Mapping[str, Any],
    audience: Audience,
) -> list[Step]:
    """Download one dataset, then load it; what the plan finds done takes no process."""
    if not plan["download"] and not plan["load"]:
        rows = (plan.get("ledger") or {}).get("rows")
        return [
            Step("download", dataset, Status.CACHED),
            Step("load", dataset, Status.UNCHANGED, rows),
        ]

    def take(verb: str, *arguments: str) -> tuple[Step, Ended]:
        began = time.monotonic()

        def listen(event: Mapping[str, Any]) -> None:
            audience.running(verb, dataset, event)

        listen({})
        ended = children.run(_command(verb, dataset, *arguments), servers.loader, listen)
        kind = ended.last.get("kind", Status.FAILED) if ended.code == 0 else Status.FAILED
        step = _step(verb, dataset, Status(kind), ended, began)
        audience.ended(step)
        return step, ended

    steps = [Step("download", dataset, Status.CACHED)]
    key = None if plan["pinned"] else (plan["store"] or {}).get("key")
    try:
        if plan["download"]:
            steps[0], ended = take("download")
            key = ended.last.get("key")
        if steps[0].code:
            return [*steps, Step("load", dataset, Status.SKIPPED)]
        # The very object: the newest upload may be another source's. A pin needs no naming.
        loaded, _ = take("load", *(["--object", key] if key else []))
    except StoppedError:
        return steps
    return [*steps, loaded]


def _prune(children: Children, servers: Servers, audience: Audience) -> Step:
    began = time.monotonic()
    audience.running("prune", None, {})
    ended = children.run(_command("prune"), servers.loader, lambda _: None)
    status = Status.CHANGED if ended.last.get("deleted") else Status.UNCHANGED
    step = _step("prune", None, status, ended, began)
    audience.ended(step)
    return step


def _build(
    children: Children,
    servers: Servers,
    loads: list[Step],
    audience: Audience,
    due: list[str] | None,
) -> Step:
    """Build the models that are due, but for those that depend on a failed dataset."""
    build = Build(servers.dbt)
    failed = {step.dataset for step in loads if step.code and step.dataset}
    if due == []:
        step = Step("build", None, Status.UNCHANGED)
        audience.ended(step)
        return step
    began = time.monotonic()
    audience.running("build", None, {})
    # dbt would try for half a minute, and have other words for it.
    if refused := _refusal(servers):
        seconds = time.monotonic() - began
        code, message = refused.exit_code, f"as role dbt: {refused}"
        step = Step("build", None, Status.FAILED, None, seconds, code, message)
        audience.ended(step)
        return step
    problems: list[str] = []

    def listen(event: Mapping[str, Any]) -> None:
        info = event.get("info", {})
        if info.get("level") == "error" and info.get("msg"):
            problems.append(info["msg"])
        node = event.get("data", {}).get("node_info", {}).get("node_name")
        if node:
            audience.running("build", None, {"phase": node})

    ended = build.run(children, due, sorted(failed), listen)
    if ended.code == 0:
        step = Step("build", None, Status.BUILT, seconds=time.monotonic() - began)
    else:
        message = "\n".join(problems[-5:]) or ended.message
        # A test or a model that failed is bad data until shown otherwise; else dbt broke.
        code = cause("\n".join(problems)).exit_code if ended.code == _DBT_FAILED else 70
        if refused := _refusal(servers):
            code = refused.exit_code
        step = Step("build", None, Status.FAILED, None, time.monotonic() - began, code, message)
    audience.ended(step)
    return step


def _refusal(servers: Servers) -> StepError | None:
    """Ask the database whether it lets dbt in."""
    try:
        connect(servers.dbt).close()
    except psycopg.OperationalError as error:
        return refusal(error)
    return None


def _write_steps(folder: Path, steps: list[Step]) -> None:
    (folder / _STEPS).write_text(json.dumps([asdict(step) for step in steps], indent=1))


def _was_good(folder: Path) -> bool:
    """Tell whether every step of the last run, its report too, ended well."""
    try:
        return not any(step["code"] for step in json.loads((folder / _STEPS).read_text()))
    except (OSError, ValueError):
        return False


def _is_newer(file: Path, servers: Servers) -> bool:
    """Tell whether a file is younger than all that the database has seen since, by hand too."""
    newest = (
        "select extract(epoch from greatest("
        "(select max(finished_at) from ops.loads), (select max(built_at) from ops.model_builds)"
        "))::float"
    )
    try:
        with connect(servers.dbt) as connection:
            (seen,) = connection.execute(newest).fetchone() or (None,)
        return seen is not None and file.stat().st_mtime > seen
    except (OSError, psycopg.Error):
        return False


def _report(servers: Servers, folder: Path, steps: list[Step], audience: Audience) -> Step:
    """Write the report, in this process: it needs what the steps' image has not.

    After a run that did nothing that of a last one without failures still tells all, and its
    queries would take longest.
    """
    file = folder / "report.html"
    idle = all(step.status in _IDLE for step in steps)
    is_told = idle and _was_good(folder) and _is_newer(file, servers)
    _write_steps(folder, steps)
    if is_told:
        step = Step("report", None, Status.UNCHANGED)
        audience.ended(step)
        return step
    began = time.monotonic()
    audience.running("report", None, {})
    build = Build(servers.dbt)
    questions = build.questions
    inputs = report.Inputs(
        run_results=build.run_results if build.run_results.exists() else None,
        questions=questions if any(questions.glob("*.sql")) else None,
        steps=folder / _STEPS,
    )
    code, message = 0, None
    try:
        with connect(servers.dbt) as connection:
            report.write_page(connection, file, inputs)
    except psycopg.OperationalError as error:
        refused = refusal(error)
        code, message = refused.exit_code, str(refused)
    except StepError as error:
        code, message = error.exit_code, str(error)
    status = Status.FAILED if code else Status.WRITTEN
    step = Step("report", None, status, None, time.monotonic() - began, code, message)
    audience.ended(step)
    return step
