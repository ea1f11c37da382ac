"""`imdb load` as the peers' counterpart: an object of the store into the raw table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import loading
from benchmarks.measure import IMDB, process
from sandbox.source import running
from steps import database, ledger
from steps.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from steps.catalog import Dataset
    from steps.ledger import Changed
    from steps.settings import Settings


@dataclass(frozen=True, slots=True)
class Ours:
    """The objects of two days in the store, and the ways to load them; each returns seconds.

    A load with its key and a delta are whole processes, the interpreter's start included. The
    settings are those of this process's environment.
    """

    settings: Settings
    dataset: Dataset
    days: tuple[str, str]

    @classmethod
    def downloaded(
        cls,
        settings: Settings,
        dataset: Dataset,
        folders: tuple[Path, Path],
    ) -> Ours:
        """Bring the files of two days into the store."""
        return cls(
            settings,
            dataset,
            (
                download(dataset, folders[0]),
                download(dataset, folders[1]),
            ),
        )

    def alone(self) -> float:
        """Copy the first day into a bare table and return the seconds."""
        store = Store(self.settings)
        item = next(each for each in store.objects(self.dataset) if each.key == self.days[0])
        return loading.filled(self.settings, store, item)

    def full(self) -> float:
        """Load the first day in full and return the process's seconds."""
        return self._load(self.days[0], "--full")

    def delta(self) -> float:
        """Load the second day over the first and return the process's seconds."""
        return self._load(self.days[1])

    def changed(self) -> tuple[Changed, int]:
        """Return what the last delta wrote, and the rows of the table."""
        with database.connect(self.settings) as connection:
            load = ledger.latest_load(connection, self.dataset)
        if load is None or load.changed is None:
            message = f"the last load of {self.dataset.name} was no delta"
            raise RuntimeError(message)
        return load.changed, load.rows

    def _load(self, key: str, *options: str) -> float:
        command = [*IMDB, "load", self.dataset.name, "--object", key, *options]
        return process(command, {}).seconds


def download(dataset: Dataset, folder: Path) -> str:
    """Bring a dataset's file into the store and return its key."""
    with running(folder) as url:
        command = [*IMDB, "download", dataset.name]
        taken = process(command, {"IMDB_SOURCE_URL": url})
    # Among the lines of its log, which are JSON.
    return next(line for line in taken.output.splitlines() if line.endswith(".tsv.gz"))
