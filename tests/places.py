"""What the fixtures hand to tests: a database and a store of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
import psycopg
from botocore.config import Config

from sandbox import postgres

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from psycopg.rows import TupleRow

    from sandbox.servers import Servers


@dataclass(frozen=True)
class Database:
    """A migrated, empty database: for each role the PG* variables that open it."""

    servers: Servers
    name: str

    @cached_property
    def admin(self) -> dict[str, str]:
        """The superuser's: may migrate."""
        return self.servers.role(postgres.SUPERUSER, self.name)

    @cached_property
    def loader(self) -> dict[str, str]:
        """The steps'."""
        return self.servers.role("loader", self.name)

    @cached_property
    def dbt(self) -> dict[str, str]:
        """The models'."""
        return self.servers.role("dbt", self.name)

    @cached_property
    def reader(self) -> dict[str, str]:
        """The people's."""
        return self.servers.role("reader", self.name)

    def connect(self, role: str = postgres.SUPERUSER) -> psycopg.Connection[TupleRow]:
        """Connect in autocommit."""
        env = self.servers.role(role, self.name)
        return psycopg.connect(
            host=env["PGHOST"],
            port=env["PGPORT"],
            dbname=env["PGDATABASE"],
            user=env["PGUSER"],
            password=env["PGPASSWORD"],
            autocommit=True,
            connect_timeout=5,
        )


@dataclass(frozen=True)
class Store:
    """An empty bucket."""

    servers: Servers
    bucket: str

    @cached_property
    def env(self) -> dict[str, str]:
        """The AWS_* variables and IMDB_BUCKET."""
        return self.servers.store(self.bucket)

    @cached_property
    def client(self) -> S3Client:
        """A client of it."""
        return boto3.client(
            "s3",
            endpoint_url=self.env["AWS_ENDPOINT_URL"],
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
            region_name=self.env["AWS_REGION"],
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def objects(self) -> dict[str, str]:
        """Return every object's key and ETag."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {each["Key"]: each["ETag"] for page in pages for each in page.get("Contents", [])}
