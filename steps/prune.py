"""Prune: delete the objects and change sets that nothing needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps import changes, database, ledger
from steps.catalog import DATASETS
from steps.log import log
from steps.schema import check_version

if TYPE_CHECKING:
    from steps.settings import Settings
    from steps.store import Store, StoredObject

KEPT_LOADS = 2
"""The object that readers see and the one before it, so that a rollback has somewhere to go.
To the first of them the next load compares."""

KEPT_HISTORIES = 2
"""The last export of the history of ratings, and one before it should it turn out damaged."""


def prune(settings: Settings, store: Store) -> int:
    """Delete every object but the newest, a pinned one and those of the last KEPT_LOADS loads.

    Of the exports of the history the last KEPT_HISTORIES stay. Uploads that a killed step left
    open are aborted, and change sets dropped that every model has used. Returns how many objects
    went.

    Raises:
        ConfigurationError, TemporaryError: store or database cannot be asked.

    """
    deleted = 0
    with database.errors(), database.connect(settings) as connection:
        check_version(connection)
        for dataset in DATASETS:
            objects = store.objects(dataset)
            kept = {item.key for item in objects[:1]}
            kept.update(load.object_key for load in ledger.loads(connection, dataset, KEPT_LOADS))
            if pinned := ledger.pinned_key(connection, dataset):
                kept.add(pinned)
            deleted += _delete(store, [item for item in objects if item.key not in kept])
            store.abort_abandoned(dataset)
            if loads := changes.prune(connection, dataset):
                log.info("change_sets_used", dataset=dataset.name, loads=loads)
        # Each is the whole history.
        deleted += _delete(store, store.histories()[KEPT_HISTORIES:])
        store.abort_abandoned(None)
    return deleted


def _delete(store: Store, items: list[StoredObject]) -> int:
    for item in items:
        store.delete(item)
        log.info("deleted", key=item.key, bytes=item.size)
    return len(items)
