"""Build: dbt's models and tests, in this process, told in this program's log and exit codes.

Which models, how often and what became of them is dbt's business; this module gives it the
parsed project of the image, the version of the project to record, and words for what went wrong.
"""

from __future__ import annotations

import gc
import json
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from steps import database, models, parsed, schema
from steps.catalog import BY_NAME
from steps.errors import ConfigurationError, DataError, StepError, TemporaryError
from steps.log import HEARTBEAT_SECONDS, log
from steps.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

    from steps.settings import Settings

_GOOD = frozenset({"Succeeded", "Skipped"})
"""Argo's words for a load after which the raw table is as it should be."""

_AWAY = (
    "server closed the connection",
    "could not connect",
    "connection to server",
    "connection already closed",
    "terminating connection",
    "SSL connection has been closed",
    "SSL SYSCALL error",
    "could not receive data",
    "could not send data",
    "the database system is",
    "too many clients",
    "remaining connection slots",
    "deadlock detected",
    "found no moment without readers",
)
"""What a second try may cure, as Postgres, libpq and our macros word it in dbt's messages."""

_SET_UP = ("permission denied", "must be owner", "No space left on device", "is not permitted")
"""What only somebody who runs the database can cure."""


@dataclass(slots=True)
class Built:
    """What dbt did, node by node; counts by kind and status are told at the end."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: dict[str, None] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        """Return the counts for the log."""
        kinds = [node["kind"] for node in self.nodes.values()]
        return {
            "models": kinds.count("model"),
            "tests": kinds.count("test"),
            "warnings": sum(node["status"] == "warn" for node in self.nodes.values()),
        }

    def problems(self) -> list[str]:
        """Return what failed, with dbt's message."""
        return [
            f"{name}: {node['message']}"
            for name, node in self.nodes.items()
            if node["status"] in {"error", "fail"}
        ]


def build(
    nodes: Sequence[str] = (),
    *,
    full_refresh: bool = False,
    exclude: str | None = None,
    statuses: str | None = None,
) -> Built:
    """Build and test models, all of them unless some are named, with the tests of each.

    `nodes` are names of models and tests and selectors of sources, each argument one or several
    parted by spaces; `exclude` is a dbt selection; `statuses` is a JSON object of datasets and
    how their loads ended in Argo's words: what reads one that did not end well is left out.

    Raises:
        DataError: a model or a test failed; what depends on it was left as it was.
        TemporaryError: the database is away or busy.
        ConfigurationError: settings, role, schema or selection are wrong.

    """
    settings = read_settings()
    # First: dbt would try four times, and have other words for it. A fifth of a second.
    _ask(settings)
    project = models.folder()
    version = os.environ.get("IMDB_MODELS_VERSION") or models.version(project)
    os.environ["PGOPTIONS"] = models.setting(version, os.environ)
    selected = [name for argument in nodes for name in argument.split()]
    excluded = [*(exclude or "").split(), *_unloaded(statuses)]
    arguments = [
        "build",
        # A test of several models is named by whoever wants it, or part of the whole.
        "--indirect-selection=cautious",
        # They test SQL against made-up rows: the suite's business, not a run's.
        "--exclude-resource-type=unit_test",
        *(["--select", *selected] if selected else []),
        *(["--exclude", *excluded] if excluded else []),
        *(["--full-refresh"] if full_refresh else []),
    ]
    built = Built()
    with _heartbeat(built):
        result = _invoke(arguments, project, built)
    if not result.success:
        raise _failure(settings, result, built)
    if built.unknown:
        message = (
            f"the dbt project has no {', '.join(built.unknown)}; workflow and image are of "
            "different versions: use the image that the workflow was compiled for"
        )
        raise ConfigurationError(message)
    return built


def select(selection: str) -> frozenset[str]:
    """Return the names of the models and tests that dbt selects.

    Raises:
        ConfigurationError: none, or dbt does not understand the selection.

    """
    arguments = ["ls", "--select", *selection.split(), "--indirect-selection=cautious"]
    kinds = ["--resource-types", "model", "test", "--output=name", "--quiet"]
    result = _invoke([*arguments, *kinds], models.folder(), Built())
    if isinstance(result.exception, KeyboardInterrupt):
        raise result.exception
    if not result.success:
        message = f"dbt cannot select {selection}: {result.exception}"
        raise ConfigurationError(message)
    names = frozenset(str(name) for name in cast("list[str]", result.result))
    if not names:
        message = f"dbt selects no model by {selection}"
        raise ConfigurationError(message)
    return names


def _unloaded(statuses: str | None) -> list[str]:
    """Return the selection of everything that reads a dataset whose load did not end well."""
    if not statuses:
        return []
    try:
        found: Mapping[str, str] = json.loads(statuses)
        bad = [BY_NAME[name].table for name, status in found.items() if status not in _GOOD]
    except (ValueError, AttributeError, KeyError) as error:
        message = f"not a JSON object of datasets and how their loads ended: {error!r}"
        raise ConfigurationError(message, statuses=statuses) from error
    return [f"source:raw.{table}+" for table in bad]


def _invoke(arguments: Sequence[str], project: Path, built: Built) -> dbtRunnerResult:
    """Run a dbt command of the project, parsed already if the image holds it so.

    Of its artifacts only the results of a build are written: the manifest that it would write
    twice takes a fifth of a pod's time before its first query.
    """
    # Until the first query nothing that dbt makes goes away again: looking through all of it
    # for garbage takes a tenth of that time.
    gc.disable()
    try:
        from dbt.artifacts.schemas.run import RunExecutionResult  # noqa: PLC0415 - as the next
        from dbt.cli.main import dbtRunner  # noqa: PLC0415 - seconds that only dbt's user takes

        def listen(event: EventMsg) -> None:
            if event.info.name == "ConcurrencyLine":  # ready to run
                gc.freeze()
                gc.enable()
            _hear(event, built)

        target = Path(os.environ.get("DBT_TARGET_PATH") or project / "target")
        result = dbtRunner(_parsed(project), [listen]).invoke(
            [
                *arguments,
                f"--project-dir={project}",
                f"--profiles-dir={project}",
                f"--target-path={target}",
                f"--log-path={target}",
                # The log is ours, made of the events.
                "--log-level=none",
                "--log-level-file=none",
                "--no-version-check",
                "--no-write-json",
            ]
        )
        if isinstance(result.result, RunExecutionResult):
            result.result.write(str(target / "run_results.json"))
    finally:
        gc.enable()
    return result


def _parsed(project: Path) -> Manifest | None:
    """Return the parsed project of the image; without one, dbt parses."""
    folder = os.environ.get("IMDB_DBT_CACHE")
    if not folder:
        return None
    manifest = parsed.kept(project, Path(folder))
    if manifest is None:
        _log.warning(
            "parsing",
            reason=f"{folder} holds no parse of this project, database (PGDATABASE) and dbt",
        )
    return manifest


_log = log.bind(step="build")
"""Bound here: dbt's threads have not the context of the step."""


def _hear(event: EventMsg, built: Built) -> None:
    """Take in one of dbt's events; the fields are those of dbt/events/core_types.proto."""
    data: Any = event.data
    match event.info.name:
        case "NodeStart":
            built.running[data.node_info.node_name] = None
        case "NodeFinished":
            info, result = data.node_info, data.run_result
            built.running.pop(info.node_name, None)
            _note(built, info.node_name, info.resource_type, result)
        case "NoNodesForSelectionCriteria":
            built.unknown.append(data.spec_raw)
        case _:
            pass


def _note(built: Built, name: str, kind: str, result: Any) -> None:  # noqa: ANN401
    node = {"kind": kind, "status": result.status, "message": " ".join(result.message.split())}
    built.nodes[name] = node
    figures: dict[str, object] = {
        "name": name,
        "kind": kind,
        "status": result.status,
        "seconds": round(result.execution_time, 3),
    }
    if kind == "test":
        figures["failures"] = result.num_failures
    if result.status in {"error", "fail"}:
        _log.error("node", **figures, error=node["message"])
    elif result.status == "warn":
        _log.warning("node", **figures)
    else:
        _log.info("node", **figures)


def cause(words: str) -> type[StepError]:
    """Tell from dbt's messages whether a failure is the database's, its set-up's or the data's."""
    if any(sign in words for sign in _AWAY):
        return TemporaryError
    return ConfigurationError if any(sign in words for sign in _SET_UP) else DataError


def _failure(settings: Settings, result: dbtRunnerResult, built: Built) -> StepError:
    """Say what went wrong, and whether another try may help.

    Raises:
        KeyboardInterrupt: dbt was interrupted.

    """
    if isinstance(result.exception, KeyboardInterrupt):
        raise result.exception
    try:
        _ask(settings)
    except StepError as error:
        return error
    problems = built.problems()
    words = "; ".join(problems) if problems else f"dbt stopped: {result.exception}"
    kind = cause(words)
    if kind is TemporaryError:
        message = f"the database went away or was busy: {words}; what is built stays; try again"
        return TemporaryError(message)
    if kind is ConfigurationError:
        message = f"{words}; see that `imdb migrate` has run, and connect as dbt (PGUSER)"
        return ConfigurationError(message)
    if not problems:
        return ConfigurationError(f"{words}; nothing was built; see dbt/ and the settings")
    message = (
        f"{len(problems)} of {len(built.nodes)} models and tests failed: {words}; what is built "
        "on them stays as it was; the next run tries again"
    )
    return DataError(message)


def _ask(settings: Settings) -> None:
    """Ask whether the database is there, lets us in and is of this program's version."""
    with database.errors(), database.connect(settings) as connection:
        schema.check_version(connection)


@contextmanager
def _heartbeat(built: Built) -> Iterator[None]:
    """Say every now and then which models are being built."""
    ended = threading.Event()
    began = time.monotonic()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            phase = ", ".join(list(built.running)) or "starting"
            seconds = round(time.monotonic() - began, 1)
            _log.info("progress", phase=phase, done=len(built.nodes), seconds=seconds)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
