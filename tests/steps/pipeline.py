"""The steps on servers of a test's own: called as functions, or run as the commands they are."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from steps import download, export, load
from steps import store as stores
from steps.catalog import DATASETS
from steps.settings import Settings
from steps.source import Source
from tests.steps import files
from tests.steps import web as webs

if TYPE_CHECKING:
    from steps.catalog import Dataset
    from steps.load import Loaded
    from steps.store import StoredObject
    from tests.places import Database, Store
    from tests.steps.web import Web

_NAMES = iter(f"20260101T{number:06}Z-0" for number in range(100_000))

SECONDS = 60
"""How long a command may take before a test calls it hung."""


class Process(subprocess.Popen[bytes]):
    """A process that does not outlive the block it is used in."""

    def __exit__(self, *error: object) -> None:
        """Kill it, if it is still there."""
        self.kill()
        super().__exit__(*error)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Pipeline:
    """Source, store and database, and the steps between them."""

    environment: dict[str, str]
    database: Database
    store: Store
    web: Web

    def settings(self, **changes: object) -> Settings:
        """Return the settings of this pipeline, some of them changed."""
        return Settings().model_copy(update=changes)

    def download(self, dataset: Dataset, **changes: object) -> download.Downloaded:
        """Download as `imdb download` does."""
        settings = self.settings(**changes)
        return download.download(Source(settings), stores.Store(settings), dataset)

    def publish(self, dataset: Dataset, content: bytes, modified: str = webs.MODIFIED) -> None:
        """Put a gzipped file, or its next version, at the source."""
        self.web.put(dataset.file, content, modified=modified)

    def deposit(self, dataset: Dataset, content: bytes, name: str = "20260101T004000Z-0") -> str:
        """Put an object into the store by hand, valid or not, and return its key."""
        key = f"imdb/{dataset.name}/{name}.tsv.gz"
        self.store.client.put_object(Bucket=self.store.bucket, Key=key, Body=content)
        return key

    def deposit_rows(self, dataset: Dataset, numbers: range) -> str:
        """Put a valid object into the store, newer than those before it, and return its key."""
        return self.deposit(dataset, files.file(dataset, numbers), next(_NAMES))

    def deposit_lines(self, dataset: Dataset, lines: list[bytes]) -> str:
        """Put an object of these lines into the store, as deposit_rows does."""
        return self.deposit(dataset, files.pack(files.text(dataset, lines)), next(_NAMES))

    def load(
        self,
        dataset: Dataset,
        key: str | None = None,
        *,
        hold: bool = False,
        accept: bool = False,
        full: bool = False,
        **changes: object,
    ) -> Loaded:
        """Load as `imdb load` does."""
        settings = self.settings(**changes)
        store = stores.Store(settings)
        return load.load(settings, store, dataset, key, hold=hold, accept=accept, full=full)

    def load_lines(self, dataset: Dataset, lines: list[bytes], **how: bool) -> Loaded:
        """Load lines as the next day."""
        return self.load(dataset, self.deposit_lines(dataset, lines), **how)

    def export(self, dataset: Dataset) -> bytes:
        """Return what `imdb export` writes."""
        output = io.BytesIO()
        export.export(self.settings(), dataset, output)
        return output.getvalue()

    def find(self, key: str) -> StoredObject | None:
        """Return an object of the store."""
        return stores.Store(self.settings()).find(key)

    def uploads(self) -> list[str]:
        """Return the keys of uploads that are neither complete nor aborted."""
        found = self.store.client.list_multipart_uploads(Bucket=self.store.bucket)
        return [upload["Key"] for upload in found.get("Uploads", [])]

    def visible(self) -> dict[str, object]:
        """Return what readers can tell: every raw table's content and the whole ledger."""
        query = "select count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) from raw.{} t"
        with self.database.connect() as connection:
            seen: dict[str, object] = {
                dataset.name: connection.execute(query.format(dataset.table)).fetchone()
                for dataset in DATASETS
            }
            seen["ledger"] = connection.execute(
                "select * from ops.loads order by load_id"
            ).fetchall()
            seen["pins"] = connection.execute("select dataset, object_key from ops.pins").fetchall()
        return seen

    def wait_for(self, query: str) -> None:
        """Wait until a query is true: another session is about to do something."""
        with self.database.connect("loader") as connection:
            for _ in range(600):
                if connection.execute(query).fetchone() == (True,):
                    return
                time.sleep(0.02)  # until the other session has got there
        pytest.fail(f"never true: {query}")

    def leftovers(self) -> dict[str, object]:
        """Return what a step may not leave behind; empty values are what is wanted."""
        with self.database.connect() as connection:
            tables = connection.execute(
                "select relname from pg_class where relnamespace = 'raw'::regnamespace "
                "and relkind = 'r' and not relispartition"
            ).fetchall()
            locks = connection.execute(
                "select objid from pg_locks where locktype = 'advisory' and database = "
                "(select oid from pg_database where datname = current_database())"
            ).fetchall()
        return {"tables": tables, "locks": locks, "uploads": self.uploads()}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command of the real program to its end."""
        return subprocess.run(
            [sys.executable, "-m", "steps", *arguments],
            env=self.environment | environment,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )

    def start(self, *arguments: str, first: str = "", **environment: str) -> Process:
        """Start a command of the real program; `first` is Python to run before it."""
        program = f"import steps.__main__, steps.progress\n{first}\nsteps.__main__.main()"
        return Process(
            [sys.executable, "-c", program, *arguments],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


CLEAN: dict[str, object] = {"tables": [], "locks": [], "uploads": []}
"""What `leftovers` returns when nothing is left behind."""


def logged(error: bytes) -> list[dict[str, object]]:
    """Return the events of a log."""
    return [json.loads(line) for line in error.splitlines()]
