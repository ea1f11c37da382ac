"""The source: seven files over HTTP, each known by its ETag and Last-Modified.

A broken connection is resumed with Range and If-Match, so that bytes of two versions are
never spliced (RFC 9110, sections 13.1.1 and 14.2).
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

import requests
import stamina
import urllib3

from steps.errors import ConfigurationError, DataError, TemporaryError
from steps.log import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from steps.catalog import Dataset
    from steps.settings import Settings

_TIMEOUT = (10, 30)
"""Seconds to connect and between two bytes; 30 is Kubernetes' grace after SIGTERM."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 60.0
"""Seconds between two tries at most, doubling from the first, unless Retry-After asks for more."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one file, as the source's headers tell it."""

    url: str
    etag: str
    last_modified: datetime | None
    length: int | None

    @property
    def tag(self) -> str:
        """Eight hex digits that stand for the ETag in a key, whatever characters it has."""
        return hashlib.sha256(self.etag.encode()).hexdigest()[:8]

    @property
    def resumable(self) -> bool:
        """Whether equal ETags promise equal bytes: a strong one does (RFC 9110, 8.8.3)."""
        return self.etag.startswith('"')


class Changed(Exception):  # noqa: N818 - not an error: the file was replaced, start over
    """The source has another version than the one being read."""


class _Unavailable(Exception):  # noqa: N818 - becomes a TemporaryError when the budget is spent
    """The source did not answer as it should; `pause` is what its Retry-After asks for."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


_TRANSPORT = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _version(url: str, headers: Mapping[str, str]) -> Version:
    try:
        modified = parsedate_to_datetime(headers["Last-Modified"]).astimezone(UTC)
    except (KeyError, ValueError):
        modified = None
    length = headers.get("Content-Length", "")
    # Without an ETag the other two stand in for it: they change when the file does.
    etag = headers.get("ETag") or f"{headers.get('Last-Modified', '')}/{length}"
    if etag == "/":
        message = (
            f"{url} comes without ETag, Last-Modified and Content-Length, so that one version "
            "cannot be told from the next; serve it with one of them (IMDB_SOURCE_URL)"
        )
        raise ConfigurationError(message)
    return Version(url, etag, modified, int(length) if length.isdecimal() else None)


class Source:
    """A folder of the seven files at an HTTP server.

    Errors of the transport, 404, 408, 429 and 5xx are retried with growing pauses for as
    long as `imdb_retry_seconds` allow without progress, then end as TemporaryError. 404 is
    among them because IMDb replaces its files nightly.
    """

    def __init__(self, settings: Settings) -> None:
        """Remember where the files are; nothing is asked yet."""
        self._base = str(settings.imdb_source_url).rstrip("/")
        self.budget = settings.imdb_retry_seconds
        self._session = requests.Session()

    def url(self, dataset: Dataset) -> str:
        """Return the address of a dataset's file."""
        return f"{self._base}/{dataset.file}"

    def version(self, dataset: Dataset, patience: float = math.inf) -> Version:
        """Ask which version of a file the source has, for `patience` seconds at most.

        Raises:
            TemporaryError: it did not say so within that time or the budget.
            ConfigurationError: its answer tells no version.

        """
        url = self.url(dataset)
        response = self._retried(lambda: self._request("HEAD", url, {}), min(patience, self.budget))
        response.close()
        return _version(url, response.headers)

    def open(self, version: Version) -> Download:
        """Open one version for reading."""
        return Download(self, version)

    def _retried(self, call: Callable[[], requests.Response], budget: float) -> requests.Response:
        began = time.monotonic()
        # The budget is looked at between two tries: a pause as long as it would double it.
        longest = min(_LONGEST_PAUSE, budget / 4)

        def backoff(error: Exception) -> bool | float:
            if not isinstance(error, _Unavailable):
                return False
            if error.pause is None:
                log.warning("retry", reason=str(error))
                return True
            # To sleep through the budget and then give up helps nobody.
            if time.monotonic() - began + error.pause > budget:
                return False
            log.warning("retry", reason=str(error), retry_after=error.pause)
            return error.pause

        try:
            for attempt in stamina.retry_context(
                on=backoff, attempts=None, timeout=budget, wait_max=longest
            ):
                with attempt:
                    return call()
        except _Unavailable as error:
            asked = f" and asks to wait {error.pause:.0f} s" if error.pause else ""
            message = (
                f"the source did not answer for {time.monotonic() - began:.0f} s: {error}{asked}; "
                "nothing was changed; check IMDB_SOURCE_URL and try again later"
            )
            raise TemporaryError(message) from error
        raise AssertionError  # the loop above returns or raises

    def _request(self, method: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        try:
            response = self._session.request(
                method,
                url,
                # The file as it lies there: no compression by the transport on top.
                headers={"Accept-Encoding": "identity", **headers},
                stream=True,
                timeout=_TIMEOUT,
            )
        except _TRANSPORT as error:
            message = f"{method} {url}: {error}"
            raise _Unavailable(message) from error
        if response.status_code in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            return response
        response.close()
        if response.status_code in {
            HTTPStatus.PRECONDITION_FAILED,
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        }:
            raise Changed
        message = f"{method} {url}: {response.status_code} {response.reason}"
        raise _Unavailable(message, _retry_after(response.headers))

    def get(self, version: Version, offset: int) -> tuple[requests.Response, int]:
        """Return a response and where in `version` its body begins: at `offset` or at 0.

        A server that ignores Range sends all of it.

        Raises:
            Changed: the source has another version by now.
            TemporaryError: it did not answer within the budget.

        """
        if offset and not version.resumable:
            raise Changed
        headers = {"If-Match": version.etag} if version.resumable else {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        response = self._retried(lambda: self._request("GET", version.url, headers), self.budget)
        if offset and response.status_code == HTTPStatus.PARTIAL_CONTENT:
            begins = offset
            same = (
                response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
                and response.headers.get("ETag", version.etag) == version.etag
            )
        else:
            begins = 0
            same = _version(version.url, response.headers).etag == version.etag
        if not same:
            response.close()
            raise Changed
        return response, begins


class Download:
    """The bytes of one version, read to the end across broken connections."""

    def __init__(self, source: Source, version: Version) -> None:
        """Open the version at its first byte."""
        self._source = source
        self._version = version
        self._offset = 0
        self._failures = 0
        self._last_progress = time.monotonic()
        self._response, self._position = source.get(version, 0)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end.

        Raises:
            Changed: the source replaced the file meanwhile.
            TemporaryError: the connection broke and could not be had again in time.
            DataError: the file is longer than the source said.

        """
        while True:
            known = self._offset - self._position
            try:
                piece: bytes = self._response.raw.read(
                    min(size, known) if known else size, decode_content=False
                )
            except _TRANSPORT as error:
                self._resume(error)
                continue
            self._position += len(piece)
            if not piece and (known or self._position < (self._version.length or 0)):
                self._resume(EOFError(f"ended after {self._position} bytes"))
                continue
            if known:
                continue
            self._offset = self._position
            if piece:
                self._last_progress = time.monotonic()
                self._failures = 0
            if self._version.length and self._offset > self._version.length:
                message = f"{self._version.url} is longer than its {self._version.length} bytes"
                raise DataError(message)
            return piece

    def _resume(self, error: Exception) -> None:
        self._response.close()
        idle = time.monotonic() - self._last_progress
        # A first resume is always tried: to notice that a server is silent takes half a minute.
        if self._failures and idle > self._source.budget:
            message = (
                f"{self._version.url} broke off at byte {self._offset} and gave none for "
                f"{idle:.0f} s: {error}; nothing was kept; try again later"
            )
            raise TemporaryError(message) from error
        log.warning("resume", offset=self._offset, reason=str(error))
        # A server that takes connections only to reset them is not to be hammered.
        time.sleep(min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE))
        self._failures += 1
        self._response, self._position = self._source.get(self._version, self._offset)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._response.close()
