"""Settings: the environment, read once into one frozen object.

Postgres and S3 are told by the variables that every client of theirs reads (PGHOST,
AWS_ENDPOINT_URL, …); only what is ours begins with IMDB_.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AnyHttpUrl, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from steps.errors import ConfigurationError


class Settings(BaseSettings):
    """What a step needs to know. Every field is one environment variable, in capitals."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, case_sensitive=False)

    pghost: Annotated[str, Field(description="Host, or socket folder, of Postgres.")]
    pgport: Annotated[int, Field(5432, ge=1, le=65535, description="Port of Postgres.")]
    pgdatabase: Annotated[str, Field(description="Database.")]
    pguser: Annotated[str, Field(description="Role.")]
    aws_endpoint_url: Annotated[
        AnyHttpUrl | None, Field(None, description="S3 endpoint; without it, Amazon's own.")
    ]
    aws_region: Annotated[str | None, Field(None, description="Region of the store.")]
    imdb_source_url: Annotated[
        AnyHttpUrl,
        Field(AnyHttpUrl("https://datasets.imdbws.com"), description="Folder of the seven files."),
    ]
    imdb_bucket: Annotated[str, Field(min_length=3, description="Bucket of the store.")]
    imdb_prefix: Annotated[str, Field("imdb", description="Prefix of every key in the bucket.")]
    imdb_connections: Annotated[
        int, Field(1, ge=1, le=8, description="COPY connections of one load.")
    ]
    imdb_retry_seconds: Annotated[
        float,
        Field(
            600,
            ge=0,
            allow_inf_nan=False,
            description="How long a download keeps trying without progress.",
        ),
    ]
    imdb_swap_seconds: Annotated[
        float,
        Field(
            1800,
            ge=0,
            allow_inf_nan=False,
            description="How long a load waits for readers before its swap.",
        ),
    ]
    imdb_deadline_seconds: Annotated[
        float,
        Field(
            10800,
            gt=0,
            allow_inf_nan=False,
            description="Age at which an unfinished upload counts as abandoned.",
        ),
    ]
    imdb_database_capacity: Annotated[
        int | None,
        Field(None, gt=0, description="Bytes of the database's volume; checked before a load."),
    ]


def read_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigurationError: a variable is missing or wrong; the message names each.

    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"{str(e['loc'][0]).upper()}: {e['msg'].lower()}" for e in error.errors()
        )
        message = f"settings are missing or wrong: {problems}; set them in the environment"
        raise ConfigurationError(message) from None
