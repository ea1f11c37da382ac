"""The command line: documented, and the same to people, pipes and workflows."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from steps import __main__ as program
from steps import log
from steps.catalog import BY_NAME, DATASETS
from steps.settings import Settings
from tests.steps import files
from tests.steps import web as webs
from tests.steps.pipeline import logged

if TYPE_CHECKING:
    from tests.steps.pipeline import Pipeline

_RATINGS = BY_NAME["title.ratings"]
_COMMANDS = typer.main.get_command(program.app).commands  # type: ignore[attr-defined]
_OPTIONS = [
    (name, option)
    for name, command in _COMMANDS.items()
    for parameter in command.params
    for option in parameter.opts
    if option.startswith("--") and option != "--help"
]
_README = Path(__file__).parents[2] / "README.md"


def test_the_commands_are_those_that_are_promised() -> None:
    """A command that is lost or renamed breaks workflows."""
    assert set(_COMMANDS) == {
        *("migrate", "bucket", "plan", "download", "load", "build", "export"),
        *("status", "prune", "report", "history"),
    }


@pytest.mark.parametrize("name", _COMMANDS)
def test_a_command_is_documented(name: str) -> None:
    """The README says what each command is for."""
    assert re.search(rf"`(?:imdb )?{name}\b", _README.read_text())


@pytest.mark.parametrize(("name", "option"), _OPTIONS)
def test_an_option_is_documented(name: str, option: str) -> None:
    """The README says what each option does."""
    assert re.search(rf"{option}\b", _README.read_text()), f"{option} of imdb {name}"


@pytest.mark.parametrize("name", [field.upper() for field in Settings.model_fields])
def test_a_variable_is_documented(name: str) -> None:
    """The README and --help name each variable that a step reads."""
    assert re.search(rf"\b{name}\b", _README.read_text())
    assert name in (program.app.info.help or "")


@pytest.mark.parametrize("name", ["", *_COMMANDS])
def test_help_is_enough_to_work_from(name: str) -> None:
    """Each command explains itself and its options, and exits with 0."""
    result = CliRunner().invoke(program.app, [*name.split(), "--help"])
    assert result.exit_code == 0
    shown = re.sub(r"\x1b\[[0-9;]*m", "", result.output)
    assert "Usage: imdb" in shown
    for command, option in _OPTIONS:
        if command == name:
            assert option in shown
    for command in _COMMANDS.values():
        assert command.help


@pytest.mark.parametrize(
    "arguments",
    [
        ["load"],
        ["load", "title.basic"],
        ["load", "title_basics"],
        ["download", "title.ratings", "--pin"],
        ["load", "title.ratings", "--pin", "--unpin"],
        ["plan", "--datasets", "title.ratings"],
        ["report", "--run", "x", "--steps", "y"],
        ["report", "--statuses", "{}"],
        ["history", "--object", "KEY"],
        ["unknown"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_a_usage_error(arguments: list[str]) -> None:
    """2 as of any program; what would be right is shown."""
    result = CliRunner().invoke(program.app, arguments)
    assert result.exit_code == 2
    assert "Usage" in result.output


def test_the_datasets_are_choices() -> None:
    """A wrong name is answered with the right ones."""
    result = CliRunner().invoke(program.app, ["load", "title.basic"], terminal_width=200)
    assert all(dataset.name in result.output for dataset in DATASETS)


def test_a_log_line_is_an_event(pipeline: Pipeline) -> None:
    """Not on a terminal each line is one JSON object with step, dataset, level, time, figures."""
    key = pipeline.deposit(_RATINGS, files.file(_RATINGS))
    done = pipeline.run("load", "title.ratings")
    assert done.returncode == 0
    assert done.stdout == b""
    event = logged(done.stderr)[-1]
    wanted = {
        "event": "done",
        "level": "info",
        "step": "load",
        "dataset": "title.ratings",
        "kind": "full",
        "key": key,
        "rows": 10,
    }
    assert {name: event[name] for name in wanted} == wanted
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(event["time"]))
    assert isinstance(event["seconds"], float)


def test_a_workflow_gets_files(pipeline: Pipeline, tmp_path: Path) -> None:
    """One value each, without an end of line; step.json also of a step that failed."""
    outputs = tmp_path / "made" / "outputs"

    def run(*arguments: str) -> tuple[int, dict[str, str]]:
        for file in outputs.glob("*"):
            file.unlink()
        code = pipeline.run(*arguments, IMDB_OUTPUTS=str(outputs)).returncode
        return code, {file.name: file.read_text() for file in outputs.iterdir()}

    code, found = run("load", "title.ratings")
    step = json.loads(found.pop("step.json"))
    assert (code, found) == (78, {})
    assert {name: step[name] for name in ("step", "dataset", "status", "code")} == {
        "step": "load",
        "dataset": "title.ratings",
        "status": "failed",
        "code": 78,
    }
    assert "run `imdb download` first" in step["message"]

    content = files.file(_RATINGS)
    pipeline.publish(_RATINGS, content)
    code, found = run("download", "title.ratings")
    assert (code, found["rows"], found["bytes"]) == (0, "10", str(len(content)))
    key = found["key"]
    assert json.loads(found["step.json"])["status"] == "downloaded"
    code, found = run("download", "title.ratings")
    assert (code, found["key"], "rows" in found) == (0, key, False)
    code, found = run("load", "title.ratings")
    assert (code, found["kind"], found["rows"]) == (0, "full", "10")
    assert found["last-modified"] == "1767228000"
    assert float(found["seconds"]) > 0
    assert json.loads(found["step.json"])["rows"] == 10


def test_files_that_cannot_be_written(pipeline: Pipeline, tmp_path: Path) -> None:
    """78: a workflow that waits for them is told why they are not there."""
    (tmp_path / "file").write_text("")
    done = pipeline.run("status", IMDB_OUTPUTS=str(tmp_path / "file"))
    assert done.returncode == 78
    assert "IMDB_OUTPUTS" in str(logged(done.stderr)[-1]["error"])


def test_a_missing_setting_is_named_by_the_command(pipeline: Pipeline) -> None:
    """78 and one line that has the variable's name."""
    done = pipeline.run("status", PGHOST="")
    assert done.returncode == 78
    (event,) = logged(done.stderr)
    assert "PGHOST: field required" in str(event["error"])
    assert event["kind"] == "ConfigurationError"


def test_export_is_the_bytes_and_nothing_else(pipeline: Pipeline) -> None:
    """Standard output is the file's text, so that it can be compared and compressed."""
    content = files.text(_RATINGS, files.rows(_RATINGS, range(1, 11)))
    pipeline.deposit(_RATINGS, files.pack(content))
    pipeline.load(_RATINGS)
    done = pipeline.run("export", "title.ratings")
    assert done.returncode == 0
    assert done.stdout == content


def test_a_pipe_that_closes_early_is_no_traceback(pipeline: Pipeline) -> None:
    """`imdb export … | head` ends quietly."""
    content = files.text(_RATINGS, files.rows(_RATINGS, range(1, 50_001)))
    pipeline.deposit(_RATINGS, files.pack(content))
    pipeline.load(_RATINGS)
    with pipeline.start("export", "title.ratings") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == _RATINGS.header + b"\n"
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(30) != 0


def test_a_heartbeat_while_a_step_waits(pipeline: Pipeline, tmp_path: Path) -> None:
    """A step that is slow says how far it is, in the log and to Argo."""
    content = files.large(_RATINGS, 2)
    pipeline.publish(_RATINGS, content)
    reached, released = threading.Event(), threading.Event()
    pipeline.web.faults.append(webs.hold(1 << 20, reached, released))
    argo = tmp_path / "progress"
    with pipeline.start(
        "download",
        "title.ratings",
        first="steps.progress.HEARTBEAT_SECONDS = 0.2",
        ARGO_PROGRESS_FILE=str(argo),
    ) as process:
        assert process.stderr is not None
        beat: dict[str, object] = {}
        while beat.get("bytes") != 1 << 20:
            beat = json.loads(process.stderr.readline())
        assert beat["event"] == "progress"
        assert beat["step"] == "download"
        assert beat["dataset"] == "title.ratings"
        assert beat["phase"] == "downloading"
        assert beat["total_bytes"] == len(content)
        assert {"rows", "seconds", "rows_per_second", "seconds_left"} <= set(beat)
        # The beat before the next one has told Argo.
        process.stderr.readline()
        assert argo.read_text() == f"{100 * (1 << 20) // len(content)}/100\n"
        released.set()
        process.stderr.read()
        assert process.wait(30) == 0
    assert argo.read_text() == "100/100\n"


def test_the_heartbeat_keeps_its_promise() -> None:
    """At least one line every 30 s."""
    assert log.HEARTBEAT_SECONDS <= 30


def test_a_terminal_is_shown_a_bar(pipeline: Pipeline) -> None:
    """People see a bar with bytes, rows and rate, and plain lines instead of JSON."""
    pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, 1001)))
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "steps", "download", "title.ratings"],
        env=pipeline.environment | {"TERM": "xterm", "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 10_000):
                shown += piece
        except OSError:  # how Linux tells that the other end is closed
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert "download title.ratings: downloading" in text
    assert "1,000 rows" in text
    assert '"event"' not in text
