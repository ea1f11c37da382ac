"""The parse that an image holds: dbt makes of it what it makes of the project's files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from unittest import mock

from dbt.cli.main import dbtRunner

from steps import parsed

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from dbt.contracts.graph.manifest import Manifest

    from tests.dbt.conftest import Project


def _compiled(manifest: Manifest | None) -> dict[str, tuple[str, str]]:
    """Return the SQL and the relation of every node."""
    done = dbtRunner(manifest).invoke(["--quiet", "--log-level-file=none", "compile"])
    assert done.success, done.exception
    results: Any = done.result
    return {
        each.node.unique_id: (each.node.compiled_code, each.node.relation_name)
        for each in results.results
    }


def test_the_kept_parse_compiles_to_the_same_sql(whole_project: Project, tmp_path: Path) -> None:
    """Of all models, tests and hooks, though it was made for another host and user."""
    elsewhere = {"PGHOST": "postgres", "PGUSER": "nobody", "PGPASSWORD": ""}
    with mock.patch.dict(os.environ, whole_project.environment | elsewhere, clear=True):
        parsed.keep(whole_project.folder, tmp_path)
    with mock.patch.dict(os.environ, whole_project.environment, clear=True):
        kept = parsed.kept(whole_project.folder, tmp_path)
        assert kept is not None
        assert _compiled(kept) == _compiled(None)


def test_a_parse_for_another_database_is_not_used(
    whole_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name stands before every relation."""
    with mock.patch.dict(os.environ, whole_project.environment, clear=True):
        parsed.keep(whole_project.folder, tmp_path)
        assert parsed.kept(whole_project.folder, tmp_path) is not None
        monkeypatch.setitem(os.environ, "PGDATABASE", "another")
        assert parsed.kept(whole_project.folder, tmp_path) is None
        assert parsed.kept(whole_project.folder, tmp_path / "nothing") is None
