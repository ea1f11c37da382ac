"""`python -m benchmarks.plans`: the plans of slow models, as files of the folder `plans`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, LiteralString

import psycopg
import typer
from psycopg import sql

from sandbox import servers
from sandbox.build import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND = "python -m benchmarks.plans --state DIR"
FOLDER = Path(__file__).parent / "plans"

_CONNINFO = "host={PGHOST} port={PGPORT} dbname={PGDATABASE} user={PGUSER} password={PGPASSWORD}"
_LOADS = """
    select set_config('imdb.loads', jsonb_object_agg(dataset, load_id)::text, true)
    from (select dataset, max(load_id) as load_id from ops.loads group by dataset) as latest
"""
_ROWS = """
    select sum(rows)
    from (select distinct on (dataset) rows from ops.loads order by dataset, load_id desc) as latest
"""
_EXPLAIN = "explain (analyze, buffers, settings) create temporary table plan on commit drop as "
_SECONDS = re.compile(r"^Execution Time: ([0-9.]+) ms$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """What reading a model's plan led to."""

    before: float
    """Seconds of the plan that the model had, without workers as in INSERT, at scale 0.1."""
    done: str


FOUND = {
    "mart_person_career": Found(
        54.6,
        "Almost every credit is a pair of its own, so hashing pairs saved nothing, and spilled: "
        "sorted instead, once for pairs and careers. "
        "CREATE TABLE AS lets workers join and sort.",
    ),
    "mart_data_quality": Found(
        32.0,
        "One pass of each table for its checks, and for each kind of parent an anti join of keys "
        "alone; workers, thanks to CREATE TABLE AS.",
    ),
    "int_title_series": Found(
        9.7,
        "It was int_title_hierarchies, which repeated all facts of a series in each of its "
        "episodes: now a row per series is stored, and the hierarchy is a view.",
    ),
    "stg_title_crew_writers": Found(
        3.2,
        "Nothing. Lists of one name skip the splitting already, equal lists are remembered "
        "(Memoize); what dbt takes beyond this is the primary key and the index.",
    ),
    "mart_genre_analytics": Found(
        10.8,
        "All tags were joined with all titles: now int_title_counts counts titles by their lists "
        "of genres, and only those of rated titles are told apart.",
    ),
}
"""Slow models of a first build whose plans were read."""


def main(
    *,
    state: Annotated[Path, typer.Option(help="State folder of a sandbox that has run.")],
    scale: Annotated[float, typer.Option(help="What the sandbox's source was made with.")] = 0.1,
) -> None:
    """Explain these models as their tables are built, and roll back."""
    environment = servers.up(state).role("dbt")
    models = _compiled(environment)
    FOLDER.mkdir(exist_ok=True)
    rows = []
    with psycopg.connect(_CONNINFO.format(**environment)) as connection:
        millions = _one(connection, _ROWS) / 1_000_000
        for name, found in FOUND.items():
            plan, seconds = _explained(connection, models[name])
            head = (
                f"model    {name}\n"
                f"data     scale {scale:g}, {millions:.1f} million raw rows\n"
                f"command  {COMMAND}\n"
                f"seconds  {found.before:.1f} before, {seconds:.1f} after\n"
                f"done     {found.done}\n"
            )
            (FOLDER / f"{name}.txt").write_text(f"{head}\n{plan}\n")
            rows.append(
                f"| [{name}]({name}.txt) | {found.before:.1f} | {seconds:.1f} | {found.done} |"
            )
    (FOLDER / "README.md").write_text(
        f"# Plans of slow models\n\n"
        f"The queries of models that take long in a first build, as EXPLAIN (ANALYZE, "
        f"BUFFERS, SETTINGS) tells them: scale {scale:g}, {millions:.1f} million raw rows, "
        f"{os.cpu_count()} cores. *Before* is the plan that was found, without workers since "
        f"INSERT never has any. EXPLAIN itself costs time, and the machine had other work.\n\n"
        f"    {COMMAND}\n\n"
        f"makes these files again from dbt's compiled SQL. It changes nothing in the database.\n\n"
        f"| model | before, s | after, s | what was done |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


@dataclass(frozen=True, slots=True)
class _Model:
    table: sql.Identifier
    query: str
    hooks: list[str]


def _compiled(environment: Mapping[str, str]) -> dict[str, _Model]:
    with TemporaryDirectory() as target:
        subprocess.run(
            [
                str(Path(sysconfig.get_path("scripts")) / "dbt"),
                f"--log-path={target}",
                "compile",
                f"--project-dir={PROJECT}",
                f"--profiles-dir={PROJECT}",
                f"--target-path={target}",
                "--select",
                *FOUND,
            ],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        nodes = json.loads((Path(target) / "manifest.json").read_text())["nodes"]
    return {
        node["name"]: _Model(
            sql.Identifier(node["schema"], node["name"]),
            node["compiled_code"],
            [hook["sql"] for hook in node["config"]["pre-hook"] if "{{" not in hook["sql"]],
        )
        for node in nodes.values()
        if node["resource_type"] == "model" and node["name"] in FOUND
    }


def _explained(connection: psycopg.Connection, model: _Model) -> tuple[str, float]:
    """Return plan and seconds of a first build."""
    for hook in model.hooks:
        connection.execute(hook.encode())
    connection.execute(_LOADS)
    # To a model that leaves out what it has, all is new.
    if model.table.as_string() in model.query:
        connection.execute(sql.SQL("delete from {}").format(model.table))
    lines = connection.execute((_EXPLAIN + model.query).encode()).fetchall()
    connection.rollback()
    plan = "\n".join(line for (line,) in lines)
    seconds = _SECONDS.search(plan)
    if seconds is None:
        message = f"no execution time in the plan of {model.table.as_string()}"
        raise RuntimeError(message)
    return plan, float(seconds[1]) / 1000


def _one(connection: psycopg.Connection, query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    typer.run(main)
