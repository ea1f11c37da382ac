"""The models of a run: `dbt build` as role dbt, left out when it would change nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sysconfig
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from steps import models
from steps.catalog import DATASETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sandbox.children import Children, Ended

PROJECT = Path(__file__).parents[1] / "dbt"

# A table is as it should be if no test of its failed and it was built from the latest load of
# each dataset it reads, or, if it is built at most every so many days, from a file not so much
# older (the rule of dbt/macros/at_most_every.sql).
_BUILDS = """
    select
        builds.model,
        builds.failed_tests = 0 and not exists (
            select from jsonb_each_text(builds.loads) as used
            left join ops.loads as seen on seen.load_id = used.value::bigint
            left join lateral (
                select load_id, last_modified from ops.loads
                where dataset = used.key order by load_id desc limit 1
            ) as latest on true
            where seen.load_id is distinct from latest.load_id and (
                (latest.last_modified at time zone 'UTC')::date
                - (seen.last_modified at time zone 'UTC')::date
                between 0 and (%(days)s::jsonb ->> builds.model)::integer - 1
            ) is not true
        )
    from ops.model_builds as builds
"""


@dataclass(frozen=True, slots=True)
class Build:
    """One dbt project against one database."""

    environment: Mapping[str, str]
    """PG* variables of role dbt, and the process's own."""

    @property
    def target(self) -> Path:
        """Where dbt writes its artifacts."""
        return Path(self.environment.get("DBT_TARGET_PATH") or PROJECT / "target").absolute()

    @property
    def run_results(self) -> Path:
        """What became of each node of the last build."""
        return self.target / "run_results.json"

    @property
    def questions(self) -> Path:
        """The questions that the marts answer."""
        return PROJECT / "questions"

    @property
    def _green(self) -> Path:
        return self.target / "green.json"

    def is_current(self) -> bool:
        """Tell whether a build would find all as the last one left it.

        That one was green, of these project files and in this database; and no load has come,
        no table gone and no test failed since.
        """
        try:
            green = json.loads(self._green.read_text())
        except (OSError, ValueError):
            return False
        if green["build"] != self._identity():
            return False
        try:
            builds = self._builds(green["models"])
        except psycopg.Error:
            return False  # dbt will say what is wrong with the database
        return all(builds.get(name) for name in green["models"])

    def write_docs(self, children: Children, output: Path) -> Ended:
        """Write dbt's documentation, lineage and all, as one HTML file."""
        ended = children.run(
            [*self._dbt("docs", "generate"), "--static"],
            self._for_dbt(),
            lambda _: None,
            end=signal.SIGINT,
            log_on_stdout=True,
        )
        if ended.code == 0:
            shutil.copyfile(self.target / "static_index.html", output)
        return ended

    def run(
        self, children: Children, failed: Iterable[str], listen: Callable[[dict[str, Any]], None]
    ) -> Ended:
        """Build all that does not depend on the `failed` datasets."""
        self._green.unlink(missing_ok=True)
        # What is left of an earlier build must not pass for this one's results.
        self.run_results.unlink(missing_ok=True)
        tables = {dataset.name: dataset.table for dataset in DATASETS}
        excluded = [f"source:raw.{tables[name]}+" for name in failed]
        command = [
            *self._dbt("build"),
            # They test SQL against made-up rows: the suite's business, not a run's.
            "--exclude-resource-type=unit_test",
            *(["--exclude", *excluded] if excluded else []),
        ]
        # dbt cancels its queries on SIGINT; SIGTERM just ends it.
        ended = children.run(
            command, self._for_dbt(), listen, end=signal.SIGINT, log_on_stdout=True
        )
        if ended.code == 0 and not excluded:
            nodes = models.read_manifest(self.target / "manifest.json").nodes
            built = {name: node.at_most_every_days for node in nodes for name in node.recorded}
            self._green.write_text(json.dumps({"build": self._identity(), "models": built}))
        return ended

    def _dbt(self, *command: str) -> list[str]:
        return [
            str(Path(sysconfig.get_path("scripts")) / "dbt"),
            "--log-format=json",
            f"--log-path={self.environment.get('DBT_LOG_PATH') or PROJECT / 'logs'}",
            *command,
            f"--project-dir={PROJECT}",
            f"--profiles-dir={PROJECT}",
            f"--target-path={self.target}",
        ]

    def _for_dbt(self) -> dict[str, str]:
        # A thread waits for the server most of the time, so as many as there are cores.
        return {
            "DBT_THREADS": str(os.cpu_count() or 2),
            **self.environment,
            "PGOPTIONS": models.setting(models.version(PROJECT), self.environment),
        }

    def _identity(self) -> str:
        """Return a hash of the project's files, dbt's version and the database's address."""
        digest = hashlib.sha256(version("dbt-core").encode())
        for name in ("PGHOST", "PGPORT", "PGDATABASE"):
            digest.update(f"{name}={self.environment.get(name)}\n".encode())
        digest.update(models.version(PROJECT).encode())
        return digest.hexdigest()

    def _builds(self, days: Mapping[str, int | None]) -> dict[str, bool]:
        with connect(self.environment) as connection:
            return dict(connection.execute(_BUILDS, {"days": json.dumps(days)}).fetchall())


def connect(environment: Mapping[str, str]) -> psycopg.Connection:
    """Connect as PG* variables say that are not this process's own."""
    return psycopg.connect(
        host=environment["PGHOST"],
        port=environment.get("PGPORT"),
        dbname=environment.get("PGDATABASE"),
        user=environment.get("PGUSER"),
        password=environment.get("PGPASSWORD"),
        connect_timeout=10,
        autocommit=True,
        options="-csearch_path=marts -cdefault_transaction_read_only=on -cstatement_timeout=120s",
    )
