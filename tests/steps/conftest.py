"""One misbehaving source a session, and a pipeline of its own for each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.steps import web as webs
from tests.steps.pipeline import Pipeline
from tests.steps.web import Web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.places import Database, Store

# The same examples in every run, so that a red run can be had again; a search for new ones is
# `HYPOTHESIS_PROFILE=search`.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def _web() -> Iterator[Web]:
    web = Web()
    server = webs.start(web)
    yield web
    server.shutdown()
    server.server_close()


@pytest.fixture
def web(_web: Web) -> Web:
    """Give a source that has nothing yet and does what it is told."""
    _web.reset()
    return _web


@pytest.fixture
def pipeline(
    in_environment: dict[str, str],
    database: Database,
    store: Store,
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pipeline]:
    """Give the steps with a source, a store and a database of their own."""
    in_environment["IMDB_SOURCE_URL"] = web.url
    # A test that waits for what never comes shall say so soon.
    in_environment["IMDB_RETRY_SECONDS"] = "5"
    in_environment["IMDB_SWAP_SECONDS"] = "5"
    for name in ("IMDB_SOURCE_URL", "IMDB_RETRY_SECONDS", "IMDB_SWAP_SECONDS"):
        monkeypatch.setenv(name, in_environment[name])
    yield Pipeline(in_environment, database, store, web)
    # Each bucket takes volumes of the store's, of which there are but some dozens.
    store.client.delete_bucket(Bucket=store.bucket)
