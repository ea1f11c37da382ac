"""What holds of the project as written, found in its manifest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from steps.catalog import DATASETS
from tests.conftest import clean_environment
from tests.dbt.conftest import PROJECT

if TYPE_CHECKING:
    from tests.dbt.conftest import Project
    from tests.places import Database

SEED_TESTS = {
    # model -> tests by kind, in the order of the models' contract; ours come on top.
    # Ranges of what staging makes NULL of are tested on the source.
    "title_basics": {"accepted_range": 2},
    "name_basics": {"accepted_range": 1},
    "stg_title_basics": {"not_null": 3, "unique": 1, "accepted_values": 1},
    "stg_title_ratings": {"not_null": 1, "unique": 1, "accepted_range": 2},
    "stg_name_basics": {"not_null": 2, "unique": 1},
    "stg_title_principals": {"not_null": 4, "accepted_labels": 1, "unique_combination": 1},
    "stg_title_crew_directors": {"not_null": 2, "unique_combination": 1},
    "stg_title_crew_writers": {"not_null": 2, "unique_combination": 1},
    "stg_title_episode": {"not_null": 2, "unique": 1, "accepted_range": 2},
    "int_title_with_genres": {"not_null": 3, "unique_combination": 1},
    "int_person_filmography": {"not_null": 4, "accepted_labels": 2, "relationships": 2},
    "int_title_hierarchies": {
        "not_null": 2,
        "unique": 1,
        "accepted_labels": 6,
        "relationships": 1,
    },
    "int_title_complete": {"not_null": 1, "unique": 1, "accepted_labels": 4},
    "mart_top_titles": {"not_null": 1, "unique": 1},
    "mart_person_career": {"not_null": 1, "unique": 1},
    "mart_genre_analytics": {"not_null": 1, "unique": 1},
    "mart_series_analytics": {"not_null": 1, "unique": 1},
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give the manifest, parsed with every warning and deprecation an error."""
    target = tmp_path_factory.mktemp("target")
    ended = subprocess.run(
        [
            *(Path(sys.executable).parent / "dbt", "--warn-error", "parse"),
            *("--no-partial-parse", "--show-all-deprecations"),
            *("--project-dir", PROJECT, "--profiles-dir", PROJECT),
            *("--target-path", target, "--log-path", target),
        ],
        env=clean_environment() | {"PGHOST": "nowhere"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    found: dict[str, Any] = json.loads((target / "manifest.json").read_text())
    return found


def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the models by name."""
    nodes = manifest["nodes"].values()
    return {node["name"]: node for node in nodes if node["resource_type"] == "model"}


def test_sources_are_the_catalogue(manifest: dict[str, Any]) -> None:
    """Tables, columns, their order, types and descriptions, and the name of the dataset."""
    declared = {
        source["name"]: (
            source["config"]["meta"]["dataset"],
            source["description"],
            [
                (column["name"], column["data_type"], column["description"])
                for column in source["columns"].values()
            ],
        )
        for source in manifest["sources"].values()
        if source["source_name"] == "raw"
    }
    assert declared == {
        dataset.table: (
            dataset.name,
            dataset.description,
            [(column.name, column.type.value, column.description) for column in dataset.columns],
        )
        for dataset in DATASETS
    }


def test_the_pipelines_own_tables_are_described(
    manifest: dict[str, Any], database: Database
) -> None:
    """Those of schema ops that the project names, with the columns that `imdb migrate` makes."""
    declared = {
        (source["name"], column)
        for source in manifest["sources"].values()
        if source["source_name"] == "ops"
        for column in source["columns"]
    }
    with database.connect() as connection:
        found = connection.execute(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = 'ops' and table_name not in ('pins', 'schema_version')"
        ).fetchall()
    assert declared == set(found)


def test_what_is_not_built_daily_computes_nothing_in_between(manifest: dict[str, Any]) -> None:
    """And nothing is built on it, nor tested against it: that would lag behind its inputs."""
    lagging = {
        model["unique_id"]: model["raw_code"]
        for model in models(manifest).values()
        if "at_most_every_days" in model["config"]["meta"]
    }
    assert lagging
    assert [key for key, code in lagging.items() if "{{ is_due() }}" not in code] == []
    reading = [
        node["name"]
        for node in manifest["nodes"].values()
        if lagging.keys() & set(node["depends_on"]["nodes"])
        and (node["resource_type"] == "model" or len(set(node["depends_on"]["nodes"])) > 1)
    ]
    assert reading == []


def test_everything_is_described(manifest: dict[str, Any]) -> None:
    """Each model with its grain, each column and each source's."""
    for name, model in models(manifest).items():
        assert re.search(r"One row per [^.]+\.$", model["description"].strip()), name
    described = [*models(manifest).values(), *manifest["sources"].values()]
    missing = [
        f"{node['name']}.{column['name']}"
        for node in described
        for column in node["columns"].values()
        if not column["description"].strip()
    ]
    assert missing == []


def test_contracts_are_enforced(manifest: dict[str, Any]) -> None:
    """So that the columns described are those that exist, of the types said."""
    assert [m["name"] for m in models(manifest).values() if not m["contract"]["enforced"]] == []


def test_a_numeric_has_a_scale(manifest: dict[str, Any]) -> None:
    """One without keeps 20 digits of a mean and differs from itself after a change of plan."""
    naked = [
        f"{model['name']}.{column['name']}"
        for model in models(manifest).values()
        for column in model["columns"].values()
        if column["data_type"] in {"numeric", "decimal"}
    ]
    assert naked == []


def test_only_marts_are_public(manifest: dict[str, Any]) -> None:
    """What is outside the marts may change without notice."""
    found = {name: model["access"] for name, model in models(manifest).items()}
    assert found == {
        name: "public" if model["schema"] == "marts" else "protected"
        for name, model in models(manifest).items()
    }


def test_layers_are_schemas_tags_and_prefixes(manifest: dict[str, Any]) -> None:
    """A model's folder says its schema and its tag; only freshness has no prefix."""
    prefixes = {"staging": "stg_", "intermediate": "int_", "marts": "mart_"}
    for name, model in models(manifest).items():
        folder = model["fqn"][1]
        assert model["schema"] == folder
        assert folder in model["tags"]
        assert name.startswith(prefixes[folder]) or name == "freshness"


def test_layers_read_downwards(manifest: dict[str, Any]) -> None:
    """Staging reads raw, intermediate reads staging, no model reads a layer above its own."""
    below = {
        "staging": {"raw", "ops"},
        "intermediate": {"staging", "intermediate", "ops"},
        "marts": {"staging", "intermediate", "marts", "ops"},
    }
    nodes = manifest["nodes"] | manifest["sources"]
    for name, model in models(manifest).items():
        read = {nodes[parent]["schema"] for parent in model["depends_on"]["nodes"]}
        # Looks for what staging has already made NULL of.
        allowed = below[model["schema"]] | ({"raw"} if name == "mart_data_quality" else set())
        assert read <= allowed, name


def test_views_have_no_with(manifest: dict[str, Any]) -> None:
    """Postgres does not merge a subquery that has a WITH into the query around it."""
    views = [m for m in models(manifest).values() if m["config"]["materialized"] == "view"]
    assert views
    assert [m["name"] for m in views if re.search(r"(?i)^\s*with\b", m["raw_code"])] == []


def test_tables_are_kept(manifest: dict[str, Any]) -> None:
    """All that is no view is created once, has a key and is recorded."""
    for name, model in models(manifest).items():
        config = model["config"]
        if config["materialized"] == "view":
            continue
        assert config["materialized"] == "incremental", name
        assert config["incremental_strategy"] == "rows_that_differ", name
        assert config["full_refresh"] is False, name
        assert config["unique_key"], name
        hooks = [hook["sql"] for hook in config["pre-hook"] + config["post-hook"]]
        # Beside these a model may have settings of the planner, for its own transaction.
        hooks = [hook for hook in hooks if not re.fullmatch(r"set local \w+ = \S+", hook)]
        assert hooks == ["{{ note_loads() }}", "{{ record_build() }}"], name


def test_the_seeds_tests_are_there(manifest: dict[str, Any]) -> None:
    """All 68, of the kinds the contract lists."""
    found: dict[str, dict[str, int]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test":
            # A test of a source is attached to nothing.
            tested = node["attached_node"] or node["depends_on"]["nodes"][0]
            kinds = found.setdefault(tested.split(".")[-1], {})
            kind = node["test_metadata"]["name"]
            kinds[kind] = kinds.get(kind, 0) + 1
    assert sum(sum(kinds.values()) for kinds in SEED_TESTS.values()) == 68
    for name, kinds in SEED_TESTS.items():
        for kind, number in kinds.items():
            assert found[name].get(kind, 0) >= number, (name, kind)


def test_ranges_and_orphans_only_warn(manifest: dict[str, Any]) -> None:
    """IMDb's files are not one snapshot and hold errors; neither may stop the marts."""
    strict = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node["config"]["severity"].lower() == "error"
        and node["test_metadata"]["name"] in {"accepted_range", "relationships"}
        and {"staging", "sources"} & set(node["fqn"])
    }
    assert strict == set()


def test_documentation_is_one_page(whole_project: Project) -> None:
    """It needs no server, also before anything is built, and has every model in it."""
    whole_project.dbt("docs", "generate", "--static", "--write-json")
    page = (whole_project.target / "static_index.html").read_text()
    assert all(f'"name": "{name}"' in page for name in models(whole_project.manifest()))
