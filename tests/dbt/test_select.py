"""`imdb plan --select` means what dbt means."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from steps import build
from steps.errors import ConfigurationError
from tests.dbt import toy

if TYPE_CHECKING:
    from tests.dbt.conftest import Project

_COLUMNS = {"tconst": "text"}


def test_a_selection_is_dbts(project: Project) -> None:
    """With the tests of what is selected and nothing else; 78 if nothing is."""
    tests = "\n    data_tests: [unique_combination: {name: %s, arguments: {columns: [tconst]}}]"
    query = "select tconst from {{ source('raw', 'title_ratings') }}"
    toy.view(project, "stg_toy", query, _COLUMNS, tests % "one_each")
    query = "select tconst from {{ ref('stg_toy') }}"
    toy.mart(project, query, _COLUMNS, tests=tests % "one_each_mart")
    with mock.patch.dict(os.environ, project.environment, clear=True):
        assert build.select("stg_toy") == {"stg_toy", "one_each"}
        both = {"stg_toy", "one_each", "mart_toy", "one_each_mart"}
        assert build.select("stg_toy+ mart_gone") == both
        with pytest.raises(ConfigurationError, match="no model by mart_gone"):
            build.select("mart_gone")
