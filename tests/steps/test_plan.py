"""Plan: what a run would do, told before it does anything, and then done by it."""

from __future__ import annotations

import json
import signal
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from steps import ledger, plan
from steps import store as stores
from steps.catalog import BY_NAME, DATASETS
from steps.errors import TemporaryError
from steps.ledger import Recorded
from steps.source import Source
from tests.steps import files
from tests.steps import web as webs
from tests.steps.pipeline import CLEAN, logged

if TYPE_CHECKING:
    from pathlib import Path

    from steps.plan import DatasetPlan
    from tests.steps.pipeline import Pipeline

_RATINGS = BY_NAME["title.ratings"]
_CREW = BY_NAME["title.crew"]


def _plan(pipeline: Pipeline, **changes: object) -> plan.Plan:
    settings = pipeline.settings(**changes)
    return plan.plan(settings, Source(settings), stores.Store(settings))


def _of(pipeline: Pipeline) -> DatasetPlan:
    """Return the plan for title.ratings."""
    (found,) = (each for each in _plan(pipeline).datasets if each.dataset is _RATINGS)
    return found


def _publish_all(pipeline: Pipeline) -> None:
    for dataset in DATASETS:
        pipeline.publish(dataset, files.file(dataset))


def _run(pipeline: Pipeline) -> None:
    """Do what the plan says, as a run does."""
    for each in _plan(pipeline).datasets:
        if each.download:
            pipeline.download(each.dataset)
        if each.load:
            pipeline.load(each.dataset, None if each.pinned else each.key)


def test_the_first_run_does_everything_and_the_second_nothing(pipeline: Pipeline) -> None:
    """An unchanged day is told from seven HEADs: nothing to download, nothing to load."""
    _publish_all(pipeline)
    first = _plan(pipeline)
    assert first.changed
    assert all(each.download and each.load for each in first.datasets)
    assert {each.reason for each in first.datasets} == {"never loaded"}
    assert pipeline.store.objects() == {}
    _run(pipeline)
    pipeline.web.requests.clear()
    second = _plan(pipeline)
    assert not second.changed
    assert not any(each.download or each.load for each in second.datasets)
    assert {each.reason for each in second.datasets} == {"unchanged"}
    assert [request.method for request in pipeline.web.requests] == ["HEAD"] * len(DATASETS)


def test_a_new_version_of_one_file_is_that_file_s_work(pipeline: Pipeline) -> None:
    """A day with only ratings is a run of ratings."""
    _publish_all(pipeline)
    _run(pipeline)
    pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, 12)), webs.NEXT_DAY)
    changed = [each for each in _plan(pipeline).datasets if each.download or each.load]
    assert [each.dataset for each in changed] == [_RATINGS]
    assert changed[0].reason == "the source has another version than the database"
    _run(pipeline)
    assert not _plan(pipeline).changed


def test_what_was_downloaded_and_not_loaded_is_loaded(pipeline: Pipeline) -> None:
    """What failed between the two yesterday is caught up without a second download."""
    _publish_all(pipeline)
    pipeline.download(_RATINGS)
    found = _of(pipeline)
    assert (found.download, found.load) == (False, True)


def test_an_object_that_is_gone_is_fetched_again(pipeline: Pipeline) -> None:
    """The database shows it, but a reload would need it; loading it again is not needed."""
    _publish_all(pipeline)
    _run(pipeline)
    (key,) = (key for key in pipeline.store.objects() if _RATINGS.name in key)
    pipeline.store.client.delete_object(Bucket=pipeline.store.bucket, Key=key)
    found = _of(pipeline)
    assert (found.download, found.load) == (True, False)
    assert found.reason == "the object is gone from the store"


def test_an_object_of_another_length_is_fetched_again(pipeline: Pipeline) -> None:
    """An object that is not the source's length is none, for plan as for download."""
    _publish_all(pipeline)
    key = pipeline.download(_RATINGS).item.key
    pipeline.store.client.put_object(Bucket=pipeline.store.bucket, Key=key, Body=b"short")
    assert _of(pipeline).download


def test_a_pin_is_said_and_kept(pipeline: Pipeline) -> None:
    """Held at an older object, a dataset has nothing to do whatever the source has."""
    _publish_all(pipeline)
    old = pipeline.download(_RATINGS).item.key
    pipeline.load(_RATINGS, old, hold=True)
    pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, 12)), webs.NEXT_DAY)
    found = _of(pipeline)
    assert (found.download, found.load) == (False, False)
    assert found.reason == f"pinned to {old}"


def test_a_source_that_goes_back_to_an_older_version(pipeline: Pipeline) -> None:
    """A file withdrawn by IMDb is withdrawn here too, and then all is unchanged."""
    _publish_all(pipeline)
    _run(pipeline)
    old = pipeline.web.files[f"/{_RATINGS.file}"]
    pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, 11)[::-1]), webs.NEXT_DAY)
    _run(pipeline)
    pipeline.web.files[f"/{_RATINGS.file}"] = old
    _run(pipeline)
    assert not _plan(pipeline).changed
    assert _of(pipeline).key == _of(pipeline).loaded.object_key  # type: ignore[union-attr]


def test_the_command_prints_json(pipeline: Pipeline) -> None:
    """What a workflow reads: for each dataset the three places, the decision and why."""
    _publish_all(pipeline)
    key = pipeline.download(_RATINGS).item.key
    load_id = pipeline.load(_RATINGS) and 1
    done = pipeline.run("plan")
    assert done.returncode == 0
    printed = json.loads(done.stdout)
    assert list(printed["datasets"]) == [dataset.name for dataset in DATASETS]
    assert printed["changed"] is True
    content = pipeline.web.files[f"/{_RATINGS.file}"]
    wanted = {
        "download": False,
        "load": False,
        "reason": "unchanged",
        "source": {
            "url": f"{pipeline.web.url}/{_RATINGS.file}",
            "etag": content.etag,
            "last_modified": "2026-01-01T00:40:00+00:00",
            "bytes": len(content.content),
        },
        "store": {"key": key, "bytes": len(content.content)},
        "ledger": {
            "load_id": load_id,
            "key": key,
            "rows": 10,
            "kind": "full",
            "changed": None,
            "last_modified": "2026-01-01T00:40:00+00:00",
        },
        "pinned": None,
    }
    found = printed["datasets"][_RATINGS.name]
    assert {name: found[name] for name in wanted} == wanted
    new = printed["datasets"][_CREW.name]
    assert (new["download"], new["load"], new["store"], new["ledger"]) == (True, True, None, None)


def test_the_tasks_of_a_workflow(pipeline: Pipeline, tmp_path: Path) -> None:
    """With dbt's manifest: a file for each task, the key of each object, the models' version."""
    model = {
        "resource_type": "model",
        "name": "stg_ratings",
        "schema": "staging",
        "config": {"meta": {}},
        "depends_on": {"nodes": ["source.imdb.raw.title_ratings"]},
    }
    raw = {
        "source_name": "raw",
        "name": "title_ratings",
        "config": {"meta": {"dataset": _RATINGS.name}},
    }
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        json.dumps(
            {
                "nodes": {"model.imdb.stg_ratings": model},
                "sources": {"source.imdb.raw.title_ratings": raw},
            }
        )
    )
    outputs = tmp_path / "outputs"
    project = tmp_path / "dbt"
    project.mkdir()
    _publish_all(pipeline)
    _run(pipeline)

    def ask(*arguments: str) -> tuple[dict[str, str], dict[str, Any]]:
        done = pipeline.run(
            "plan",
            f"--manifest={manifest}",
            *arguments,
            IMDB_OUTPUTS=str(outputs),
            DBT_PROJECT_DIR=str(project),
        )
        assert done.returncode == 0, done.stderr
        found = {file.name: file.read_text() for file in outputs.iterdir()}
        return found, json.loads(done.stdout)

    found, printed = ask("--datasets=", "--select=", "--no-full-refresh")
    assert found["stg-ratings"] == found["build"] == found["report"] == "run"
    assert found["load-title-ratings"] == "unchanged"
    assert found["key-title-ratings"] in pipeline.store.objects()
    assert json.loads(found["step.json"])["status"] == "changed"
    assert printed["models"] == {
        "stg_ratings": {"build": True, "reason": "stg_ratings was never built"}
    }

    with pipeline.database.connect("dbt") as connection:
        connection.execute("create view staging.stg_ratings as select")
        connection.execute(
            "insert into ops.model_builds (model, built_at, loads, project) "
            "select 'stg_ratings', now(), jsonb_object_agg(dataset, load_id), %s from ops.loads "
            "where dataset = %s",
            [found["models-version"], _RATINGS.name],
        )
    found, printed = ask()
    assert found["stg-ratings"] == found["build"] == found["report"] == "unchanged"
    assert printed["changed"] is False
    pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, 12)), webs.NEXT_DAY)
    found, _ = ask("--datasets=title.ratings")
    assert found["download-title-ratings"] == found["stg-ratings"] == found["prune"] == "run"
    assert found["load-title-crew"] == "left-out"


def test_what_a_model_was_built_from(pipeline: Pipeline) -> None:
    """The loads and, of those that the ledger knows, the dates of their files in UTC."""
    with pipeline.database.connect() as connection:
        connection.execute(
            "insert into ops.loads (load_id, dataset, object_key, etag, last_modified, rows, kind, "
            "started_at) overriding system value "
            "values (7, 'title.crew', '', '', '2026-08-01 23:30-01', 0, 'full', now())"
        )
        connection.execute(
            "insert into ops.model_builds (model, built_at, loads, failed_tests, project) "
            """values ('a', now(), '{"title.crew": 7, "title.akas": 8}', 2, 'abc'), """
            "('b', now(), '{}', 0, null)"
        )
        connection.execute("create view marts.a as select")
        assert ledger.model_builds(connection) == {
            "a": Recorded(
                {"title.crew": 7, "title.akas": 8}, 2, "abc", {"title.crew": date(2026, 8, 2)}
            ),
            "b": Recorded({}, 0, None, exists=False),
        }


def test_a_manifest_that_is_none(pipeline: Pipeline, tmp_path: Path) -> None:
    """78 and the file's name; so for a dataset that is none."""
    done = pipeline.run("plan", f"--manifest={tmp_path}/gone.json")
    assert done.returncode == 78
    assert "gone.json" in str(logged(done.stderr)[0]["error"])
    (tmp_path / "list.json").write_text("[]")
    assert pipeline.run("plan", f"--manifest={tmp_path}/list.json").returncode == 78
    done = pipeline.run("plan", f"--manifest={tmp_path}/list.json", "--datasets=ratings")
    assert "no dataset is called ratings" in str(logged(done.stderr)[0]["error"])


def test_a_plan_changes_nothing(pipeline: Pipeline) -> None:
    """Asking costs no object, no row and no lock."""
    _publish_all(pipeline)
    before = pipeline.visible()
    _plan(pipeline)
    assert pipeline.visible() == before
    assert pipeline.store.objects() == {}
    assert pipeline.leftovers() == CLEAN


def test_a_source_that_is_away_is_temporary(pipeline: Pipeline) -> None:
    """Nothing can be planned without the source: 75 and the address."""
    with pytest.raises(TemporaryError, match=pipeline.web.url):
        _plan(pipeline, imdb_retry_seconds=0.2)


def test_one_file_that_is_away_does_not_stop_the_others(pipeline: Pipeline) -> None:
    """Its own download is planned, with the reason; the other six go their way."""
    _publish_all(pipeline)
    _run(pipeline)
    del pipeline.web.files[f"/{_RATINGS.file}"]
    entries = {each.dataset: each for each in _plan(pipeline, imdb_retry_seconds=0.2).datasets}
    away = entries.pop(_RATINGS)
    assert away.download
    assert f"{_RATINGS.file}: 404" in away.reason
    assert {each.reason for each in entries.values()} == {"unchanged"}


def test_a_plan_that_waits_can_be_ended(pipeline: Pipeline) -> None:
    """SIGTERM while the source does not answer: 143 within the grace, not after the budget."""
    with pipeline.start("plan", first="steps.command.GRACE_SECONDS = 1") as process:
        assert process.stderr is not None
        # Its first complaint tells that it waits.
        complaint = json.loads(process.stderr.readline())
        assert (complaint["event"], complaint["step"]) == ("retry", "plan")
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "interrupted" in [event["event"] for event in logged(error)]
