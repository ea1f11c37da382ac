"""The synthetic IMDb: the HTTP server and the command."""

from __future__ import annotations

import gzip
import http.client
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from sandbox.source import generate, running
from steps.catalog import DATASETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "title.ratings.tsv.gz"
MODIFIED = "Thu, 01 Jan 2026 00:40:17 GMT"
EARLIER = "Wed, 31 Dec 2025 00:40:17 GMT"
LATER = "Fri, 02 Jan 2026 00:40:17 GMT"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with one file."""
    path = tmp_path_factory.mktemp("source")
    generate(path, scale=0.0001, datasets=["title.ratings"])
    return path


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """Serve the folder."""
    with running(folder) as url:
        yield url


def _ask(
    url: str, method: str = "GET", file: str = FILE, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/{file}", headers=names)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def _etag(url: str) -> str:
    return str(_ask(url, "HEAD")[1]["ETag"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"If_None_Match": "ETAG"}, 304),
        ({"If_None_Match": '"other", ETAG'}, 304),
        ({"If_None_Match": "W/ETAG"}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"other"'}, 200),
        ({"If_None_Match": '"other"', "If_Modified_Since": MODIFIED}, 200),
        ({"If_Modified_Since": MODIFIED}, 304),
        ({"If_Modified_Since": LATER}, 304),
        ({"If_Modified_Since": EARLIER}, 200),
        ({"If_Modified_Since": "yesterday"}, 200),
        ({"If_Match": "ETAG"}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": '"other"'}, 412),
        ({"If_Match": "W/ETAG"}, 412),
        ({"If_Match": "ETAG", "If_None_Match": "ETAG"}, 304),
        ({"If_Match": "ETAG", "If_Unmodified_Since": EARLIER}, 200),
        ({"If_Unmodified_Since": EARLIER}, 412),
        ({"If_Unmodified_Since": MODIFIED}, 200),
        ({"If_Match": '"other"', "Range": "bytes=0-9"}, 412),
        ({"If_None_Match": "ETAG", "Range": "bytes=0-9"}, 304),
        ({"If_Match": "ETAG", "Range": "bytes=0-9"}, 206),
        ({"Range": "bytes=0-9", "If_Range": "ETAG"}, 206),
        ({"Range": "bytes=0-9", "If_Range": MODIFIED}, 206),
        ({"Range": "bytes=0-9", "If_Range": '"other"'}, 200),
        ({"Range": "bytes=0-9", "If_Range": "W/ETAG"}, 200),
        ({"Range": "bytes=0-9", "If_Range": EARLIER}, 200),
        ({"Range": "bytes=0-9", "If_Range": LATER}, 200),
        ({"Range": "bytes=99999999-", "If_Range": '"other"'}, 200),
        ({"Range": "bytes=99999999-"}, 416),
        ({"Range": "bytes=-0"}, 416),
        ({"Range": "bytes=9-3"}, 200),
        ({"Range": "bytes=0-1,5-6"}, 200),
        ({"Range": "lines=0-1"}, 200),
    ],
)
def test_conditions(url: str, folder: Path, headers: dict[str, str], status: int) -> None:
    """A condition is decided as RFC 9110 says, and what is sent is what the status says."""
    content = (folder / FILE).read_bytes()
    etag = _etag(url)
    sent = {name: value.replace("ETAG", etag) for name, value in headers.items()}
    got, answer, body = _ask(url, **sent)
    assert got == status
    assert answer["ETag"] == etag
    assert answer["Last-Modified"] == MODIFIED
    assert body == {200: content, 206: content[:10]}.get(status, b"")
    if status in (200, 206):
        assert int(answer["Content-Length"]) == len(body)
        assert answer["Content-Type"] == "binary/octet-stream"
        assert answer["Content-Encoding"] is None
        assert answer["Accept-Ranges"] == "bytes"
    expected = {206: f"bytes 0-9/{len(content)}", 416: f"bytes */{len(content)}"}
    assert answer["Content-Range"] == expected.get(status)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("0-0", 0, 0), ("5-", 5, None), ("-7", -7, None), ("10-99999999", 10, None)],
)
def test_ranges(url: str, folder: Path, asked: str, first: int, last: int | None) -> None:
    """A range is cut out of the file, to its end if it says no other."""
    content = (folder / FILE).read_bytes()
    wanted = content[first : None if last is None else last + 1]
    status, answer, body = _ask(url, Range=f"bytes={asked}")
    assert (status, body) == (206, wanted)
    start = first % len(content)
    assert answer["Content-Range"] == f"bytes {start}-{start + len(body) - 1}/{len(content)}"


def test_head(url: str, folder: Path) -> None:
    """HEAD gives GET's headers and no body, whatever range it asks for."""
    size = (folder / FILE).stat().st_size
    for headers in ({}, {"Range": "bytes=0-9"}):
        status, answer, body = _ask(url, "HEAD", **headers)
        assert (status, body) == (200, b"")
        assert int(answer["Content-Length"]) == size
        assert re.fullmatch(r'"[0-9a-f]{32}-\d+"', answer["ETag"])
    assert _ask(url, "HEAD", If_None_Match=_etag(url))[0] == 304
    assert _ask(url, "HEAD", If_Match='"other"')[0] == 412


@pytest.mark.parametrize("file", ["title.basics.tsv.gz", "other", "", "..%2F..%2Fetc%2Fpasswd"])
def test_unknown_files(url: str, folder: Path, file: str) -> None:
    """A file that is not there, or is no dataset, is not found."""
    (folder / "other").write_bytes(b"is there and is no dataset")
    assert _ask(url, file=file)[0] == 404


def test_next_day(tmp_path: Path) -> None:
    """A file that is replaced while it is served is another version; the same content is not."""
    today = generate(tmp_path / "0", scale=0.0001, datasets=["title.ratings"])
    again = generate(tmp_path / "1", scale=0.0001, datasets=["title.ratings"])
    tomorrow = generate(tmp_path / "2", scale=0.0001, day=1, datasets=["title.ratings"])
    with running(tmp_path / "0") as url:
        etag = _etag(url)
        again["title.ratings"].replace(today["title.ratings"])
        assert _etag(url) == etag
        tomorrow["title.ratings"].replace(today["title.ratings"])
        status, answer, body = _ask(url, Range="bytes=5-", If_Range=etag)
        assert status == 200
        assert answer["Last-Modified"] == LATER
        assert answer["ETag"] != etag
        assert gzip.decompress(body).startswith(b"tconst\t")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command(tmp_path: Path, number: signal.Signals) -> None:
    """The command prints the URL once it answers, and ends cleanly on a signal."""
    command = [sys.executable, "-m", "sandbox.source", "--scale=0.0001", f"--folder={tmp_path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        url = process.stdout.readline().decode().strip()
        assert _ask(url, "HEAD")[0] == 200
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert process.stdout.read() == b""


def test_only_some_datasets_are_of_the_day(tmp_path: Path) -> None:
    """--only takes the datasets named from the day, all others from the day before."""
    command = [sys.executable, "-m", "sandbox.source", "--only-write", "--scale=0.0001"]
    before, after, mixed = (
        tmp_path
        / subprocess.run(
            [*command, f"--folder={tmp_path}", *more], check=True, capture_output=True, text=True
        ).stdout.strip()
        for more in (["--day=1"], ["--day=2"], ["--day=2", "--only=title.ratings"])
    )
    for dataset in DATASETS:
        day = after if dataset.name == "title.ratings" else before
        assert (mixed / dataset.file).read_bytes() == (day / dataset.file).read_bytes()


def test_only_write(tmp_path: Path) -> None:
    """--only-write prints the folder of the files and serves nothing."""
    command = [sys.executable, "-m", "sandbox.source", "--only-write", "--scale=0.0001"]
    done = subprocess.run(
        [*command, f"--folder={tmp_path}", "--day=2", "--hostile"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    folder = tmp_path / done.stdout.strip().rpartition("/")[2]
    assert len(list(folder.iterdir())) == 7
    assert "title.principals.tsv.gz" in done.stderr
