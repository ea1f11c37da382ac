"""The report: whole without scripts, honest about what is missing, the same for the same data."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from steps import charts, report, run
from steps.errors import ConfigurationError
from steps.outcome import Status, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import psycopg
    from psycopg.rows import TupleRow

    from tests.places import Database

_MARTS = Path(__file__).with_name("marts.sql").read_text().encode()


@pytest.fixture(scope="module")
def marts(new_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Database]:
    """Give a database with made-up marts."""
    with new_database() as made:
        with made.connect() as connection:
            connection.execute(_MARTS)
        yield made


def _connect(database: Database) -> psycopg.Connection[TupleRow]:
    connection = database.connect("dbt")
    connection.execute("set search_path = marts; set default_transaction_read_only = on")
    return connection


def _compose(database: Database, inputs: report.Inputs | None = None) -> str:
    with _connect(database) as connection:
        return report.compose(connection, inputs or report.Inputs())


class _Page(HTMLParser):
    """Every tag of a page, and proof that they nest."""

    _VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_static_and_loads_nothing(marts: Database) -> None:
    """No script, no handler, no address but the one of IMDb that is text."""
    page = _Page(_compose(marts))
    assert {"svg", "table", "h1"} <= {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert tag not in {"script", "iframe", "link", "img", "object", "image"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name.endswith("href") or name == "src":
                assert (value or "").startswith("#")


def test_every_chart_is_drawn_named_and_described(marts: Database) -> None:
    """Whoever cannot see a chart is told what it shows; ids are unique on the page."""
    text = _compose(marts)
    page = _Page(text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawings) == len(charts.CHARTS) == 7
    for attributes in drawings:
        assert attributes["role"] == "img"
        assert set((attributes["aria-labelledby"] or "").split()) <= set(ids)
    # Each reference inside a drawing finds its target: a clip path that does not hides it all.
    references = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    assert references <= set(ids)
    # What was a stand-in for a colour of light and dark is none in the page.
    assert "#0a0a0" not in text


def test_text_from_the_data_is_escaped(marts: Database) -> None:
    """A title is whatever IMDb's users wrote."""
    text = _compose(marts)
    assert "<script" not in text
    assert "tt0000&lt;7&gt;" in text


def test_values_are_written_for_people(marts: Database, tmp_path: Path) -> None:
    """Thousands are parted, but not in a year; what is absent is a dash, not None."""
    (tmp_path / "1.sql").write_text(
        "-- What is written how?\n"
        "select 12345 as votes, 1976 as start_year, 0.25000 as share, null as nothing,"
        " array['a', '<b>'] as genres, true as yes, '<i>' as odd_year,"
        " timestamptz '2026-01-02 03:04+01' as built"
    )
    text = _compose(marts, report.Inputs(questions=tmp_path)).split("What is written how?")[1]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)
    assert [re.sub(r"</?(span|time)[^>]*>", "", cell) for cell in cells] == [
        *("12,345", "1976", "0.25", "—"),
        *("a, &lt;b&gt;", "yes", "&lt;i&gt;", "2026-01-02 02:04"),
    ]


def test_equal_data_gives_an_equal_page(marts: Database) -> None:
    """Two reports of one state differ in the minute they were written at most."""
    first, second = (re.sub(r"Written [^.]*", "", _compose(marts)) for _ in range(2))
    assert first == second


def test_a_question_is_answered_or_says_why_not(marts: Database, tmp_path: Path) -> None:
    """A question whose mart is missing does not take the others with it."""
    (tmp_path / "1.sql").write_text("-- Which titles <b>lead</b>?\nselect 1 as answer;\n")
    (tmp_path / "2.sql").write_text("-- Who?\nselect nobody from mart_top_titles\n")
    (tmp_path / "3.sql").write_text("-- May it write?\ndelete from mart_top_titles\n")
    (tmp_path / "4.sql").write_text("-- How many?\nselect * from generate_series(1, 99)\n")
    text = _compose(marts, report.Inputs(questions=tmp_path))
    assert "Which titles &lt;b&gt;lead&lt;/b&gt;?" in text
    assert "<td" in text.split("Which titles")[1]
    assert "No answer: column &quot;nobody&quot; does not exist." in text
    assert "No answer: syntax error" in text
    assert "More rows, to the 50th" in text
    assert ">50</td>" in text
    assert ">51</td>" not in text
    with _connect(marts) as connection:
        assert connection.execute("select count(*) from mart_top_titles").fetchone() == (3000,)


def test_a_database_without_marts_still_gets_a_report(database: Database) -> None:
    """After a first run that failed there is a ledger, if that, and the report says so."""
    text = _compose(database)
    assert text.count("never loaded") == 7
    assert "relation &quot;mart_top_titles&quot; does not exist" in text
    _Page(text)


def _node(unique_id: str, status: str, **more: object) -> dict[str, object]:
    return {"unique_id": unique_id, "status": status, **more}


@pytest.mark.parametrize(
    ("results", "steps", "verdict"),
    [
        ([_node("test.imdb.a.1", "pass")], [], "good"),
        ([_node("test.imdb.a.1", "pass"), _node("test.imdb.b.2", "warn", failures=3)], [], "warn"),
        ([_node("test.imdb.a.1", "warn"), _node("test.imdb.b.2", "fail", failures=3)], [], "bad"),
        ([_node("model.imdb.m", "error", message="<boom>")], [], "bad"),
        ([], [{"step": "load", "dataset": "title.crew", "status": "failed"}], "bad"),
    ],
)
def test_the_verdict_is_that_of_the_worst(
    database: Database,
    tmp_path: Path,
    results: list[dict[str, object]],
    steps: list[dict[str, object]],
    verdict: str,
) -> None:
    """What failed outweighs what warned, and that what passed."""
    run_results, steps_file = tmp_path / "run_results.json", tmp_path / "steps.json"
    run_results.write_text(json.dumps({"results": results}))
    steps_file.write_text(json.dumps(steps))
    text = _compose(database, report.Inputs(run_results=run_results, steps=steps_file))
    assert f'<span class="verdict {verdict}">' in text


def _write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content))


def _results(generated_at: str, *nodes: dict[str, object]) -> dict[str, object]:
    return {"metadata": {"generated_at": generated_at}, "results": nodes}


def test_a_workflows_run_is_read(tmp_path: Path) -> None:
    """Each task once: in its own words, else in Argo's; of a node of dbt's the last result."""
    load = Step("load", "title.crew", Status.FULL, 10, 1.5)
    mart = Step("build", None, Status.FAILED, None, 2.0, 65, "1 test failed")
    built = Step("build", None, Status.BUILT, None, 1.0)
    _write(tmp_path, "load-title-crew.json", asdict(load))
    _write(tmp_path, "mart-a.json", asdict(mart))
    _write(tmp_path, "mart-b.json", asdict(built))
    _write(
        tmp_path,
        "mart-a.run_results.json",
        _results("2026-01-02", _node("model.imdb.a", "success"), _node("test.imdb.t.1", "fail")),
    )
    _write(
        tmp_path, "again.run_results.json", _results("2026-01-01", _node("test.imdb.t.1", "pass"))
    )
    phases = {
        "plan": "Succeeded",
        "download-title-crew": "Skipped",
        "load-title-crew": "Succeeded",
        "mart-a": "Failed",
        "mart-b": "Error",
        "mart-c": "Omitted",
        "mart-d": "Failed",
    }
    found = run.read(tmp_path, json.dumps(phases))
    assert [(each["step"], each["dataset"], each["status"]) for each in found.steps] == [
        ("plan", None, "changed"),
        ("download-title-crew", None, "unchanged"),
        ("load", "title.crew", "full"),
        ("mart-a", None, "failed"),
        # Its step was done, and then the pod was lost.
        ("mart-b", None, "failed"),
        ("mart-c", None, "skipped"),
        ("mart-d", None, "failed"),
    ]
    messages = [each["message"] for each in found.steps]
    assert messages[3] == "1 test failed"
    assert "without a word" in messages[4]
    assert messages[6] == messages[4]
    assert {each["unique_id"]: each["status"] for each in found.results["results"]} == {
        "model.imdb.a": "success",
        "test.imdb.t.1": "fail",
    }


def test_a_workflows_run_is_shown(database: Database, tmp_path: Path) -> None:
    """Red if a task was, though no task left a word."""
    statuses = json.dumps({"plan": "Succeeded", "mart-top-titles": "Failed"})
    text = _compose(database, report.Inputs(run=tmp_path / "nothing", statuses=statuses))
    assert '<span class="verdict bad">' in text
    assert "1 step failed" in text
    assert "mart-top-titles" in text
    statuses = json.dumps({"plan": "Succeeded", "mart-top-titles": "Skipped"})
    text = _compose(database, report.Inputs(run=tmp_path, statuses=statuses))
    assert '<span class="verdict good">' in text


@pytest.mark.parametrize(
    ("name", "content"),
    [("plan.json", "{"), ("plan.json", "[]"), ("a.run_results.json", '{"results": []}')],
)
def test_what_no_task_leaves_is_refused(tmp_path: Path, name: str, content: str) -> None:
    """Better no report than one that leaves a task out."""
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigurationError):
        run.read(tmp_path, None)
    with pytest.raises(ConfigurationError, match="--statuses"):
        run.read(tmp_path / "nothing", "{{tasks")


@pytest.mark.parametrize("content", ["{", "[]", '{"results": [{}]}'])
def test_a_file_that_is_not_dbts_is_refused(
    database: Database, tmp_path: Path, content: str
) -> None:
    """Better no report than one that says nothing failed."""
    file = tmp_path / "run_results.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError):
        _compose(database, report.Inputs(run_results=file))
