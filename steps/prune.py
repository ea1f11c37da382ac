"""Prune: delete the objects that nothing refers to any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps import database
from steps.catalog import DATASETS
from steps.log import log
from steps.schema import check_version

if TYPE_CHECKING:
    from steps.settings import Settings
    from steps.store import Store

KEPT_LOADS = 2
"""The object that readers see and the one before it, so that a rollback has somewhere to go."""


def prune(settings: Settings, store: Store) -> int:
    """Delete every object but the newest, a pinned one and those of the last KEPT_LOADS loads.

    Uploads that a killed step left open are aborted too. Returns how many objects went.

    Raises:
        ConfigurationError, TemporaryError: store or database cannot be asked.

    """
    deleted = 0
    with database.errors(), database.connect(settings) as connection:
        check_version(connection)
        for dataset in DATASETS:
            objects = store.objects(dataset)
            kept = {item.key for item in objects[:1]}
            kept.update(load.object_key for load in database.loads(connection, dataset, KEPT_LOADS))
            if pinned := database.pinned_key(connection, dataset):
                kept.add(pinned)
            for item in objects:
                if item.key not in kept:
                    store.delete(item)
                    deleted += 1
                    log.info("deleted", dataset=dataset.name, key=item.key, bytes=item.size)
            store.abort_abandoned(dataset)
    return deleted
