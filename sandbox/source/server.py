"""The HTTP server in front of a folder of files: what IMDb's own server does, and no more.

aiohttp's FileResponse honours a Range whatever entity tag If-Range names, and makes the tag
from the time of modification; a download that resumes needs both right, so conditions and
ranges are decided here (RFC 9110, sections 13 and 14).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import socket
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from steps import catalog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from io import BufferedReader

_BLOCK = 1 << 20
_PART = 8 << 20
"""Objects of S3 that were uploaded in parts have a tag that is no MD5 and ends in their number."""

_SHUTDOWN_SECONDS = 1.0
"""How long a download under way may take when the server ends."""

_RANGE = re.compile(r"bytes=(?:(?P<first>\d+)-(?P<last>\d*)|-(?P<suffix>\d+))")

_FOLDER: web.AppKey[Path] = web.AppKey("folder", Path)


_etags: dict[tuple[int, int, int, int], str] = {}
"""Tags of the files seen, by what tells a file that has changed: reading 2 GB takes seconds."""


@dataclass(frozen=True)
class _Version:
    """One version of a file: what tells it from another."""

    etag: str
    modified: datetime
    size: int


@contextmanager
def running(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve the folder from a thread and give the URL of it; port 0 is any free one.

    Files are opened anew for each request, so a test may put another day's file (Path.replace)
    or folder (a symbolic link) in the place of the one served.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="source", daemon=True)
    thread.start()
    site = _site(folder, port)
    try:
        url = asyncio.run_coroutine_threadsafe(site.__aenter__(), loop).result()
        try:
            yield url
        finally:
            closing = asyncio.run_coroutine_threadsafe(site.__aexit__(None, None, None), loop)
            closing.result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def serve(
    folder: Path, port: int = 0, host: str = "127.0.0.1", *, announce: Callable[[str], None]
) -> None:
    """Serve the folder until SIGINT or SIGTERM; `announce` gets the URL once it answers."""

    async def until_signal() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with _site(folder, port, host) as url:
            announce(url)
            await stop.wait()

    asyncio.run(until_signal())


@asynccontextmanager
async def _site(folder: Path, port: int, host: str = "127.0.0.1") -> AsyncIterator[str]:
    app = web.Application()
    app[_FOLDER] = folder
    app.router.add_get("/{file}", _answer)  # and HEAD
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        listener = socket.create_server((host, port))
        await web.SockSite(runner, listener).start()
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()


async def _answer(request: web.Request) -> web.StreamResponse:
    name = request.match_info["file"]
    if name not in {dataset.file for dataset in catalog.DATASETS}:
        raise web.HTTPNotFound
    try:
        file = (request.app[_FOLDER] / name).open("rb")
    except FileNotFoundError:
        raise web.HTTPNotFound from None
    with file:
        version = await asyncio.to_thread(_version, file)
        headers = {
            hdrs.ETAG: version.etag,
            hdrs.LAST_MODIFIED: format_datetime(version.modified, usegmt=True),
            hdrs.ACCEPT_RANGES: "bytes",
        }
        status = _precondition(request, version)
        if status is not HTTPStatus.OK:
            return web.Response(status=status, headers=headers)
        wanted = _range(request, version)
        if wanted is not None:
            if not wanted:
                headers[hdrs.CONTENT_RANGE] = f"bytes */{version.size}"
                return web.Response(
                    status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers
                )
            status = HTTPStatus.PARTIAL_CONTENT
            span = f"{wanted.start}-{wanted.stop - 1}"
            headers[hdrs.CONTENT_RANGE] = f"bytes {span}/{version.size}"
        wanted = wanted or range(version.size)
        response = web.StreamResponse(status=status, headers=headers)
        response.content_type = "binary/octet-stream"
        response.content_length = len(wanted)
        await response.prepare(request)
        if request.method == hdrs.METH_GET:
            await _send(response, file, wanted)
        return response


def _version(file: BufferedReader) -> _Version:
    """Version of an open file: its tag is a function of its content."""
    stat = os.fstat(file.fileno())
    key = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if key not in _etags:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        _etags[key] = f'"{digest}-{-(-stat.st_size // _PART)}"'
    return _Version(_etags[key], datetime.fromtimestamp(int(stat.st_mtime), UTC), stat.st_size)


async def _send(response: web.StreamResponse, file: BufferedReader, wanted: range) -> None:
    file.seek(wanted.start)
    left = len(wanted)
    while left:
        block = await asyncio.to_thread(file.read, min(left, _BLOCK))
        if not block:
            break
        left -= len(block)
        await response.write(block)


def _precondition(request: web.Request, version: _Version) -> HTTPStatus:
    """Decide on the If- headers in RFC 9110's order of precedence."""
    tag = version.etag.strip('"')
    if request.if_match is not None:
        if not any(not one.is_weak and one.value in (tag, "*") for one in request.if_match):
            return HTTPStatus.PRECONDITION_FAILED
    elif (until := request.if_unmodified_since) is not None and version.modified > until:
        return HTTPStatus.PRECONDITION_FAILED
    if request.if_none_match is not None:
        if any(one.value in (tag, "*") for one in request.if_none_match):
            return HTTPStatus.NOT_MODIFIED
    elif (since := request.if_modified_since) is not None and version.modified <= since:
        return HTTPStatus.NOT_MODIFIED
    return HTTPStatus.OK


def _range(request: web.Request, version: _Version) -> range | None:
    """Bytes to send: None for all of them, empty if none of those asked for exists.

    Several ranges, or what is no range, are answered with the whole file, as RFC 9110 allows.
    """
    condition = request.headers.get(hdrs.IF_RANGE)
    modified = format_datetime(version.modified, usegmt=True)
    if condition is not None and condition not in (version.etag, modified):
        return None
    parts = _RANGE.fullmatch(request.headers.get(hdrs.RANGE, ""))
    if parts is None or request.method != hdrs.METH_GET:
        return None
    if parts["suffix"]:
        return range(max(0, version.size - int(parts["suffix"])), version.size)
    first = int(parts["first"])
    last = int(parts["last"]) if parts["last"] else version.size - 1
    if parts["last"] and last < first:
        return None
    return range(first, min(last + 1, version.size))
