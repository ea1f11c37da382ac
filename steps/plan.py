"""Plan: compare source, store, ledger and model builds once; nothing is changed.

What follows from it for each task of a workflow is said by steps/decisions.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from steps import database, ledger
from steps.catalog import DATASETS
from steps.errors import TemporaryError
from steps.schema import check_version

PATIENCE_SECONDS = 30.0
"""How long the source may take to tell a version; the download has a longer budget."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.catalog import Dataset
    from steps.ledger import Load, Recorded
    from steps.settings import Settings
    from steps.source import Source, Version
    from steps.store import Store, StoredObject


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """What source, store and ledger hold of one dataset, and what a run would do about it."""

    dataset: Dataset
    version: Version | None
    key: str | None
    item: StoredObject | None
    loaded: Load | None
    pinned: str | None
    changed_by: int | None = None
    """The latest load that changed anything: models that have seen it are as they should be."""
    error: str | None = None
    """Why the source did not tell its version; the download tries again and says so."""

    @property
    def download(self) -> bool:
        """Whether the source's version is missing from the store, as far as it is known."""
        return self.pinned is None and self.item is None

    @property
    def load(self) -> bool:
        """Whether the database shows another object than it should."""
        return self.loaded is None or self.loaded.object_key != (self.pinned or self.key)

    @property
    def reason(self) -> str:
        """Why, in words."""
        if self.pinned:
            return f"pinned to {self.pinned}"
        if self.error:
            return self.error
        if self.loaded is None:
            return "never loaded"
        if self.load:
            return "the source has another version than the database"
        # An object of the loaded version may be gone from the store: a reload would need it.
        return "the object is gone from the store" if self.download else "unchanged"

    def to_json(self) -> dict[str, object]:
        """Return it as JSON's types."""
        return {
            "download": self.download,
            "load": self.load,
            "reason": self.reason,
            "source": _source_json(self.version) if self.version else None,
            "store": {"key": self.key, "bytes": self.item.size} if self.item else None,
            "ledger": {
                "load_id": self.loaded.load_id,
                "key": self.loaded.object_key,
                "rows": self.loaded.rows,
                "kind": self.loaded.kind,
                "changed": asdict(self.loaded.changed) if self.loaded.changed else None,
                "last_modified": self.loaded.last_modified.isoformat(),
            }
            if self.loaded
            else None,
            "pinned": self.pinned,
        }


def _source_json(version: Version) -> dict[str, object]:
    modified = version.last_modified
    return {
        "url": version.url,
        "etag": version.etag,
        "last_modified": modified.isoformat() if modified else None,
        "bytes": version.length,
    }


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run over all datasets."""

    datasets: tuple[DatasetPlan, ...]
    recorded: Mapping[str, Recorded]
    """What is recorded of each model's build."""

    @property
    def changed(self) -> bool:
        """Whether a run would download or load anything."""
        return any(entry.download or entry.load for entry in self.datasets)

    def to_json(self) -> dict[str, object]:
        """Return it as JSON's types: datasets by name, and whether anything changed."""
        return {
            "datasets": {entry.dataset.name: entry.to_json() for entry in self.datasets},
            "changed": self.changed,
        }


def plan(settings: Settings, source: Source, store: Store) -> Plan:
    """Ask source, store and ledger about every dataset, and the database about the models.

    A file of which the source tells nothing does not keep the others waiting: its own download
    is planned, and fails if that lasts.

    Raises:
        ConfigurationError, TemporaryError: one of the three cannot be asked at all.

    """
    with database.errors(), database.connect(settings) as connection:
        check_version(connection)
        latest = {dataset.name: ledger.latest_load(connection, dataset) for dataset in DATASETS}
        recorded = ledger.model_builds(connection)
        pins = {dataset.name: ledger.pinned_key(connection, dataset) for dataset in DATASETS}
        changes = {dataset.name: ledger.latest_change(connection, dataset) for dataset in DATASETS}

    def found(dataset: Dataset, version: Version | None, error: str | None = None) -> DatasetPlan:
        return DatasetPlan(
            dataset,
            version,
            store.key(dataset, version) if version else None,
            store.find_version(dataset, version) if version else None,
            latest[dataset.name],
            pins[dataset.name],
            changes[dataset.name],
            error,
        )

    def ask(dataset: Dataset) -> DatasetPlan:
        try:
            version = source.version(dataset, PATIENCE_SECONDS)
        except TemporaryError as error:
            return found(dataset, None, str(error))
        return found(dataset, version)

    # The source is a world away: seven answers take as long as one.
    pool = ThreadPoolExecutor(len(DATASETS))
    # A thread begins without the context that gives each log line its step.
    contexts = [copy_context() for _ in DATASETS]
    try:
        entries = tuple(pool.map(lambda context, each: context.run(ask, each), contexts, DATASETS))
    finally:
        # An error or an interrupt is told at once, not when the other six have answered.
        pool.shutdown(wait=False, cancel_futures=True)
    if all(entry.error for entry in entries):
        raise TemporaryError(str(entries[0].error))
    return Plan(entries, recorded)
