"""The store: an S3 bucket in which each object is one version of one file.

An object's key names its version, and its metadata says where it came from. The key alone is
enough to recognise a version: a store that drops metadata causes no second download.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, cast

import boto3
import smart_open
import urllib3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from steps.catalog import BY_NAME
from steps.errors import ConfigurationError, StepError, TemporaryError
from steps.log import log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, TypedDict

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CreateBucketConfigurationTypeDef

    from steps.catalog import Dataset
    from steps.settings import Settings
    from steps.source import Version
    from steps.tsv import Readable

    class _Described(TypedDict):
        """What an object says of itself, to either way of writing it."""

        ContentType: str
        Metadata: dict[str, str]


PART_BYTES = 8 << 20
"""Size of an upload's part. S3 takes 10,000 of them: 80 GB, forty times the largest file."""

_RANGE_BYTES = 16 << 20
"""What one request reads of an object. SeaweedFS reads ahead to the end of what is asked for, and
what it has no room to keep it reads again: 1.2 GB in one request came at 40 MB/s, so at 1 GB/s."""

_WRONG = {
    "AccessDenied",
    "AllAccessDisabled",
    "BucketAlreadyExists",
    "InvalidAccessKeyId",
    "InvalidBucketName",
    "NoSuchBucket",
    "SignatureDoesNotMatch",
    "403",
}
"""Error codes that no second try cures (source: S3's API reference, error responses)."""

_TIME_FORMAT = "%Y%m%dT%H%M%SZ"

_HISTORY = "ratings_history"
"""Folder of the exports of ops.ratings_history, beside those of the datasets."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: a version of a dataset's file as it was downloaded.

    `etag` is the store's own, which pins the bytes while they are read; `uploaded` is the
    store's time of writing.
    """

    key: str
    etag: str
    size: int
    uploaded: datetime

    @property
    def dataset(self) -> Dataset:
        """The dataset, from the key.

        Raises:
            ConfigurationError: the key is not one of this store's.

        """
        parts = self.key.split("/")
        if len(parts) < 2 or parts[-2] not in BY_NAME:  # noqa: PLR2004 - folder and name
            message = f"the key {self.key} is not <prefix>/<dataset>/<version>.tsv.gz"
            raise ConfigurationError(message)
        return BY_NAME[parts[-2]]

    @property
    def last_modified(self) -> datetime:
        """The source's Last-Modified, or when the object was written if it gave none."""
        stamp = self.key.rsplit("/", 1)[-1].split("-", 1)[0]
        try:
            return datetime.strptime(stamp, _TIME_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            return self.uploaded


class Store:
    """The objects of the seven datasets in one bucket.

    Every method raises ConfigurationError for what no retry cures (credentials, no such
    bucket) and TemporaryError for the rest, after botocore's own retries.
    """

    def __init__(self, settings: Settings) -> None:
        """Remember where the store is; nothing is asked yet."""
        self._settings = settings
        self._bucket = settings.imdb_bucket

    @cached_property
    def client(self) -> S3Client:
        """The S3 client, made at its first use since making it takes a third of a second."""
        endpoint = self._settings.aws_endpoint_url
        return boto3.client(
            "s3",
            endpoint_url=str(endpoint).rstrip("/") if endpoint else None,
            # boto3 by itself reads AWS_DEFAULT_REGION and not, as its siblings do, this one.
            region_name=self._settings.aws_region,
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"mode": "standard", "max_attempts": 6},
                # Other stores than Amazon's need not know the newer checksums; gzip's own
                # CRC is checked on the way in and again on the way out.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def folder(self, dataset: Dataset | None) -> str:
        """Return the prefix of a dataset's keys; of None, that of the exports of the history."""
        name = dataset.name if dataset else _HISTORY
        return f"{self._settings.imdb_prefix.strip('/')}/{name}/"

    def key(self, dataset: Dataset, version: Version) -> str:
        """Return the key under which a version is kept."""
        modified = version.last_modified
        stamp = modified.strftime(_TIME_FORMAT) if modified else "undated"
        return f"{self.folder(dataset)}{stamp}-{version.tag}.tsv.gz"

    def history_key(self, as_of: datetime) -> str:
        """Return the key under which the history of ratings up to a date is kept."""
        return f"{self.folder(None)}{as_of.astimezone(UTC).strftime(_TIME_FORMAT)}.tsv.gz"

    def histories(self) -> list[StoredObject]:
        """List the exports of the history of ratings, the one that goes furthest first."""
        return sorted(self._list(self.folder(None)), key=lambda item: item.key, reverse=True)

    def make_bucket(self) -> bool:
        """Make the bucket if it is missing; tell whether it was."""
        region = self.client.meta.region_name
        with errors(f"making the bucket s3://{self._bucket}"):
            try:
                self.client.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if _code(error) not in {"404", "NoSuchBucket", "NotFound"}:
                    raise
            else:
                return False
            try:
                if region in {None, "us-east-1"}:
                    self.client.create_bucket(Bucket=self._bucket)
                else:
                    # Amazon wants to be told; us-east-1 it does not take (S3's API reference).
                    place: CreateBucketConfigurationTypeDef = {
                        "LocationConstraint": cast("BucketLocationConstraintType", region)
                    }
                    self.client.create_bucket(Bucket=self._bucket, CreateBucketConfiguration=place)
            except ClientError as error:
                if _code(error) != "BucketAlreadyOwnedByYou":
                    raise
                return False
        return True

    def objects(self, dataset: Dataset) -> list[StoredObject]:
        """List a dataset's objects, the newest upload first."""
        found = self._list(self.folder(dataset))
        return sorted(found, key=lambda item: (item.uploaded, item.key), reverse=True)

    def _list(self, folder: str) -> list[StoredObject]:
        with errors(f"listing s3://{self._bucket}/{folder}"):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=folder
            )
            return [
                StoredObject(item["Key"], item["ETag"], item["Size"], item["LastModified"])
                for page in pages
                for item in page.get("Contents", [])
            ]

    def find(self, key: str) -> StoredObject | None:
        """Return one object, None if there is none."""
        with errors(f"asking for s3://{self._bucket}/{key}"):
            try:
                head = self.client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if _code(error) in {"404", "NoSuchKey", "NotFound"}:
                    return None
                raise
        return StoredObject(key, head["ETag"], head["ContentLength"], head["LastModified"])

    def find_version(self, dataset: Dataset, version: Version) -> StoredObject | None:
        """Return the object that holds a version whole, None if there is none."""
        item = self.find(self.key(dataset, version))
        return item if item is not None and version.length in {None, item.size} else None

    def write(self, key: str, version: Version | None, body: Readable) -> StoredObject:
        """Write an object from a stream, of which a few times PART_BYTES are held in memory.

        The object appears when `body` has ended without an error; an error that `body` raises
        aborts the upload and comes back as it was raised. What is no version of a file, such as
        a history, has nothing to say of its source.
        """
        described: _Described = {"ContentType": "application/gzip", "Metadata": {}}
        if version is not None:
            described["Metadata"] = {
                "source-url": version.url,
                "source-etag": version.etag,
                "source-last-modified": (version.last_modified or datetime.now(UTC)).isoformat(),
                "source-length": str(version.length or ""),
            }
        with errors(f"writing s3://{self._bucket}/{key}"):
            try:
                part = body.read(PART_BYTES)
                if len(part) < PART_BYTES:
                    self.client.put_object(Bucket=self._bucket, Key=key, Body=part, **described)
                else:
                    self._write_parts(key, part, body, described)
            except (ClientError, BotoCoreError) as error:
                # The last call may have done its work and lost its answer.
                found = self.find(key)
                if found is None or version is None or found.size != version.length:
                    raise
                log.warning("upload_confirmed", key=key, reason=str(error))
                return found
        written = self.find(key)
        if written is None:
            message = f"s3://{self._bucket}/{key} was written and is gone; try again"
            raise TemporaryError(message)
        return written

    def _write_parts(self, key: str, part: bytes, body: Readable, described: _Described) -> None:
        """Write an object in parts, of which one is read while another is sent.

        Reading stays in this thread, unlike with boto3's own transfers, which after an
        interrupt or a part that failed read a stream to its end before they say so.
        """
        bucket = self._bucket
        upload = self.client.create_multipart_upload(Bucket=bucket, Key=key, **described)
        upload_id = upload["UploadId"]

        def send(number: int, part: bytes) -> CompletedPartTypeDef:
            sent = self.client.upload_part(
                Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=part
            )
            return {"PartNumber": number, "ETag": sent["ETag"]}

        try:
            parts: list[CompletedPartTypeDef] = []
            with ThreadPoolExecutor(1, "upload") as pool:
                while part:
                    sending = pool.submit(send, len(parts) + 1, part)
                    part = body.read(PART_BYTES)
                    parts.append(sending.result())
            self.client.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            try:
                self.client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
            except (ClientError, BotoCoreError) as error:
                # Complete after all, or for `abort_abandoned`: the first error says more.
                log.warning("abort_failed", key=key, reason=str(error))
            raise

    def read(self, item: StoredObject) -> BinaryIO:
        """Open an object for reading; its bytes are those of its ETag or an error."""
        with errors(f"opening s3://{self._bucket}/{item.key}"):
            stream: BinaryIO = smart_open.open(
                f"s3://{self._bucket}/{item.key}",
                "rb",
                compression="disable",
                transport_params={
                    "client": self.client,
                    "client_kwargs": {"S3.Client.get_object": {"IfMatch": item.etag}},
                    "buffer_size": 1 << 20,
                    "range_chunk_size": _RANGE_BYTES,
                },
            )
        return stream

    def delete(self, item: StoredObject) -> None:
        """Delete an object."""
        with errors(f"deleting s3://{self._bucket}/{item.key}"):
            self.client.delete_object(Bucket=self._bucket, Key=item.key)

    def abort_abandoned(self, dataset: Dataset | None) -> int:
        """Abort uploads into a folder that are older than a step may run; return how many.

        A step that was killed leaves its upload open, and a younger one may be alive.
        """
        oldest = datetime.now(UTC) - timedelta(seconds=self._settings.imdb_deadline_seconds)
        aborted = 0
        with errors(f"listing uploads of s3://{self._bucket}/{self.folder(dataset)}"):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=self.folder(dataset)
            )
            for page in pages:
                for upload in page.get("Uploads", []):
                    if upload["Initiated"] < oldest:
                        self.client.abort_multipart_upload(
                            Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                        )
                        aborted += 1
        return aborted


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(doing: str, error: ClientError) -> StepError:
    code = _code(error)
    if code in _WRONG:
        message = (
            f"{doing}: the store refuses: {code}; check IMDB_BUCKET, AWS_ENDPOINT_URL and "
            "the access key"
        )
        return ConfigurationError(message)
    return TemporaryError(f"{doing}: {error}; nothing was changed; try again")


@contextmanager
def errors(doing: str) -> Iterator[None]:
    """Turn S3's errors into ours, saying what was being done."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        message = f"{doing}: {error}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise ConfigurationError(message) from error
    except ClientError as error:
        raise _refused(doing, error) from error
    except (BotoCoreError, urllib3.exceptions.HTTPError, OSError) as error:
        # smart_open gives a refusal of S3's as an OSError that has it.
        refusal = getattr(error, "backend_error", None)
        if isinstance(refusal, ClientError):
            raise _refused(doing, refusal) from error
        message = f"{doing}: {error}; nothing was changed; check AWS_ENDPOINT_URL or try again"
        raise TemporaryError(message) from error
