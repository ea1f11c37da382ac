"""Prune: what nothing refers to goes, what anybody may still need stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps import prune
from steps import store as stores
from steps.catalog import BY_NAME, DATASETS
from tests.steps import files
from tests.steps.pipeline import logged

if TYPE_CHECKING:
    from tests.steps.pipeline import Pipeline

_EPISODE = BY_NAME["title.episode"]


def _prune(pipeline: Pipeline, **changes: object) -> int:
    settings = pipeline.settings(**changes)
    return prune.prune(settings, stores.Store(settings))


def _deposit(pipeline: Pipeline, day: int) -> str:
    return pipeline.deposit(
        _EPISODE, files.file(_EPISODE, range(1, 10 + day)), f"2026010{day}T004000Z-0"
    )


def test_the_last_two_loads_and_the_newest_stay(pipeline: Pipeline) -> None:
    """A rollback has somewhere to go, and what was just downloaded is not thrown away."""
    keys = [_deposit(pipeline, day) for day in range(1, 6)]
    for key in keys[:4]:
        pipeline.load(_EPISODE, key)
    assert _prune(pipeline) == 2
    assert set(pipeline.store.objects()) == set(keys[2:])
    assert _prune(pipeline) == 0


def test_a_pinned_object_stays(pipeline: Pipeline) -> None:
    """Held for longer than two loads remember, an object is still needed."""
    keys = [_deposit(pipeline, day) for day in range(1, 5)]
    pipeline.load(_EPISODE, keys[0], hold=True)
    with pipeline.database.connect("loader") as connection:
        connection.execute("update ops.loads set object_key = 'imdb/title.episode/long-gone'")
    assert _prune(pipeline) == 2
    assert set(pipeline.store.objects()) == {keys[0], keys[3]}


def test_before_any_load_the_newest_stays(pipeline: Pipeline) -> None:
    """A store that was filled and never loaded keeps what the first load will take."""
    keys = [_deposit(pipeline, day) for day in range(1, 4)]
    assert _prune(pipeline) == 2
    assert set(pipeline.store.objects()) == {keys[2]}
    assert pipeline.load(_EPISODE).object_key == keys[2]


def test_each_dataset_is_pruned_by_itself(pipeline: Pipeline) -> None:
    """Seven files, seven newest ones; what is not ours in the bucket is not touched."""
    for dataset in DATASETS:
        for day in (1, 2):
            pipeline.deposit(dataset, files.file(dataset), f"2026010{day}T004000Z-0")
    strangers = ["imdb/ratings-history/1.parquet", "imdb/title.ratingsx/1.tsv.gz", "other"]
    for key in strangers:
        pipeline.store.client.put_object(Bucket=pipeline.store.bucket, Key=key, Body=b"x")
    assert _prune(pipeline) == len(DATASETS)
    assert len(pipeline.store.objects()) == len(DATASETS) + len(strangers)
    assert set(strangers) <= set(pipeline.store.objects())


def test_only_abandoned_uploads_are_aborted(pipeline: Pipeline) -> None:
    """A young upload may be alive."""
    pipeline.store.client.create_multipart_upload(
        Bucket=pipeline.store.bucket, Key="imdb/title.episode/20260101T004000Z-0.tsv.gz"
    )
    _prune(pipeline)
    assert len(pipeline.uploads()) == 1


def test_the_command_says_what_went(pipeline: Pipeline) -> None:
    """Each object deleted is one event, with its size; the last one counts them."""
    keys = [_deposit(pipeline, day) for day in range(1, 4)]
    done = pipeline.run("prune")
    assert done.returncode == 0
    events = logged(done.stderr)
    assert {event["key"] for event in events if event["event"] == "deleted"} == set(keys[:2])
    assert events[-1]["deleted"] == 2
