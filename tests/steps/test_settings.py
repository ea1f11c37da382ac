"""Settings: read from the environment alone; what is missing or wrong is named."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from steps.errors import ConfigurationError
from steps.settings import Settings, read_settings

_GOOD = {
    "PGHOST": "localhost",
    "PGDATABASE": "imdb",
    "PGUSER": "loader",
    "IMDB_BUCKET": "imdb",
}
_REQUIRED = list(_GOOD)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("PG", "AWS_", "IMDB_"))]:
        monkeypatch.delenv(name)
    for name, value in _GOOD.items():
        monkeypatch.setenv(name, value)


def test_four_variables_are_enough() -> None:
    """The rest has defaults, the source among them."""
    settings = read_settings()
    assert settings.pgport == 5432
    assert str(settings.imdb_source_url) == "https://datasets.imdbws.com/"
    assert settings.imdb_prefix == "imdb"


@pytest.mark.parametrize("value", [None, ""], ids=["absent", "empty"])
@pytest.mark.parametrize("name", _REQUIRED)
def test_a_missing_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    """78, and the message has the variable's name as one types it."""
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"{name}: field required") as raised:
        read_settings()
    assert raised.value.exit_code == 78


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGPORT", "five"),
        ("PGPORT", "0"),
        ("PGPORT", "65536"),
        ("AWS_ENDPOINT_URL", "minio:9000"),
        ("IMDB_SOURCE_URL", "datasets.imdbws.com"),
        ("IMDB_SOURCE_URL", "ftp://datasets.imdbws.com"),
        ("IMDB_BUCKET", "b"),
        ("IMDB_CONNECTIONS", "0"),
        ("IMDB_CONNECTIONS", "9"),
        ("IMDB_CONNECTIONS", "two"),
        ("IMDB_RETRY_SECONDS", "-1"),
        ("IMDB_RETRY_SECONDS", "nan"),
        ("IMDB_RETRY_SECONDS", "inf"),
        ("IMDB_SWAP_SECONDS", "soon"),
        ("IMDB_SWAP_SECONDS", "nan"),
        ("IMDB_DEADLINE_SECONDS", "0"),
        ("IMDB_DEADLINE_SECONDS", "inf"),
        ("IMDB_DATABASE_CAPACITY", "10GB"),
        ("IMDB_DATABASE_CAPACITY", "0"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """78, and the message has the name of the variable and no other."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"wrong: {name}: "):
        read_settings()


def test_all_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message, so that one does not have to start four times."""
    for name in _REQUIRED:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGPORT", "five")
    with pytest.raises(ConfigurationError) as raised:
        read_settings()
    assert all(name in str(raised.value) for name in [*_REQUIRED, "PGPORT"])


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords and keys are no settings of ours: clients read them, messages have none."""
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    assert "hunter2" not in repr(read_settings())
    monkeypatch.delenv("PGHOST")
    with pytest.raises(ConfigurationError) as raised:
        read_settings()
    assert "hunter2" not in str(raised.value)


def test_settings_cannot_be_changed() -> None:
    """Read once, the same to the end of a step."""
    settings = read_settings()
    with pytest.raises(ValidationError):
        settings.pghost = "elsewhere"  # type: ignore[misc]


def test_every_setting_has_a_description() -> None:
    """The README's table and the chart's values are made from them."""
    assert all(field.description for field in Settings.model_fields.values())
