"""What came of a run, for the report: the cards of its steps, of dbt's models and of dbt's tests.

Steps are as the sandbox writes them (steps/outcome.py), models and tests as dbt does in its
run_results.json.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from steps import page
from steps.errors import ConfigurationError
from steps.page import Html

if TYPE_CHECKING:
    from collections.abc import Sequence

_LISTED = 25
"""How many failed or warning tests the page lists."""

_SEVERITY = ("error", "fail", "warn", "skipped", "pass")


@dataclass(frozen=True, slots=True)
class Results:
    """The steps of a run and what dbt says of its nodes, each as it stands in its JSON."""

    steps: Sequence[dict[str, Any]]
    models: Sequence[dict[str, Any]]
    tests: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, steps: Sequence[dict[str, Any]] | None, results: Any) -> Self:  # noqa: ANN401
        """Take what a run left, None for what it did not.

        Raises:
            ConfigurationError: `results` is another JSON file than dbt's.

        """
        return cls(steps or [], _nodes(results, "model"), _nodes(results, "test", "unit_test"))

    def verdict(self) -> tuple[str, str]:
        """Say in a few words how the run went: what failed outweighs what warned."""
        problems = {
            "bad": [
                (sum(each["status"] == "failed" for each in self.steps), "step"),
                (sum(each["status"] in {"fail", "error"} for each in self.tests), "test"),
                (sum(each["status"] == "error" for each in self.models), "model"),
            ],
            "warn": [(sum(each["status"] == "warn" for each in self.tests), "test")],
        }
        verbs = {"bad": "failed", "warn": "warned"}
        for kind, counts in problems.items():
            words = [f"{count} {noun}{'s' * (count != 1)}" for count, noun in counts if count]
            if words:
                return kind, f"{', '.join(words)} {verbs[kind]}"
        if not self.steps and not self.tests:
            return "off", "no run was given, only the database"
        return "good", "everything passed"

    def step_cards(self) -> list[Html]:
        """Return a card of the steps, none without any."""
        if not self.steps:
            return []
        kinds = {"failed": "bad", "unchanged": "off", "cached": "off", "skipped": "off"}
        rows = [
            (
                each["step"],
                each.get("dataset"),
                page.mark(kinds.get(each["status"], "good"), each["status"]),
                each.get("rows"),
                each.get("seconds"),
                each.get("message"),
            )
            for each in self.steps
        ]
        columns = ["step", "dataset", "status", "rows", "seconds", "message"]
        return [page.card("Steps", _table(columns, rows))]

    def model_cards(self) -> list[Html]:
        """Return what dbt built, the slowest first; folded away if all of it went well."""
        if not self.models:
            return []
        kinds = {"success": "good", "skipped": "off"}
        slowest = sorted(self.models, key=lambda each: -float(each.get("execution_time") or 0))
        rows = [
            (
                _name(each),
                page.mark(kinds.get(each["status"], "bad"), each["status"]),
                round(float(each.get("execution_time") or 0), 2),
                _message(each),
            )
            for each in slowest
        ]
        table = _table(["model", "status", "seconds", "message"], rows)
        if any(each["status"] != "success" for each in self.models):
            return [page.card("Models", table)]
        words = f"{len(self.models)} built; the slowest took {rows[0][2]} s"
        return [page.card("Models", page.folded(words, table))]

    def test_cards(self) -> list[Html]:
        """Return how many of dbt's tests ended how, and those that did not pass."""
        if not self.tests:
            return [page.card("Tests", page.note("No test results were given."))]
        kinds = {"error": "bad", "fail": "bad", "warn": "warn", "skipped": "off", "pass": "good"}
        counts = Counter(each["status"] for each in self.tests)
        summary = "  ".join(
            page.mark(kinds[status], f"{counts[status]} {status}").text
            for status in _SEVERITY
            if counts[status]
        )
        found = sorted(
            (each for each in self.tests if each["status"] != "pass"),
            key=lambda each: (_SEVERITY.index(each["status"]), _name(each)),
        )
        parts = [Html(f"<p>{summary}</p>")]
        if found:
            rows = [
                (
                    page.mark(kinds[each["status"]], each["status"]),
                    _name(each),
                    each.get("failures"),
                    _message(each),
                )
                for each in found[:_LISTED]
            ]
            parts.append(_table(["result", "test", "failures", "message"], rows))
        if len(found) > _LISTED:
            parts.append(page.note(f"{len(found) - _LISTED} more are in run_results.json."))
        return [page.card("Tests of the models", *parts)]


def _nodes(results: Any, *kinds: str) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the nodes of dbt's run_results.json of some resource types; none of None."""
    if results is None:
        return []
    try:
        return [each for each in results["results"] if each["unique_id"].split(".")[0] in kinds]
    except (TypeError, KeyError) as error:
        message = "not a run_results.json of dbt: it has no results with unique_id"
        raise ConfigurationError(message) from error


def _name(result: dict[str, Any]) -> str:
    """Return a node's name without package and hash: test.imdb.NAME.HASH."""
    return str(result["unique_id"]).split(".")[2]


def _message(result: dict[str, Any]) -> str | None:
    """Return what dbt says of a failure, without what the other columns say already."""
    message = result.get("message")
    if result["status"] == "success" or not message or message.startswith("Got "):
        return None
    return str(message)


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Html:
    """Return a table without the columns that are empty in every row."""
    shown = [n for n in range(len(columns)) if any(row[n] is not None for row in rows)]
    return page.table([columns[n] for n in shown], [[row[n] for n in shown] for row in rows])
