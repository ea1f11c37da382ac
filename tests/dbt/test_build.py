"""`imdb build`: dbt in this program's words, so that a workflow knows what to do next."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dbt import toy
from tests.steps.pipeline import logged

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Project

_ROOT = Path(__file__).parents[2]

_STAGED = "select tconst, num_votes from {{ source('raw', 'title_ratings') }}"
_COLUMNS = {"tconst": "text", "num_votes": "integer"}
_HAS_VOTES = """
    data_tests:
      - expression_holds: {name: has_votes, arguments: {expression: num_votes > 0}}"""


@dataclass(frozen=True)
class Ended:
    """How the command ended: code, log, and the step as the workflow gets it."""

    code: int
    log: list[dict[str, Any]]
    step: dict[str, Any]

    def nodes(self) -> dict[str, str]:
        """Return the status of each node that dbt ran."""
        return {each["name"]: each["status"] for each in self.log if each["event"] == "node"}


def _environment(project: Project, **variables: str) -> dict[str, str]:
    return {
        **project.environment,
        "IMDB_BUCKET": "unused",
        "IMDB_OUTPUTS": str(project.target / "outputs"),
        **variables,
    }


def _build(project: Project, *arguments: str, **variables: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "steps", "build", *arguments],
        cwd=_ROOT,
        env=_environment(project, **variables),
        capture_output=True,
        check=False,
        timeout=120,
    )
    step = json.loads((project.target / "outputs/step.json").read_text())
    assert done.stdout == b""
    return Ended(done.returncode, logged(done.stderr), step)


@pytest.fixture
def small(project: Project, load: Callable[..., int]) -> Project:
    """Give a source, a view of it and a mart, each with a test."""
    project.write(
        "tests/votes_known.sql",
        "select * from {{ source('raw', 'title_ratings') }} where num_votes is null",
    )
    toy.view(project, "stg_toy", _STAGED, _COLUMNS, tests=_HAS_VOTES.replace("has", "any"))
    toy.mart(
        project, "select tconst, num_votes from {{ ref('stg_toy') }}", _COLUMNS, tests=_HAS_VOTES
    )
    load("title.ratings", [{"tconst": "tt1", "num_votes": 5}])
    return project


def test_a_task_builds_a_model_and_its_tests(small: Project) -> None:
    """And those of the source that it names; each is a line of the log, the version recorded."""
    ended = _build(small, "stg_toy source:raw.title_ratings", IMDB_MODELS_VERSION="abc")
    assert ended.code == 0
    assert ended.nodes() == {"stg_toy": "success", "any_votes": "pass", "votes_known": "pass"}
    assert ended.log[-1]["event"] == "done"
    assert (ended.log[-1]["models"], ended.log[-1]["tests"]) == (1, 2)
    assert {each["step"] for each in ended.log} == {"build"}
    assert (ended.step["status"], ended.step["code"]) == ("built", 0)
    recorded = small.rows("select model, project from ops.model_builds")
    assert recorded == [("stg_toy", "abc")]
    assert (small.target / "run_results.json").exists()


def test_a_failed_test_is_bad_data(small: Project, load: Callable[..., int]) -> None:
    """65, the test and its rows; what is built on it is left alone, the rest is built."""
    load("title.ratings", [{"tconst": "tt1", "num_votes": 0}])
    ended = _build(small)
    assert ended.code == 65
    assert ended.nodes()["any_votes"] == "fail"
    assert ended.nodes()["mart_toy"] == "skipped"
    assert "any_votes: Got 1 result" in ended.log[-1]["error"]
    assert ended.step == {
        "step": "build",
        "dataset": None,
        "status": "failed",
        "rows": None,
        "seconds": ended.step["seconds"],
        "code": 65,
        "message": ended.log[-1]["error"],
    }


@pytest.mark.parametrize(
    ("variables", "code", "said"),
    [
        ({"PGPASSWORD": "wrong"}, 78, "check PGUSER, PGPASSWORD"),
        ({"PGHOST": "nowhere.invalid"}, 75, "check PGHOST"),
        ({"PGHOST": ""}, 78, "PGHOST: field required"),
        ({"PGDATABASE": "another"}, 78, '"another" does not exist'),
        ({"PGDATABASE": "postgres"}, 78, "run `imdb migrate`"),
        ({"DBT_PROJECT_DIR": "nowhere"}, 78, "nowhere"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_wrong_is_said_first(
    small: Project, variables: dict[str, str], code: int, said: str
) -> None:
    """The first line of the log says what to do."""
    ended = _build(small, "stg_toy", **variables)
    assert (ended.code, ended.step["code"]) == (code, code)
    assert ended.log[-1]["event"] == "failed"
    assert said in ended.log[0]["error"]
    assert said in ended.log[-1]["error"]


def test_a_node_that_is_not_there(small: Project) -> None:
    """Workflow and image of different versions: not a green task that did nothing."""
    ended = _build(small, "stg_gone")
    assert ended.code == 78
    assert "the dbt project has no stg_gone" in ended.log[0]["error"]


def test_what_a_failed_load_feeds_is_left_out(small: Project, load: Callable[..., int]) -> None:
    """The others are built: a bad file does not keep the rest from the readers."""
    toy.view(
        small, "stg_b", "select tconst from {{ source('raw', 'title_basics') }}", {"tconst": "text"}
    )
    load("title.basics", [{"tconst": "tt1"}])
    statuses = {"title.ratings": "Failed", "title.basics": "Succeeded", "title.crew": "Skipped"}
    ended = _build(small, "--statuses", json.dumps(statuses), "--no-full-refresh")
    assert ended.code == 0
    assert ended.nodes()["stg_b"] == "success"
    assert not {"stg_toy", "mart_toy", "any_votes", "has_votes", "votes_known"} & set(ended.nodes())
    ended = _build(small, "--statuses", '{"title.basic": "Failed"}')
    assert ended.code == 78
    ended = _build(small, "--exclude", "mart_toy", "--full-refresh")
    assert (ended.code, ended.nodes().get("mart_toy")) == (0, None)


def test_a_pod_uses_the_parse_of_its_image(small: Project, tmp_path: Path) -> None:
    """Made without a database, for any host, port, user and password; else dbt parses, and says so.

    dbt writes partial_parse.msgpack whenever it has parsed anything.
    """
    cache = tmp_path / "cache"
    image = {"PGHOST": "postgres", "PGPORT": "1", "PGUSER": "nobody", "PGPASSWORD": ""}
    subprocess.run(
        [sys.executable, "-m", "steps.parsed", cache],
        cwd=_ROOT,
        env=_environment(small, **image),
        check=True,
        timeout=120,
    )
    pod = {
        "IMDB_DBT_CACHE": str(cache),
        "IMDB_MODELS_VERSION": "of-the-workflow",
        "PGOPTIONS": "-c work_mem=8MB",
        "PGSSLMODE": "prefer",
        "DBT_THREADS": "1",
    }

    def parsed(ended: Ended) -> bool:
        assert ended.code == 0
        assert ended.nodes() == {"stg_toy": "success", "any_votes": "pass"}
        told = any(each["event"] == "parsing" for each in ended.log)
        did = (small.target / "partial_parse.msgpack").exists()
        assert told == did
        return did

    assert not parsed(_build(small, "stg_toy", **pod))
    assert (small.target / "run_results.json").exists()
    small.write("models/staging/stg_toy.sql", f"{_STAGED} where num_votes > 1")
    assert parsed(_build(small, "stg_toy", **pod))


def test_a_signal_ends_the_query(small: Project) -> None:
    """SIGTERM: the database stops working for a pod that is gone; 143, and nothing is recorded."""
    toy.mart(small, "select tconst, num_votes from {{ ref('stg_toy') }}, pg_sleep(60)", _COLUMNS)
    assert _build(small, "stg_toy").code == 0
    sleeping = "select from pg_stat_activity where query like '%pg_sleep(60)%' and state = 'active'"
    sleeping += " and application_name = 'dbt'"
    with subprocess.Popen(
        [sys.executable, "-m", "steps", "build", "mart_toy"],
        cwd=_ROOT,
        env=_environment(small),
        stderr=subprocess.PIPE,
    ) as process:
        while not small.rows(sleeping):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert logged(error)[-1]["event"] == "interrupted"
    assert not small.rows(sleeping)
    assert small.rows("select from ops.model_builds where model = 'mart_toy'") == []
