"""The report: one static HTML page of the last run, the data's quality and what the marts say.

It reads the database as a role that may select from ops and marts (dbt), in read-only
transactions, and whatever of a run it is given: dbt's run_results.json and the sandbox's steps, or
what the tasks of a workflow left, and the folder of questions. A part whose table is missing says
so; the rest is there all the same, since a report is wanted most after a run that went wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from steps import charts, database, page
from steps import run as runs
from steps.catalog import DATASETS
from steps.errors import ConfigurationError
from steps.page import Html, Section
from steps.results import Results

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.settings import Settings

_PATIENCE = "120s"
"""How long one query may take: at full size the longest question scans all 5.6 M careers thrice."""

_ROWS = 10
"""How many rows of an answer the page shows at once."""

_FOLDED_ROWS = 50
"""How many it shows at most, the others folded away."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a report may be given beside the database; each may be absent."""

    run_results: Path | None = None
    questions: Path | None = None
    steps: Path | None = None
    run: Path | None = None
    """Folder of what the tasks of a workflow left, instead of the steps and dbt's results."""
    statuses: str | None = None
    """How these tasks ended, as JSON."""


@dataclass(frozen=True, slots=True)
class _Answer:
    columns: list[str]
    rows: list[tuple[Any, ...]]


class _NoAnswerError(Exception):
    """A query that the database could not answer, in words."""


def write(settings: Settings, output: Path, inputs: Inputs) -> None:
    """Write the report.

    Raises:
        ConfigurationError: a given file is not there or not what it should be, or the output
            cannot be written.
        TemporaryError: the database is away.

    """
    with database.connect(
        settings,
        search_path="marts",
        default_transaction_read_only="on",
        statement_timeout=_PATIENCE,
    ) as connection:
        write_page(connection, output, inputs)


def write_page(connection: Connection[TupleRow], output: Path, inputs: Inputs) -> None:
    """Write the report over a connection whose search_path is marts.

    Raises:
        ConfigurationError: as `write`.

    """
    text = compose(connection, inputs)
    draft = output.with_name(output.name + ".new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(output)
    except OSError as error:
        message = f"the report cannot be written: {error.strerror}; choose another --output"
        raise ConfigurationError(message, file=str(output)) from error


def compose(connection: Connection[TupleRow], inputs: Inputs) -> str:
    """Return the page; the connection's search_path is marts."""
    if inputs.run is None:
        results = Results.of(_read(inputs.steps), _read(inputs.run_results))
    else:
        found = runs.read(inputs.run, inputs.statuses)
        results = Results.of(found.steps, found.results)
    date, lead = _as_of(connection)
    sections = [
        Section(
            "run", "The run", [*results.step_cards(), _ledger(connection), *results.model_cards()]
        ),
        Section("freshness", "Freshness", [_freshness(connection)]),
        Section("quality", "Data quality", [*results.test_cards(), _checks(connection)]),
        Section("charts", "What the marts show", [_charts(connection)]),
        *_questions(connection, inputs.questions),
    ]
    return page.document(
        f"IMDb warehouse, {date}",
        results.verdict(),
        lead,
        _tiles(connection),
        sections,
    )


def _read(file: Path | None) -> Any:  # noqa: ANN401
    """Read a JSON file, None for none."""
    if file is None:
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"not a JSON file that can be read: {error}; leave the option out without one"
        raise ConfigurationError(message, file=str(file)) from error


def _ask(connection: Connection[TupleRow], query: str, limit: int = 1_000) -> _Answer:
    """Ask the database for the first rows of an answer.

    Raises:
        _NoAnswerError: it cannot tell: a table is not built, a role may not read it, or the
            query takes too long.

    """
    try:
        # Of a question's 100,000 rows only the first ones travel. Not by a cursor in the server,
        # whose query no parallel worker would help with. A query is text of ours or of a file
        # beside the models, none of it a user's value.
        asked = query.strip().rstrip(";")
        first = f"select * from (\n{asked}\n) as answer limit {limit}"  # noqa: S608 - as said above
        cursor = connection.execute(first.encode())
        return _Answer([each.name for each in cursor.description or []], cursor.fetchall())
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.errors.QueryCanceled) as error:
        raise _NoAnswerError(error.diag.message_primary or str(error)) from error


def _as_of(connection: Connection[TupleRow]) -> tuple[str, str]:
    """Return the date of the source and a line that says when this was written."""
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    query = "select max(last_modified), min(last_modified) from ops.loads"
    try:
        newest = _ask(connection, query).rows[0][0]
    except _NoAnswerError:
        newest = None
    if newest is None:
        return "nothing loaded", f"Written {written}."
    return (
        f"{newest.astimezone(UTC):%Y-%m-%d}",
        f"The newest file is of {newest.astimezone(UTC):%Y-%m-%d %H:%M UTC}. Written {written}.",
    )


def _tiles(connection: Connection[TupleRow]) -> Html:
    """Return the few figures to see first."""
    figures: list[tuple[str, object]] = []
    for name, query in (
        ("rows in the raw tables", _RAW_ROWS),
        ("datasets loaded", "select count(distinct dataset) from ops.loads"),
        ("titles with 50 votes or more", "select count(*) from mart_top_titles"),
        ("people with a career", "select count(*) from mart_person_career"),
        ("series with 6 rated episodes", "select count(*) from mart_series_analytics"),
        ("genres", "select count(*) from mart_genre_analytics"),
    ):
        try:
            figures.append((name, int(_ask(connection, query).rows[0][0] or 0)))
        except _NoAnswerError:
            figures.append((name, None))
    return page.tiles(figures)


_LATEST = """
    select distinct on (dataset) dataset, last_modified, rows, kind,
        finished_at - started_at as took, finished_at, vanished_rows,
        inserted_rows, updated_rows, deleted_rows
    from ops.loads order by dataset, load_id desc
"""

_RAW_ROWS = f"select sum(rows) from ({_LATEST}) as latest"  # noqa: S608


def _ledger(connection: Connection[TupleRow]) -> Html:
    """Return the latest load of each dataset."""
    title = "The ledger: what the raw tables hold"
    try:
        loads = {row[0]: row for row in _ask(connection, _LATEST).rows}
    except _NoAnswerError as reason:
        return page.card(title, page.note(f"The ledger cannot be read: {reason}."))
    rows = []
    for dataset in DATASETS:
        found = loads.get(dataset.name)
        if found is None:
            rows.append((dataset.name, page.mark("bad", "never loaded"), *[None] * 8))
        else:
            _, modified, count, kind, took, finished, *counts = found
            rows.append(
                (
                    dataset.name,
                    modified,
                    count,
                    kind,
                    round(took.total_seconds(), 2),
                    finished,
                    *counts,
                )
            )
    columns = [
        *("dataset", "source's date", "rows", "load", "seconds", "loaded at"),
        *("vanished rows", "inserted", "updated", "deleted"),
    ]
    return page.card(title, page.table(columns, rows))


def _freshness(connection: Connection[TupleRow]) -> Html:
    """Return when each mart was built, and from which dates of the source."""
    title = "Marts by age"
    query = """
        select mart, built_at, as_of_date,
            min(source_date) as oldest_file, max(source_date) as newest_file,
            string_agg(dataset, ', ' order by dataset) as datasets,
            bool_and(is_latest) as of_the_latest_loads
        from freshness
        group by mart, built_at, as_of_date order by built_at, mart
    """
    try:
        answer = _ask(connection, query)
    except _NoAnswerError as reason:
        return page.card(title, page.note(f"marts.freshness cannot be read: {reason}."))
    return page.card(title, page.table(answer.columns, answer.rows))


def _checks(connection: Connection[TupleRow]) -> Html:
    """Return the checks of the source's data, those that found something first."""
    title = "Checks of the source's data"
    # Of each dataset the checks of its latest load.
    query = """
        select dataset, "check", rows_checked, rows_failing,
            round(100.0 * rows_failing / nullif(rows_checked, 0), 3) as percent, example_key
        from mart_data_quality
        where load_id in (select max(load_id) from mart_data_quality group by dataset)
        order by rows_failing = 0, percent desc nulls last, dataset, "check"
    """
    try:
        answer = _ask(connection, query)
    except _NoAnswerError as reason:
        return page.card(title, page.note(f"marts.mart_data_quality cannot be read: {reason}."))
    return page.card(
        title,
        page.note("Orphans, odd years and missing names are the source's; nothing is dropped."),
        page.table(answer.columns, answer.rows),
    )


def _charts(connection: Connection[TupleRow]) -> Html:
    """Return every chart; one without data says why."""
    figures = []
    for chart in charts.CHARTS:
        try:
            rows = _ask(connection, chart.query).rows
            drawing = Html(charts.svg(chart, rows)) if rows else page.note("No rows to draw yet.")
        except _NoAnswerError as reason:
            drawing = page.note(f"Not drawn: {reason}.")
        figures.append(page.figure(chart.title, chart.caption, drawing))
    return page.charts(figures)


def _questions(connection: Connection[TupleRow], folder: Path | None) -> list[Section]:
    """Return the questions of a folder with their answers; the first line is the question."""
    if folder is None:
        return []
    files = sorted(folder.glob("*.sql"))
    if not files:
        message = "no question found: the folder holds no .sql file; leave the option out"
        raise ConfigurationError(message, folder=str(folder))
    cards = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        question, _, query = text.partition("\n")
        cards.append(_question(connection, question.lstrip("- ").strip(), query))
    return [Section("questions", "Questions and answers", cards)]


def _question(connection: Connection[TupleRow], question: str, query: str) -> Html:
    try:
        answer = _ask(connection, query, _FOLDED_ROWS + 1)
    except _NoAnswerError as reason:
        return page.card(question, page.note(f"No answer: {reason}."), page.source(query))
    parts = [page.table(answer.columns, answer.rows[:_ROWS])]
    if not answer.rows:
        parts = [page.note("Nothing in this data answers it.")]
    elif len(answer.rows) > _ROWS:
        rest = page.table(answer.columns, answer.rows[_ROWS:_FOLDED_ROWS])
        end = "" if len(answer.rows) <= _FOLDED_ROWS else f", to the {_FOLDED_ROWS}th"
        parts.append(page.folded(f"More rows{end}", rest))
    return page.card(question, *parts, page.source(query))
