"""A source that misbehaves as told: HTTP, conditional requests, ranges, and faults on demand."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MODIFIED = "Thu, 01 Jan 2026 00:40:00 GMT"
_PIECE = 64 << 10

NEXT_DAY = "Fri, 02 Jan 2026 00:40:00 GMT"


@dataclass
class File:
    """A file at the source. `etag` is sent as it stands, None sends none."""

    content: bytes
    etag: str | None = ""
    modified: str | None = MODIFIED
    tells_length: bool = True

    def __post_init__(self) -> None:
        """Make a strong ETag of the content unless one is given."""
        if self.etag == "":
            self.etag = f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


@dataclass
class Request:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Web:
    """What the server has, what it is to do wrong, what it was asked and how much it sent.

    `faults` are taken by GET requests, one each; `head_faults` by HEAD requests.
    """

    url: str = ""
    files: dict[str, File] = field(default_factory=dict)
    faults: deque[Callable[[Handler], bool]] = field(default_factory=deque)
    head_faults: deque[Callable[[Handler], bool]] = field(default_factory=deque)
    honours_ranges: bool = True
    honours_if_match: bool = True
    requests: list[Request] = field(default_factory=list)
    sent: int = 0

    def put(self, name: str, content: bytes, **kind: object) -> File:
        """Publish a file, or a new version of one."""
        file = File(content, **kind)  # type: ignore[arg-type]
        self.files[f"/{name}"] = file
        return file

    def count(self, method: str) -> int:
        """Return how many requests of a method came."""
        return sum(request.method == method for request in self.requests)

    def reset(self) -> None:
        """Forget everything but the address."""
        fresh = Web(self.url)
        for name, value in vars(fresh).items():
            setattr(self, name, value)


class Handler(BaseHTTPRequestHandler):
    """Answers as IMDb's server does, unless a fault says otherwise."""

    protocol_version = "HTTP/1.1"
    web: Web

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer with headers."""
        self._answer(self.web.head_faults)

    def do_GET(self) -> None:
        """Answer with a file."""
        self._answer(self.web.faults)

    def _answer(self, faults: deque[Callable[[Handler], bool]]) -> None:
        self.web.requests.append(Request(self.command, self.path, dict(self.headers)))
        if faults and faults.popleft()(self):
            return
        self.serve()

    def serve(
        self,
        *,
        cut: int | None = None,
        reset: bool = False,
        then: Callable[[], object] | None = None,
    ) -> None:
        """Send the file; after `cut` bytes of the body do something and close the connection."""
        file = self.web.files.get(self.path)
        if file is None:
            self.status(HTTPStatus.NOT_FOUND)
            return
        wanted = self.headers.get("If-Match")
        if self.web.honours_if_match and wanted is not None and wanted != file.etag:
            self.status(HTTPStatus.PRECONDITION_FAILED)
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begins = int(asked[1]) if asked and self.web.honours_ranges else 0
        if begins and begins >= len(file.content):
            self.status(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        self._headers(file, begins)
        if self.command == "HEAD":
            return
        end = len(file.content) if cut is None else min(begins + cut, len(file.content))
        for place in range(begins, end, _PIECE):
            piece = file.content[place : min(place + _PIECE, end)]
            self.wfile.write(piece)
            self.web.sent += len(piece)
        if then is not None:
            then()
        if cut is not None:
            self.hang_up(reset=reset)

    def _headers(self, file: File, begins: int) -> None:
        size = len(file.content)
        if begins:
            self.send_response(HTTPStatus.PARTIAL_CONTENT)
            self.send_header("Content-Range", f"bytes {begins}-{size - 1}/{size}")
        else:
            self.send_response(HTTPStatus.OK)
        if file.etag is not None:
            self.send_header("ETag", file.etag)
        if file.modified is not None:
            self.send_header("Last-Modified", file.modified)
        if file.tells_length:
            self.send_header("Content-Length", str(size - begins))
        else:
            # The end of the connection is the end of the file, as in HTTP/1.0.
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def status(self, status: int, **headers: str) -> None:
        """Answer with a status and no body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection; with `reset`, so that the client's read fails."""
        self.wfile.flush()
        self.close_connection = True
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            # Two file objects of the base class hold the socket open as well.
            self.rfile.close()
            self.wfile.close()
            self.connection.close()


def cut(after: int, *, reset: bool = False) -> Callable[[Handler], bool]:
    """Break the connection after some bytes of the body."""

    def fault(handler: Handler) -> bool:
        handler.serve(cut=after, reset=reset)
        return True

    return fault


def hold(
    after: int, reached: threading.Event, released: threading.Event
) -> Callable[[Handler], bool]:
    """Say that some bytes are sent and send no more; close the connection when released."""

    def then() -> None:
        reached.set()
        released.wait(60)

    def fault(handler: Handler) -> bool:
        handler.serve(cut=after, then=then)
        return True

    return fault


def status(code: int, **headers: str) -> Callable[[Handler], bool]:
    """Answer with a status."""

    def fault(handler: Handler) -> bool:
        handler.status(code, **headers)
        return True

    return fault


def first(action: Callable[[], object]) -> Callable[[Handler], bool]:
    """Do something, then answer as usual."""

    def fault(_: Handler) -> bool:
        action()
        return False

    return fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that break off are what is tested."""


def start(web: Web) -> _Server:
    """Serve on any free port of 127.0.0.1 from a thread."""
    handler = type("WebHandler", (Handler,), {"web": web})
    server = _Server(("127.0.0.1", 0), handler)
    web.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    ).start()
    return server
