"""What runs today: what is new, what reads it, what failed or was not reached, and no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from steps.catalog import DATASETS
from steps.decisions import Decisions, Wish, decide, named_datasets
from steps.errors import ConfigurationError
from steps.ledger import Load, Recorded
from steps.models import Graph, Node
from steps.plan import DatasetPlan
from steps.source import Version
from steps.store import StoredObject

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAY = datetime(2026, 8, 1, tzinfo=UTC)
_BASICS, _RATINGS = "title.basics", "title.ratings"


def _loaded(name: str, load_id: int, key: str = "key") -> Load:
    return Load(load_id, name, key, "etag", _DAY, 1, "full", _DAY, _DAY)


def _unchanged(number: int) -> DatasetPlan:
    """Return a dataset of which the store has the source's version and the database shows it."""
    dataset = DATASETS[number]
    item = StoredObject("key", "etag", 1, _DAY)
    loaded = _loaded(dataset.name, number)
    return DatasetPlan(dataset, None, "key", item, loaded, None, changed_by=number)


_PLANS = {dataset.name: _unchanged(number) for number, dataset in enumerate(DATASETS)}
_IDS = {dataset.name: number for number, dataset in enumerate(DATASETS)}


def _model(name: str, datasets: set[str], *parents: str) -> Node:
    return Node(name, "model", name.replace("_", "-"), frozenset(datasets), parents)


_GRAPH = Graph(
    (
        _model("freshness", set()),
        _model("stg_basics", {_BASICS}),
        _model("stg_ratings", {_RATINGS}),
        _model("mart_top", {_BASICS, _RATINGS}, "stg_basics", "stg_ratings"),
        Node(
            "test-stg-ratings",
            "test",
            "test-stg-ratings",
            frozenset({_BASICS, _RATINGS}),
            ("stg_basics", "stg_ratings"),
            tests=("fits_a", "fits_b"),
        ),
        _model("mart_z", {_BASICS, _RATINGS}, "mart_top"),
    )
)
_ALL = {node.name for node in _GRAPH.nodes}
_OF_RATINGS = {"stg_ratings", "mart_top", "test-stg-ratings", "mart_z"}
_RECORDED = {
    name: Recorded({each: _IDS[each] for each in node.datasets}, 0, "abc")
    for node in _GRAPH.nodes
    for name in node.recorded
}


def _decide(
    plans: Mapping[str, DatasetPlan] = MappingProxyType({}),
    recorded: Mapping[str, Recorded | None] = MappingProxyType({}),
    *,
    project: str = "abc",
    wish: Wish = Wish(),  # noqa: B008 - frozen
) -> Decisions:
    rows = {name: row for name, row in {**_RECORDED, **recorded}.items() if row is not None}
    return decide(list({**_PLANS, **plans}.values()), _GRAPH, rows, project, wish)


def _running(decisions: Decisions) -> set[str]:
    return {name for name, each in decisions.nodes.items() if each.word == "run"}


def _new(name: str) -> dict[str, DatasetPlan]:
    """Return a dataset whose source has another version than store and database."""
    return {name: replace(_PLANS[name], key="newer", item=None)}


def test_nothing_new_runs_nothing() -> None:
    """Not prune, not the report: one pod, the plan's own."""
    decisions = _decide()
    assert not decisions.anything
    words = decisions.words(_GRAPH)
    keys = {name: words.pop(name) for name in list(words) if name.startswith("key-")}
    assert set(keys.values()) == {"key"}
    assert words.pop("nodes") == ""
    assert set(words.values()) == {"unchanged"}
    assert {"download-title-basics", "load-title-basics", "mart-top", "test-stg-ratings"} <= set(
        words
    )
    assert {"build", "prune", "report"} <= set(words)


def test_a_load_of_the_same_rows_changes_no_model() -> None:
    """The source gave its file another date: what was built before is as it should be."""
    again = {_RATINGS: replace(_PLANS[_RATINGS], loaded=_loaded(_RATINGS, 50))}
    assert not _decide(again).anything
    assert _running(_decide({_RATINGS: replace(again[_RATINGS], changed_by=50)})) == _OF_RATINGS


def test_new_ratings_run_what_reads_them() -> None:
    """And nothing else."""
    decisions = _decide(_new(_RATINGS))
    assert _running(decisions) == _OF_RATINGS
    words = decisions.words(_GRAPH)
    assert {name for name, word in words.items() if word == "run"} == {
        "download-title-ratings",
        "load-title-ratings",
        *(node.task for node in _GRAPH.nodes if node.name in _OF_RATINGS),
        *("build", "prune", "report"),
    }
    assert words["key-title-ratings"] == "newer"
    assert words["nodes"] == "stg_ratings mart_top fits_a fits_b mart_z"


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ({"mart_top": None}, {"mart_top", "mart_z"}),
        ({"mart_z": replace(_RECORDED["mart_z"], failed_tests=1)}, {"mart_z"}),
        ({"mart_top": replace(_RECORDED["mart_top"], project=None)}, {"mart_top", "mart_z"}),
        ({"mart_top": replace(_RECORDED["mart_top"], exists=False)}, {"mart_top", "mart_z"}),
        ({"fits_a": replace(_RECORDED["fits_a"], exists=False)}, set()),
        ({"mart_z": replace(_RECORDED["mart_z"], loads={_BASICS: 0, _RATINGS: 0})}, {"mart_z"}),
        ({"mart_z": replace(_RECORDED["mart_z"], loads={_BASICS: 0})}, {"mart_z"}),
        ({"fits_b": None}, {"test-stg-ratings"}),
        ({"fits_a": replace(_RECORDED["fits_a"], failed_tests=1)}, {"test-stg-ratings"}),
        ({"stg_basics": None}, _ALL - {"freshness", "stg_ratings"}),
        ({"fits_a": Recorded({_RATINGS: 7}, 0, "abc")}, {"test-stg-ratings"}),
        ({"fits_a": Recorded({_RATINGS: _IDS[_RATINGS]}, 0, "abc")}, set()),
        ({"gone": Recorded({}, 3, None)}, set()),
    ],
    ids=[
        "never built",
        "failed",
        "other project",
        "dropped",
        "a test is no relation",
        "older load",
        "no load",
        "test not reached",
        "test failed",
        "parent",
        "test of an older load",
        "test of fewer datasets",
        "no model any more",
    ],
)
def test_what_is_not_as_it_should_be_is_caught_up(
    recorded: dict[str, Recorded | None], expected: set[str]
) -> None:
    """Though no file is new: itself and what is built on it."""
    decisions = _decide(recorded=recorded)
    assert _running(decisions) == expected
    assert {each.word for each in decisions.loads.values()} == {"unchanged"}
    assert decisions.anything == bool(expected)


def test_a_new_version_of_the_project_builds_everything() -> None:
    """A model's SQL may have changed, or what it reads."""
    assert _running(_decide(project="def")) == _ALL


def test_an_empty_database() -> None:
    """Everything is run; a dataset that was never loaded counts as not loaded, not as changed."""
    empty = {name: replace(plan, item=None, loaded=None) for name, plan in _PLANS.items()}
    decisions = _decide(empty, dict.fromkeys(_RECORDED))
    assert _running(decisions) == _ALL
    assert {each.word for each in decisions.downloads.values()} == {"run"}


@pytest.mark.parametrize(
    ("changes", "download", "load", "key"),
    [
        ({"item": None, "key": "newer"}, "run", "run", "newer"),
        ({"loaded": None}, "stored", "run", "key"),
        ({"item": None}, "run", "unchanged", "key"),
        ({"pinned": "key"}, "pinned", "pinned", "key"),
        ({"pinned": "older"}, "pinned", "run", "older"),
        ({"key": None, "item": None, "error": "away"}, "run", "run", ""),
    ],
    ids=["new", "not loaded", "gone", "pinned", "pinned anew", "source away"],
)
def test_a_datasets_words(changes: dict[str, object], download: str, load: str, key: str) -> None:
    """What the store has is not fetched, what the database shows not loaded."""
    decisions = _decide({_RATINGS: replace(_PLANS[_RATINGS], **changes)})  # type: ignore[arg-type]
    assert decisions.downloads[_RATINGS].word == download
    assert decisions.loads[_RATINGS].word == load
    assert decisions.keys[_RATINGS] == key


_WEEK = timedelta(days=7)


def _published(name: str, after: timedelta, *, loaded: bool) -> dict[str, DatasetPlan]:
    """Return a dataset whose latest file came so long after that of _DAY."""
    modified = _DAY + after
    load = replace(_loaded(name, 99), last_modified=modified)
    if loaded:
        return {name: replace(_PLANS[name], loaded=load, changed_by=load.load_id)}
    version = Version("url", "etag", modified, 1)
    return {name: replace(_PLANS[name], key="newer", item=None, version=version)}


def _decide_weekly(
    plans: Mapping[str, DatasetPlan] = MappingProxyType({}),
    changes: Mapping[str, Any] = MappingProxyType({}),
    wish: Wish = Wish(),  # noqa: B008 - frozen
) -> Decisions:
    """Decide where mart_top is built weekly, and was built of _DAY's files."""
    nodes = tuple(
        replace(node, at_most_every_days=7) if node.name == "mart_top" else node
        for node in _GRAPH.nodes
        if node.name != "mart_z"
    )
    # All others are of the latest loads.
    latest = {name: plan.loaded.load_id for name, plan in plans.items() if plan.loaded}
    rows = {
        name: replace(row, loads={each: latest.get(each, n) for each, n in row.loads.items()})
        for name, row in _RECORDED.items()
    }
    built = replace(_RECORDED["mart_top"], dates={_BASICS: _DAY.date(), _RATINGS: _DAY.date()})
    rows["mart_top"] = replace(built, **changes)
    return decide(list({**_PLANS, **plans}.values()), Graph(nodes), rows, "abc", wish)


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "to be loaded"])
@pytest.mark.parametrize(
    ("after", "due"),
    [
        (timedelta(days=1), False),
        (_WEEK - timedelta(seconds=1), False),
        (_WEEK, True),
        (timedelta(seconds=-1), True),
    ],
    ids=["next day", "sixth day", "a week", "rolled back"],
)
def test_a_weekly_model_waits(*, after: timedelta, due: bool, loaded: bool) -> None:
    """Until one of its files is of a day so much later; then a plan with nothing else runs it."""
    decisions = _decide_weekly(_published(_RATINGS, after, loaded=loaded))
    expected = set() if loaded else {"stg_ratings", "test-stg-ratings"}
    assert _running(decisions) == expected | ({"mart_top"} if due else set())
    assert decisions.anything == (due or not loaded)


@pytest.mark.parametrize(
    "changes",
    [{"failed_tests": 1}, {"project": "older"}, {"dates": {_BASICS: _DAY.date()}}],
    ids=["failed", "other project", "a load that the ledger does not know"],
)
def test_a_weekly_model_that_is_not_as_it_should_be(changes: dict[str, object]) -> None:
    """It does not wait."""
    decisions = _decide_weekly(_published(_RATINGS, timedelta(days=1), loaded=True), changes)
    assert _running(decisions) == {"mart_top"}


def test_a_weekly_model_is_built_when_it_is_asked_for() -> None:
    """By a full refresh; and if nobody can say of which day its files will be."""
    plans = _published(_RATINGS, timedelta(days=1), loaded=True)
    wish = Wish(nodes=frozenset({"mart_top"}), full_refresh=True)
    assert _running(_decide_weekly(plans, wish=wish)) == {"mart_top"}
    undated = {_RATINGS: replace(_PLANS[_RATINGS], key=None, item=None, error="away")}
    assert "mart_top" in _running(_decide_weekly(undated))
    pinned = {_RATINGS: replace(_PLANS[_RATINGS], pinned="older")}
    assert "mart_top" in _running(_decide_weekly(pinned))
    # A file that is left out tells nothing.
    plans = _published(_RATINGS, _WEEK, loaded=False) | _new("title.crew")
    assert not _running(_decide_weekly(plans, wish=Wish(datasets=frozenset({_BASICS}))))


def test_only_some_datasets() -> None:
    """Others are left out with what reads only them, be they new."""
    plans = _new(_RATINGS) | _new(_BASICS) | _new("title.crew")
    decisions = _decide(plans, wish=Wish(datasets=frozenset({_RATINGS})))
    assert _running(decisions) == _OF_RATINGS
    words = decisions.words(_GRAPH)
    assert words["load-title-ratings"] == "run"
    assert {words["download-title-basics"], words["stg-basics"], words["freshness"]} == {"left-out"}


def test_only_some_models() -> None:
    """With the datasets that they read, and still only if they are due."""
    plans = _new(_RATINGS) | _new("title.crew")
    decisions = _decide(plans, wish=Wish(nodes=frozenset({"mart_top", "unique_mart_top"})))
    assert _running(decisions) == {"mart_top"}
    assert decisions.loads[_RATINGS].word == "run"
    assert decisions.loads["title.crew"].word == "left-out"
    wish = Wish(nodes=frozenset({"fits_b"}))
    assert _running(_decide(recorded={"fits_b": None}, wish=wish)) == {"test-stg-ratings"}
    assert not _decide(wish=wish).anything


def test_what_reads_a_model_that_never_was_is_left_out() -> None:
    """There is nothing to read, so that the task could only fail."""
    wish = Wish(nodes=frozenset({"mart_top", "mart_z"}))
    decisions = _decide(recorded={"stg_basics": None, "mart_top": None}, wish=wish)
    assert {decisions.nodes[name].word for name in ("mart_top", "mart_z")} == {"left-out"}
    assert not decisions.anything


def test_a_full_refresh_builds_what_is_up_to_date() -> None:
    """The chosen models; files are loaded if they are new."""
    decisions = _decide(wish=Wish(full_refresh=True))
    assert _running(decisions) == _ALL
    assert {each.word for each in decisions.loads.values()} == {"unchanged"}
    wish = Wish(nodes=frozenset({"mart_z"}), full_refresh=True)
    assert _running(_decide(wish=wish)) == {"mart_z"}


def test_the_list_of_datasets() -> None:
    """Parted by commas; empty means all; a wrong name is answered with the right ones."""
    assert named_datasets("title.ratings, title.basics") == frozenset({_RATINGS, _BASICS})
    assert named_datasets("") is named_datasets(None) is None
    with pytest.raises(ConfigurationError, match=r"no dataset is called ratings.*title\.ratings"):
        named_datasets("ratings")
