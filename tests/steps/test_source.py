"""The source over HTTP: whatever goes wrong on the way, the bytes are one version's or none."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import AnyHttpUrl

from steps import source as sources
from steps.catalog import BY_NAME
from steps.errors import ConfigurationError, DataError, TemporaryError
from steps.settings import Settings
from steps.source import Changed, Source
from tests.steps import web as webs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.steps.web import File, Handler, Web

_RATINGS = BY_NAME["title.ratings"]
_BODY = random.Random(1).randbytes(1_000_000)  # noqa: S311 - no secret
_OTHER = random.Random(2).randbytes(1_000_000)  # noqa: S311 - no secret


@pytest.fixture
def source(web: Web, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Give a source in front of the misbehaving server, with a budget of a few seconds."""
    monkeypatch.setattr(sources, "_FIRST_PAUSE", 0.01)
    return _source(web.url, 3)


def _source(url: str, budget: float) -> Source:
    return Source(
        Settings.model_construct(imdb_source_url=AnyHttpUrl(url), imdb_retry_seconds=budget)
    )


def _read(source: Source, size: int = 50_000) -> bytes:
    with source.open(source.version(_RATINGS)) as stream:
        pieces = []
        while piece := stream.read(size):
            pieces.append(piece)
    return b"".join(pieces)


def _publish(web: Web, content: bytes = _BODY, /, **kind: object) -> File:
    return web.put(_RATINGS.file, content, **kind)


def test_a_version_is_what_the_headers_say(web: Web, source: Source) -> None:
    """ETag, length and the time in UTC, as a key and a plan show them."""
    file = _publish(web, modified="Thu, 01 Jan 2026 00:40:00 GMT")
    version = source.version(_RATINGS)
    assert version.url == f"{web.url}/title.ratings.tsv.gz"
    assert version.etag == file.etag
    assert version.length == len(_BODY)
    assert version.last_modified == datetime(2026, 1, 1, 0, 40, tzinfo=UTC)
    assert version.resumable


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_cut_connection_is_resumed(web: Web, source: Source, reset: bool) -> None:  # noqa: FBT001
    """A connection lost at half costs the other half only, and the bytes are the same."""
    file = _publish(web)
    web.faults.append(webs.cut(500_000, reset=reset))
    assert _read(source) == _BODY
    gets = [request for request in web.requests if request.method == "GET"]
    assert len(gets) == 2
    first = int(gets[1].headers["Range"].removeprefix("bytes=").removesuffix("-"))
    assert first <= 500_000
    # A close loses nothing that came before it; a reset may.
    assert reset or first == 500_000
    assert gets[1].headers["If-Match"] == file.etag


def test_many_cuts_are_survived(web: Web, source: Source) -> None:
    """Only time without progress counts against the budget, not the number of breaks."""
    _publish(web)
    web.faults.extend([webs.cut(30_000)] * 20)
    assert _read(source) == _BODY
    assert web.count("GET") == 21


def test_a_connection_that_ends_before_its_first_byte(web: Web, source: Source) -> None:
    """Hanging up on a request is retried like any other break."""
    _publish(web)
    web.faults.extend([_hang_up, webs.cut(0), _hang_up])
    assert _read(source) == _BODY


def _hang_up(handler: Handler) -> bool:
    handler.hang_up()
    return True


@pytest.mark.parametrize("code", [404, 429, 503])
def test_trouble_that_passes_is_waited_out(web: Web, source: Source, code: int) -> None:
    """A server that is busy, or between two nightly files, is asked again."""
    _publish(web)
    web.head_faults.append(webs.status(code))
    web.faults.append(webs.status(code))
    assert _read(source) == _BODY


def test_retry_after_is_honoured(web: Web, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says when to come back is not asked before, in seconds or as a date."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    _publish(web)
    date = "Fri, 01 Jan 2016 00:00:00 GMT"
    web.head_faults.extend([webs.status(503, Retry_After="2"), webs.status(429, Retry_After=date)])
    source.version(_RATINGS)
    assert slept == [2.0, 0.0]


@pytest.mark.parametrize("value", ["86400", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_wait_beyond_the_budget_is_not_begun(web: Web, source: Source, value: str) -> None:
    """Told to come back tomorrow, a step ends with 75 today instead of blocking its pod."""
    _publish(web)
    web.head_faults.extend([webs.status(503, Retry_After=value)] * 2)
    with pytest.raises(TemporaryError, match="503"):
        source.version(_RATINGS)
    assert web.count("HEAD") == 1


@pytest.mark.parametrize("value", ["soon", "-1", "", "³"])
def test_a_retry_after_that_says_nothing(web: Web, source: Source, value: str) -> None:
    """An unreadable Retry-After is as good as none."""
    _publish(web)
    web.head_faults.append(webs.status(503, Retry_After=value))
    assert source.version(_RATINGS).length == len(_BODY)


def test_what_stays_away_ends_with_its_address(web: Web) -> None:
    """After the budget a missing file is 75, and the message has the URL and the status."""
    with pytest.raises(TemporaryError) as raised:
        _source(web.url, 0.3).version(_RATINGS)
    assert f"{web.url}/title.ratings.tsv.gz: 404 Not Found" in str(raised.value)
    assert raised.value.exit_code == 75
    assert web.count("HEAD") > 1


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid", "http://127.0.0.1:9", "https://127.0.0.1:9"]
)
def test_a_server_that_is_not_there_is_temporary(url: str) -> None:
    """No name, no listener: 75, and the message has the URL."""
    with pytest.raises(TemporaryError, match=url):
        _source(url, 0.3).version(_RATINGS)


def test_a_folder_below_the_root(web: Web) -> None:
    """IMDB_SOURCE_URL may have a path, with a slash at its end or not."""
    web.put("mirror/title.ratings.tsv.gz", b"content")
    for url in (f"{web.url}/mirror", f"{web.url}/mirror/"):
        assert _source(url, 1).version(_RATINGS).length == 7


def _replace(web: Web, **kind: object) -> Callable[[], object]:
    return lambda: _publish(web, _OTHER, modified=webs.NEXT_DAY, **kind)


@pytest.mark.parametrize("honours", [True, False], ids=["If-Match honoured", "ignored"])
def test_a_file_replaced_before_a_resume_is_not_spliced(
    web: Web,
    source: Source,
    honours: bool,  # noqa: FBT001
) -> None:
    """The rest of another version never follows the beginning of this one."""
    web.honours_if_match = honours
    _publish(web)
    web.faults.extend([webs.cut(500_000), webs.first(_replace(web))])
    with pytest.raises(Changed):
        _read(source)
    assert _read(source) == _OTHER


@pytest.mark.parametrize("honours", [True, False], ids=["If-Match honoured", "ignored"])
def test_a_file_replaced_before_it_is_opened(
    web: Web,
    source: Source,
    honours: bool,  # noqa: FBT001
) -> None:
    """Bytes of another version than HEAD told are not taken for it."""
    web.honours_if_match = honours
    _publish(web)
    web.faults.append(webs.first(_replace(web)))
    with pytest.raises(Changed):
        _read(source)


@pytest.mark.parametrize("content", [_OTHER[:600_000], _OTHER[:400_000], b""])
def test_a_replacement_that_is_shorter(web: Web, source: Source, content: bytes) -> None:
    """A range beyond the new version's end tells of a change too."""
    web.honours_if_match = False
    _publish(web)
    web.faults.extend([webs.cut(500_000), webs.first(lambda: _publish(web, content))])
    with pytest.raises(Changed):
        _read(source)


def test_a_server_that_ignores_ranges(web: Web, source: Source) -> None:
    """Sent all of it again, a download reads past what it has."""
    web.honours_ranges = False
    _publish(web)
    web.faults.append(webs.cut(500_000))
    assert _read(source) == _BODY


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_break_while_reading_past(web: Web, source: Source, reset: bool) -> None:  # noqa: FBT001
    """A second break, before the place of the first, is a break like any other."""
    web.honours_ranges = False
    _publish(web)
    web.faults.extend([webs.cut(500_000), webs.cut(200_000, reset=reset), webs.cut(700_000)])
    assert _read(source) == _BODY


def test_a_replacement_at_a_server_that_ignores_all(web: Web, source: Source) -> None:
    """Without Range and If-Match the ETag of the answer tells."""
    web.honours_ranges = web.honours_if_match = False
    _publish(web)
    web.faults.extend([webs.cut(500_000), webs.first(_replace(web))])
    with pytest.raises(Changed):
        _read(source)


_WEAK = [
    {"etag": 'W/"1"'},
    {"etag": None},
    {"etag": None, "modified": None},
    {"etag": "unquoted"},
]


@pytest.mark.parametrize("kind", _WEAK, ids=str)
def test_without_a_strong_etag_nothing_is_resumed(
    web: Web, source: Source, kind: dict[str, str | None]
) -> None:
    """Equal weak ETags do not promise equal bytes (RFC 9110, 8.8.3): start over."""
    _publish(web, **kind)
    assert _read(source) == _BODY
    web.faults.append(webs.cut(500_000))
    with pytest.raises(Changed):
        _read(source)
    assert not any("Range" in request.headers for request in web.requests)


@pytest.mark.parametrize("kind", _WEAK[:2], ids=str)
def test_without_a_strong_etag_a_new_version_is_seen(
    web: Web, source: Source, kind: dict[str, str | None]
) -> None:
    """What else the headers say tells two versions apart."""
    _publish(web, **kind)
    before = source.version(_RATINGS)
    assert source.version(_RATINGS).tag == before.tag
    changed = {"etag": 'W/"2"'} if kind["etag"] else kind
    _publish(web, _BODY[:-1], **changed)
    assert source.version(_RATINGS).tag != before.tag


def test_a_source_that_tells_no_version_is_refused(web: Web, source: Source) -> None:
    """Without ETag, Last-Modified and length every day would look like the first: 78."""
    _publish(web, etag=None, modified=None, tells_length=False)
    with pytest.raises(ConfigurationError, match=r"title\.ratings\.tsv\.gz"):
        source.version(_RATINGS)


def test_without_a_length_the_end_of_the_connection_is_the_end(web: Web, source: Source) -> None:
    """A server need not tell the length; what came is passed on for gzip to judge."""
    _publish(web, tells_length=False)
    assert source.version(_RATINGS).length is None
    assert _read(source) == _BODY


def test_without_a_length_an_early_close_is_left_to_gzip(web: Web, source: Source) -> None:
    """HTTP cannot tell; that gzip does is for test_download."""
    _publish(web, tells_length=False)
    web.faults.append(webs.cut(500_000))
    assert _read(source) == _BODY[:500_000]


def test_more_bytes_than_told_are_refused(web: Web, source: Source) -> None:
    """A server that contradicts itself is not believed."""
    file = _publish(web, etag='"same"')
    version = source.version(_RATINGS)
    file.content = _BODY + b"more"
    with source.open(version) as stream:
        assert stream.read(1_000_000) == _BODY
        with pytest.raises(DataError, match="longer than its 1000000 bytes"):
            stream.read(1)


def test_an_empty_file_is_read_as_empty(web: Web, source: Source) -> None:
    """Zero bytes are passed on; that they are no gzip is for the validator to say."""
    _publish(web, b"")
    assert _read(source) == b""


def test_a_server_that_only_takes_connections(web: Web) -> None:
    """Breaking off at once, again and again, ends with 75 and the address."""
    _publish(web)
    web.faults.extend([webs.cut(0)] * 10_000)
    with pytest.raises(TemporaryError, match=r"title\.ratings\.tsv\.gz"):
        _read(_source(web.url, 0.5))
    # It is not hammered meanwhile.
    assert web.count("GET") < 20


def test_silence_is_a_break(web: Web, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is open and gives nothing is given up and resumed."""
    monkeypatch.setattr(sources, "_TIMEOUT", (1, 0.2))
    released, reached = threading.Event(), threading.Event()
    _publish(web)

    web.faults.append(webs.hold(500_000, reached, released))
    assert _read(source) == _BODY
    assert reached.is_set()
    released.set()


def test_the_bytes_are_those_of_the_file_not_of_the_transport(web: Web, source: Source) -> None:
    """Compression by the transport is not asked for, so that lengths and ranges are the file's."""
    _publish(web)
    _read(source)
    assert {request.headers["Accept-Encoding"] for request in web.requests} == {"identity"}
