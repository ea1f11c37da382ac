"""The models of a run: `dbt build` as role dbt, of those that the plan finds due."""

from __future__ import annotations

import os
import shutil
import signal
import sysconfig
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from steps import models, parsed
from steps.catalog import DATASETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sandbox.children import Children, Ended

PROJECT = Path(__file__).parents[1] / "dbt"


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
    def _parsed(self) -> Path:
        return self.target / "parsed.txt"

    @property
    def manifest(self) -> Path | None:
        """The manifest of the last build; None unless that was green and of these files."""
        try:
            of_these_files = self._parsed.read_text() == self._identity()
        except OSError:
            of_these_files = False
        file = self.target / parsed.JSON
        return file if of_these_files and file.exists() else None

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
        self,
        children: Children,
        nodes: Iterable[str] | None,
        failed: Iterable[str],
        listen: Callable[[dict[str, Any]], None],
    ) -> Ended:
        """Build `nodes`, or all if None, but for what depends on the `failed` datasets.

        `nodes` are names of models and tests and selectors of sources, as the plan has them.
        """
        identity = self._identity()
        # What is left of an earlier build must not pass for this one's.
        for file in (self._parsed, self.run_results, self.target / parsed.JSON):
            file.unlink(missing_ok=True)
        tables = {dataset.name: dataset.table for dataset in DATASETS}
        excluded = [f"source:raw.{tables[name]}+" for name in failed]
        command = [
            *self._dbt("build"),
            # They test SQL against made-up rows: the suite's business, not a run's.
            "--exclude-resource-type=unit_test",
            # A test of several models is named by the plan.
            *(["--indirect-selection=cautious", "--select", *nodes] if nodes else []),
            *(["--exclude", *excluded] if excluded else []),
        ]
        # dbt cancels its queries on SIGINT; SIGTERM just ends it.
        ended = children.run(
            command, self._for_dbt(), listen, end=signal.SIGINT, log_on_stdout=True
        )
        # Of a build that broke off nobody recorded which tests failed or never ran.
        if ended.code == 0:
            self._parsed.write_text(identity)
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

    @staticmethod
    def _identity() -> str:
        return f"{models.version(PROJECT)} {version('dbt-core')}\n"


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
