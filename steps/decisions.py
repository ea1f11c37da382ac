"""Decisions: for each task of a workflow whether it runs today, or the word why not.

Pure functions of what the plan found: source, store and ledger (DatasetPlan), the graph of the
models, and what ops.model_builds says of each. A model is built if what it reads is about to
change, or if it is not what these files and the latest loads would make of it. A model that is
built at most every so many days is left alone until a file is so much younger than what it was
built from; dbt/macros/at_most_every.sql has the same rule.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Literal

from steps.catalog import BY_NAME
from steps.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from steps.ledger import Recorded
    from steps.models import Graph, Node
    from steps.plan import DatasetPlan

Word = Literal["run", "unchanged", "stored", "pinned", "left-out"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one task, and why in words for people."""

    word: Word
    reason: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run is to be limited to, or to do beyond what is due."""

    datasets: frozenset[str] | None = None
    """None: all."""
    nodes: frozenset[str] | None = None
    """Names of the models and tests; None: all."""
    full_refresh: bool = False
    """Build the models though they are as they should be."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of a run: downloads and loads by dataset, nodes of the graph by name."""

    downloads: Mapping[str, Decision]
    loads: Mapping[str, Decision]
    nodes: Mapping[str, Decision]
    keys: Mapping[str, str]
    """The object that each dataset should show, '' where it is not known yet."""

    @property
    def anything(self) -> bool:
        """Whether any task is to run."""
        return any(
            each.word == "run"
            for decisions in (self.downloads, self.loads, self.nodes)
            for each in decisions.values()
        )

    def words(self, graph: Graph) -> dict[str, str]:
        """Return each task's word by the task's name, the datasets' keys, and the due nodes."""

        def task(verb: str, dataset: str) -> str:
            return f"{verb}-{dataset.replace('.', '-')}"

        due = (node for node in graph.nodes if self.nodes[node.name].word == "run")
        every: Word = "run" if self.anything else "unchanged"
        return {
            **{task("download", name): each.word for name, each in self.downloads.items()},
            **{task("load", name): each.word for name, each in self.loads.items()},
            **{task("key", name): key for name, key in self.keys.items()},
            **{node.task: self.nodes[node.name].word for node in graph.nodes},
            "build": _overall(self.nodes.values()),
            "nodes": " ".join(name for node in due for name in node.selection),
            "prune": every,
            "report": every,
        }


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the decision on each node is made from."""

    loads: Mapping[str, Decision]
    plans: Mapping[str, DatasetPlan]
    recorded: Mapping[str, Recorded]
    project: str


def decide(
    datasets: Sequence[DatasetPlan],
    graph: Graph,
    recorded: Mapping[str, Recorded],
    project: str,
    wish: Wish,
) -> Decisions:
    """Decide; `recorded` is ops.model_builds by name, `project` the version of the dbt project."""
    wanted = _wanted_datasets(graph, wish)
    loads = {each.dataset.name: _load(each, wanted) for each in datasets}
    plans = {each.dataset.name: each for each in datasets}
    facts = _Facts(loads, plans, recorded, project)
    nodes: dict[str, Decision] = {}
    for node in graph.nodes:
        nodes[node.name] = _node(node, facts, nodes, wish)
    return Decisions(
        downloads={each.dataset.name: _download(each, wanted) for each in datasets},
        loads=loads,
        nodes=nodes,
        keys={each.dataset.name: each.pinned or each.key or "" for each in datasets},
    )


def named_datasets(text: str | None) -> frozenset[str] | None:
    """Return the datasets of a list parted by commas, None for an empty one.

    Raises:
        ConfigurationError: there is no such dataset.

    """
    names = frozenset(name.strip() for name in (text or "").split(",") if name.strip())
    if unknown := names - BY_NAME.keys():
        message = (
            f"no dataset is called {', '.join(sorted(unknown))}; the datasets are "
            f"{', '.join(BY_NAME)}"
        )
        raise ConfigurationError(message)
    return names or None


def _wanted_datasets(graph: Graph, wish: Wish) -> frozenset[str]:
    """Return the datasets that are named, or read by a model that is."""
    if wish.datasets is not None:
        return wish.datasets
    if wish.nodes is None:
        return frozenset(BY_NAME)
    chosen = (node for node in graph.nodes if wish.nodes.intersection(node.recorded))
    return frozenset().union(*(node.datasets for node in chosen))


def _download(plan: DatasetPlan, wanted: Collection[str]) -> Decision:
    if plan.dataset.name not in wanted:
        return Decision("left-out", "not asked for")
    if plan.pinned:
        return Decision("pinned", plan.reason)
    if plan.download:
        return Decision("run", plan.reason)
    return Decision("stored" if plan.load else "unchanged", "the store has it")


def _load(plan: DatasetPlan, wanted: Collection[str]) -> Decision:
    if plan.dataset.name not in wanted:
        return Decision("left-out", "not asked for")
    if plan.load:
        return Decision("run", plan.reason)
    return Decision("pinned" if plan.pinned else "unchanged", plan.reason)


def _date(plan: DatasetPlan, load: Decision) -> date | None:
    """Return the date in UTC of the file that the table shows after the run; None: not known."""
    if load.word == "run":
        modified = plan.version.last_modified if plan.version and not plan.pinned else None
    else:
        modified = plan.loaded.last_modified if plan.loaded else None
    return modified.astimezone(UTC).date() if modified else None


def _node(node: Node, facts: _Facts, above: Mapping[str, Decision], wish: Wish) -> Decision:
    chosen = (wish.datasets is None or bool(node.datasets & wish.datasets)) and (
        wish.nodes is None or bool(wish.nodes.intersection(node.recorded))
    )
    if not chosen:
        return Decision("left-out", "not asked for")
    for parent in node.parents:
        # Of a model that was never built, and will not be, there is nothing to read.
        if above[parent].word == "left-out" and parent not in facts.recorded:
            return Decision("left-out", f"{parent} was never built and is left out")
    reasons = itertools.chain(
        _reasons_above(node, facts, above),
        *(_reasons_of(node, name, facts) for name in node.recorded),
        ["full refresh"] if wish.full_refresh else [],
    )
    reason = next(reasons, None)
    return Decision("run", reason) if reason else Decision("unchanged", "as it should be")


def _reasons_above(node: Node, facts: _Facts, above: Mapping[str, Decision]) -> Iterator[str]:
    """Give the reasons to run that lie in what a node reads."""
    if _rests(node, facts):
        return
    for dataset in sorted(node.datasets):
        if facts.loads[dataset].word == "run":
            yield f"{dataset} is loaded"
    for parent in node.parents:
        if above[parent].word == "run":
            yield f"{parent} is built"


def _reasons_of(node: Node, name: str, facts: _Facts) -> Iterator[str]:
    """Give the reasons to run that lie in what is recorded of a model or a test."""
    row = facts.recorded.get(name)
    if row is None:
        yield f"{name} was never built" if node.kind == "model" else f"{name} never ran"
        return
    if node.kind == "model" and name == node.name and not row.exists:
        yield f"{name} is gone from the database"
    if row.failed_tests:
        yield f"{name} failed" if node.kind == "test" else f"failed tests: {row.failed_tests}"
    if row.project != facts.project:
        yield "the dbt project has changed"
    if _rests(node, facts):
        return
    # One test of a node may read fewer datasets than the others.
    for dataset in sorted(node.datasets if node.kind == "model" else row.loads):
        if not _has_seen(row.loads.get(dataset), facts.plans[dataset]):
            yield f"{name} is older than the latest load of {dataset}"


def _rests(node: Node, facts: _Facts) -> bool:
    """Tell whether a model need not follow what it reads yet.

    No file is too much younger than the one it was built from, nor older, as after a rollback.
    """
    row = facts.recorded.get(node.name)
    if node.at_most_every_days is None or row is None:
        return False
    for dataset in node.datasets:
        built = row.dates.get(dataset)
        shown = _date(facts.plans[dataset], facts.loads[dataset])
        if not built or not shown or not 0 <= (shown - built).days < node.at_most_every_days:
            return False
    return True


def _has_seen(load_id: int | None, plan: DatasetPlan) -> bool:
    """Tell whether what was built of a load (None: of none) is what the latest would make it.

    After the latest that changed anything come those that brought the same rows again.
    """
    if load_id is None or plan.loaded is None:
        return load_id is None and plan.loaded is None
    return (plan.changed_by or 0) <= load_id <= plan.loaded.load_id


def _overall(decisions: Iterable[Decision]) -> Word:
    """Return the word of one task that does the work of many."""
    words = {each.word for each in decisions}
    if "run" in words:
        return "run"
    return "unchanged" if "unchanged" in words else "left-out"
