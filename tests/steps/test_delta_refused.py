"""What a delta leaves to a full load, and what it refuses like one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from steps import catalog, delta
from steps.catalog import BY_NAME, NULL
from steps.errors import DataError
from tests.steps import files
from tests.steps.files import DAY, NEXT
from tests.steps.pipeline import CLEAN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.steps.pipeline import Pipeline

    Day = Mapping[tuple[bytes, int], bytes]
    """Lines by key."""

_EPISODE = BY_NAME["title.episode"]


def _nothing(_: Pipeline) -> None:
    pass


def _without_object(pipeline: Pipeline) -> None:
    for key in list(pipeline.store.objects())[:1]:
        pipeline.store.client.delete_object(Bucket=pipeline.store.bucket, Key=key)


def _with_another_object(pipeline: Pipeline) -> None:
    (key,) = pipeline.store.objects()
    pipeline.store.client.put_object(
        Bucket=pipeline.store.bucket, Key=key, Body=files.file(_EPISODE, range(1, 5))
    )


def _with_a_damaged_object(pipeline: Pipeline) -> None:
    (key,) = pipeline.store.objects()
    damaged = files.file(_EPISODE, range(1, 101))[:-8] + bytes(8)
    put = pipeline.store.client.put_object(Bucket=pipeline.store.bucket, Key=key, Body=damaged)
    with pipeline.database.connect() as connection:
        connection.execute("update ops.loads set etag = %s", [put["ETag"]])


def _execute(statement: str) -> Callable[[Pipeline], None]:
    def execute(pipeline: Pipeline) -> None:
        with pipeline.database.connect() as connection:
            connection.execute(statement)

    return execute


_FALLBACKS: dict[str, tuple[Callable[[Pipeline], None], list[bytes], str]] = {
    "pruned object": (_without_object, NEXT, "the store no longer has imdb/title.episode/"),
    "replaced object": (_with_another_object, NEXT, "the store no longer has"),
    "damaged object": (_with_a_damaged_object, NEXT, "the object of the last load is damaged"),
    "another catalogue": (
        _execute("update ops.loads set catalogue = null"),
        NEXT,
        "the catalogue is not that of the last load",
    ),
    "many changes": (_nothing, files.rows(_EPISODE, range(50, 190)), "more than .* have changed"),
    "not sorted": (_nothing, [*DAY[:50], *DAY[51:], DAY[50]], "not in the order of their key"),
    "a row lost": (
        _execute("delete from raw.title_episode where tconst = 'tt0000051'"),
        NEXT,
        "not what its last load made of it",
    ),
    "a row too many": (
        _execute("insert into raw.title_episode values ('tt0000101', 'tt1', 1, 1)"),
        NEXT,
        "a row does not fit in: duplicate key",
    ),
}


@pytest.mark.parametrize("what", _FALLBACKS)
def test_what_only_a_full_load_can_show(pipeline: Pipeline, what: str) -> None:
    """It is loaded in full, and the log says why."""
    change, lines, reason = _FALLBACKS[what]
    pipeline.load_lines(_EPISODE, DAY)
    change(pipeline)
    with capture_logs() as logs:
        result = pipeline.load_lines(_EPISODE, lines)
    (event,) = (event for event in logs if event["event"] == "full_load")
    assert re.search(reason, event["reason"])
    assert (result.kind, result.rows) == ("full", len(lines))
    assert pipeline.export(_EPISODE) == files.text(_EPISODE, sorted(lines))
    assert pipeline.leftovers() == CLEAN


def test_an_index_more_is_another_catalogue() -> None:
    """So are a column, a type and a key; not a description."""
    by_name = {field: getattr(_EPISODE, field) for field in ("columns", "key", "indexes")}
    described = [catalog.Column(column.header, column.type, "") for column in by_name["columns"]]

    def fingerprint(**changes: object) -> str:
        shape = {**by_name, **changes}
        return catalog.Dataset("title.episode", "", **shape).fingerprint

    assert fingerprint(columns=tuple(described)) == _EPISODE.fingerprint
    others = [
        fingerprint(indexes=()),
        fingerprint(key=("tconst", "season_number")),
        fingerprint(columns=_EPISODE.columns[:-1]),
    ]
    assert len({_EPISODE.fingerprint, *others}) == 4


def test_a_key_twice_far_apart(pipeline: Pipeline) -> None:
    """Refused as in a full load, with all its lines."""
    pipeline.load_lines(_EPISODE, DAY)
    before = pipeline.visible()
    with pytest.raises(DataError, match="the key stands on the lines 8, 102"):
        pipeline.load_lines(_EPISODE, [*DAY, files.row(_EPISODE, 7, {"seasonNumber": NULL})])
    assert pipeline.visible() == before


@pytest.mark.parametrize("column", ["tconst", "parentTconst"])
def test_a_key_too_long_for_an_index(pipeline: Pipeline, column: str) -> None:
    """65 as in a full load, not what passes by itself."""
    pipeline.load_lines(_EPISODE, DAY)
    before = pipeline.visible()
    noise = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(5000))
    with pytest.raises(DataError, match="index row"):
        pipeline.load_lines(_EPISODE, [*DAY, files.row(_EPISODE, 200, {column: noise})])
    assert pipeline.visible() == before
    assert pipeline.leftovers() == CLEAN


def test_a_fault_in_a_changed_line(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found without a full load; object, line, column and value are told."""
    monkeypatch.setattr(delta, "_CHANGES_AT_ONCE", 1)
    pipeline.load_lines(_EPISODE, DAY)
    before = pipeline.visible()
    for value, reason in (("01", "not a number"), ("99999999999", "out of range")):
        bad = [*DAY[:70], files.row(_EPISODE, 71, {"seasonNumber": value}), *DAY[71:]]
        with capture_logs() as logs, pytest.raises(DataError, match=reason) as raised:
            pipeline.load_lines(_EPISODE, bad)
        assert raised.value.where["line"] == 72
        assert raised.value.where["value"] == value
        assert not [event for event in logs if event["event"] == "full_load"]
    assert pipeline.visible() == before
    assert pipeline.leftovers() == CLEAN
