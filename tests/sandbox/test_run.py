"""The run: everything once, nothing twice, red when a part is red, gone when it is told to."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from sandbox import source
from sandbox.run import worst
from steps.catalog import DATASETS
from steps.outcome import Status, Step
from tests.conftest import clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.places import Database, Store

_ROOT = Path(__file__).parents[2]

_SCALE = 0.0005


@dataclass
class Laptop:
    """One database, one bucket, one state folder, one source whose day can be changed."""

    folder: Path
    database: Database
    store: Store
    served: Path
    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What `python -m sandbox run` finds in its environment."""
        return {
            **clean_environment(),
            **self.database.loader,
            **self.store.env,
            "IMDB_DBT_PASSWORD": self.database.dbt["PGPASSWORD"],
            "IMDB_RETRY_SECONDS": "1",
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
        }

    def show(self, day: int) -> None:
        """Let the source have a day's files, all at once."""
        files = source.cached(self.folder / "source", scale=_SCALE, day=day)
        link = self.folder / "next"
        link.symlink_to(files)
        link.replace(self.served)

    def run(
        self, **variables: str
    ) -> tuple[int, dict[tuple[str, str | None], dict[str, object]], str]:
        """Run and return the exit code, the steps by name and dataset, and what was printed."""
        result = subprocess.run(
            [
                *(sys.executable, "-m", "sandbox", "run"),
                *("--source", self.url, "--state", str(self.folder)),
            ],
            cwd=_ROOT,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        steps = json.loads((self.folder / "run/steps.json").read_text())
        found = {(step["step"], step["dataset"]): step for step in steps}
        return result.returncode, found, result.stdout + result.stderr

    def state(self) -> tuple[object, ...]:
        """Return what a run could touch: objects, and the files and builds of every table."""
        with self.database.connect() as connection:
            tables = connection.execute(
                "select oid::regclass::text, relfilenode, pg_stat_get_tuples_inserted(oid)"
                " from pg_class where relkind = 'r' and relnamespace::regnamespace::text"
                " in ('raw', 'staging', 'intermediate', 'marts', 'ops') order by 1"
            ).fetchall()
            builds = connection.execute("select * from ops.model_builds order by 1").fetchall()
        return self.store.objects(), tables, builds


_BUILT_OF_OLDER_FILES = """
    with latest as (
        select * from ops.loads where dataset = 'title.principals' order by load_id desc limit 1
    ),
    older as (
        insert into ops.loads
            (load_id, dataset, object_key, etag, last_modified, rows, kind, started_at)
        overriding system value
        select -%(days)s, dataset, object_key, etag,
            last_modified - make_interval(days => %(days)s), rows, kind, started_at
        from latest
        returning load_id, dataset
    )
    update ops.model_builds
    set loads = jsonb_set(loads, array[dataset], to_jsonb(older.load_id))
    from older where model = 'mart_collaborations'
"""


@pytest.fixture(scope="module")
def laptop(
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[], AbstractContextManager[Database]],
    new_store: Callable[[], Store],
) -> Iterator[Laptop]:
    """Give a laptop on which nothing has run."""
    folder = tmp_path_factory.mktemp("laptop")
    served = folder / "served"
    with new_database() as database, source.running(served) as url:
        yield Laptop(folder, database, new_store(), served, url)


def test_runs_from_the_first_to_one_that_fails(laptop: Laptop) -> None:
    """One history, since each run begins where the last one ended."""
    laptop.show(day=0)
    code, steps, said = laptop.run()
    assert code == 0, said
    assert {steps["download", each.name]["status"] for each in DATASETS} == {"downloaded"}
    assert {steps["load", each.name]["status"] for each in DATASETS} == {"full"}
    assert steps["build", None]["status"] == "built"
    assert "mart_top_titles" in said
    report = (laptop.folder / "run/report.html").read_text()
    assert "<script" not in report
    assert report.count("<svg") == 7

    # What is due is not built with a wrong password, nor is it a matter of trying again.
    with laptop.database.connect() as connection:
        connection.execute("update ops.model_builds set failed_tests = 1 where model like '%rank'")
    code, steps, said = laptop.run(IMDB_DBT_PASSWORD="wrong")  # noqa: S106 - it shall be refused
    assert (code, steps["build", None]["code"]) == (78, 78)
    assert "check PGUSER, PGPASSWORD" in str(steps["build", None]["message"])
    assert laptop.run()[0] == 0

    before = laptop.state()
    written = (laptop.folder / "run/report.html").stat().st_mtime_ns
    code, steps, said = laptop.run()
    assert code == 0, said
    statuses = {step["status"] for step in steps.values()}
    assert statuses == {"unchanged", "cached"}
    assert laptop.state() == before
    assert (laptop.folder / "run/report.html").stat().st_mtime_ns == written

    # What is built weekly is due when its files are seven days younger than what it was built from.
    for days, status in ((6, "unchanged"), (7, "built")):
        with laptop.database.connect() as connection:
            connection.execute(_BUILT_OF_OLDER_FILES, {"days": days})
        code, steps, said = laptop.run()
        assert (code, steps["build", None]["status"]) == (0, status), said

    # A model that is not as its last load left it is built though no file has changed.
    with laptop.database.connect() as connection:
        connection.execute("update ops.model_builds set failed_tests = 1 where model like '%rank'")
    # Next day: one file that is no gzip's, and one that has changed.
    laptop.show(day=1)
    broken = laptop.folder / "broken"
    broken.mkdir()
    for file in laptop.served.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "title.ratings.tsv.gz").write_bytes(gzip.compress(b"<html>not today</html>"))
    (laptop.folder / "next").symlink_to(broken)
    (laptop.folder / "next").replace(laptop.served)
    code, steps, said = laptop.run()
    assert code == 65, said
    assert steps["download", "title.ratings"]["status"] == "failed"
    assert steps["load", "title.ratings"]["status"] == "skipped"
    assert steps["load", "title.basics"]["status"] in {"full", "delta"}
    assert steps["build", None]["status"] == "built"
    with laptop.database.connect() as connection:
        built: dict[str, bool] = dict(
            connection.execute(
                "select model, built_at > (select max(finished_at) from ops.loads)"
                " from ops.model_builds"
            ).fetchall()
        )
    # What reads ratings stays as it was yesterday, what does not is of today.
    assert built["stg_title_crew_directors"]
    assert not built["mart_top_titles"]
    assert 'class="verdict bad"' in (laptop.folder / "run/report.html").read_text()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((0, 0), 0), ((0, 75), 75), ((75, 65, 0), 65), ((65, 78, 75), 78), ((78, 1, 0), 1)],
)
def test_the_exit_code_is_the_worst_steps(codes: tuple[int, ...], expected: int) -> None:
    """What a retry may cure is the least of the evils, a crash the greatest."""
    assert worst([Step("load", None, Status.FULL, code=code) for code in codes]) == expected


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["TERM", "INT"]
)
def test_a_signal_ends_the_run_and_every_step_of_it(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Here the source accepts and never answers, as some do for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen(
            [
                *(sys.executable, "-m", "sandbox", "run"),
                *("--source", url, "--state", str(tmp_path)),
            ],
            cwd=_ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            silent.settimeout(60)
            silent.accept()  # the plan has asked
            children = psutil.Process(process.pid).children(recursive=True)
            assert children
            process.send_signal(number)
            said, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "interrupted" in said
    assert not [child for child in children if child.is_running()]


def test_half_an_environment_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    """A run that takes one server from here and one from there would surprise."""
    del environment["IMDB_BUCKET"]
    result = subprocess.run(
        [
            *(sys.executable, "-m", "sandbox", "run"),
            "--state",
            str(tmp_path),
            "--source",
            "http://x",
        ],
        cwd=_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 78
    assert "PGHOST and IMDB_BUCKET go together" in result.stderr
