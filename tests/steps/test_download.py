"""Download on a real store: one version is fetched once, and is visible whole or not at all."""

from __future__ import annotations

import gzip
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from steps import download as downloads
from steps import source as sources
from steps import store as stores
from steps.catalog import BY_NAME
from steps.errors import ConfigurationError, DataError, TemporaryError
from steps.source import Source
from tests.steps import files
from tests.steps import web as webs
from tests.steps.pipeline import CLEAN, logged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.awsrequest import AWSPreparedRequest

    from tests.steps.pipeline import Pipeline

_RATINGS = BY_NAME["title.ratings"]
_CREW = BY_NAME["title.crew"]

# The smallest that S3 takes.
_PART_BYTES = 5 << 20

# Three parts, the last one shorter.
_LARGE = files.large(_CREW, 11)


@pytest.fixture(autouse=True)
def _small_and_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PART_BYTES", _PART_BYTES)
    monkeypatch.setattr(sources, "_FIRST_PAUSE", 0.01)


def _content(pipeline: Pipeline, key: str) -> bytes:
    return pipeline.store.client.get_object(Bucket=pipeline.store.bucket, Key=key)["Body"].read()


def test_an_object_is_the_source_file(pipeline: Pipeline) -> None:
    """The key names the version, the bytes are the source's, the metadata says where from."""
    content = files.file(_RATINGS, range(1, 8))
    pipeline.publish(_RATINGS, content)
    result = pipeline.download(_RATINGS)
    assert result.rows == 7
    assert result.item.key.startswith("imdb/title.ratings/20260101T004000Z-")
    assert result.item.key.endswith(".tsv.gz")
    assert result.item.last_modified == datetime(2026, 1, 1, 0, 40, tzinfo=UTC)
    assert list(pipeline.store.objects()) == [result.item.key]
    assert _content(pipeline, result.item.key) == content
    head = pipeline.store.client.head_object(Bucket=pipeline.store.bucket, Key=result.item.key)
    assert head["Metadata"] == {
        "source-url": f"{pipeline.web.url}/title.ratings.tsv.gz",
        "source-etag": pipeline.web.files["/title.ratings.tsv.gz"].etag,
        "source-last-modified": "2026-01-01T00:40:00+00:00",
        "source-length": str(len(content)),
    }


def test_a_file_of_many_parts(pipeline: Pipeline) -> None:
    """What is uploaded in parts is put together in order."""
    pipeline.publish(_CREW, _LARGE)
    result = pipeline.download(_CREW)
    assert result.rows == 111
    assert _content(pipeline, result.item.key) == _LARGE
    assert pipeline.leftovers() == CLEAN


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_a_file_of_exactly_one_part(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, excess: int
) -> None:
    """Around the size at which an upload is made in parts nothing is lost."""
    content = files.large(_CREW, 6)
    monkeypatch.setattr(stores, "PART_BYTES", len(content) - excess)
    pipeline.publish(_CREW, content)
    assert _content(pipeline, pipeline.download(_CREW).item.key) == content
    assert pipeline.leftovers() == CLEAN


def test_an_unchanged_file_is_left_alone(pipeline: Pipeline) -> None:
    """An unchanged day costs one HEAD: no GET at the source, no object written."""
    pipeline.publish(_RATINGS, files.file(_RATINGS))
    first = pipeline.download(_RATINGS)
    again = pipeline.download(_RATINGS)
    assert again.rows is None
    assert again.item == first.item
    assert pipeline.web.count("GET") == 1


@pytest.mark.parametrize(
    "metadata", [{}, {"SOURCE-ETAG": "x"}, {"source-etag": "another", "source-length": "1"}]
)
def test_lost_metadata_cause_no_second_download(
    pipeline: Pipeline, metadata: dict[str, str]
) -> None:
    """A store may drop, change or re-spell metadata: the key alone names the version."""
    pipeline.publish(_RATINGS, files.file(_RATINGS))
    key = pipeline.download(_RATINGS).item.key
    pipeline.store.client.copy_object(
        Bucket=pipeline.store.bucket,
        Key=key,
        CopySource={"Bucket": pipeline.store.bucket, "Key": key},
        Metadata=metadata,
        MetadataDirective="REPLACE",
    )
    assert pipeline.download(_RATINGS).rows is None
    assert pipeline.web.count("GET") == 1


def test_a_new_version_is_a_new_object(pipeline: Pipeline) -> None:
    """Another ETag is another object, and the old one stays."""
    pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, 5)))
    first = pipeline.download(_RATINGS)
    pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, 6)), webs.NEXT_DAY)
    second = pipeline.download(_RATINGS)
    assert second.rows == 5
    assert set(pipeline.store.objects()) == {first.item.key, second.item.key}


def test_the_same_time_with_another_etag_is_a_new_object(pipeline: Pipeline) -> None:
    """A file replaced twice within a second is told apart by its ETag."""
    pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, 5)))
    first = pipeline.download(_RATINGS)
    pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, 6)))
    assert pipeline.download(_RATINGS).item.key != first.item.key


def _delete(pipeline: Pipeline, key: str) -> None:
    pipeline.store.client.delete_object(Bucket=pipeline.store.bucket, Key=key)


def _shorten(pipeline: Pipeline, key: str) -> None:
    content = _content(pipeline, key)[:-1]
    pipeline.store.client.put_object(Bucket=pipeline.store.bucket, Key=key, Body=content)


@pytest.mark.parametrize("damage", [_delete, _shorten])
def test_an_object_that_is_gone_or_cut_is_fetched_again(
    pipeline: Pipeline, damage: Callable[[Pipeline, str], None]
) -> None:
    """The source says unchanged, but what counts is what the store has."""
    pipeline.publish(_RATINGS, files.file(_RATINGS))
    first = pipeline.download(_RATINGS)
    damage(pipeline, first.item.key)
    again = pipeline.download(_RATINGS)
    assert again.rows == 10
    assert again.item.etag == first.item.etag


def test_a_source_without_etag_and_date(pipeline: Pipeline) -> None:
    """A plain file server is good enough; its versions are told by their length."""
    pipeline.web.put(_RATINGS.file, files.file(_RATINGS), etag=None, modified=None)
    result = pipeline.download(_RATINGS)
    assert "/undated-" in result.item.key
    # Then the version's time is when it was downloaded.
    assert result.item.last_modified == result.item.uploaded
    assert pipeline.download(_RATINGS).rows is None


_SHORT = files.text(_RATINGS, files.rows(_RATINGS, range(1, 11)))
_BAD_CRC = files.pack(_SHORT)[:-8] + bytes(8)
_INVALID = {
    "HTML": (b"<!DOCTYPE html><html>Sorry</html>", "not gzip, it begins with '<!DOCTYPE"),
    "0 bytes": (b"", "is empty: 0 bytes"),
    "gzip of 0 bytes": (gzip.compress(b""), "holds no text"),
    "gzip of HTML": (gzip.compress(b"<html>\n"), "unknown '<html>'"),
    "cut": (files.pack(_SHORT)[:-5], "cut off"),
    "bad CRC": (_BAD_CRC, "damaged gzip"),
    "other header": (gzip.compress(_SHORT.replace(b"numVotes", b"votes")), "unknown 'votes'"),
    "other dataset": (files.file(_CREW), "missing averageRating, numVotes"),
    "last line cut": (gzip.compress(_SHORT[:-1]), "the last line of title.ratings.tsv.gz has no"),
    "header cut": (gzip.compress(_RATINGS.header), "has no end"),
    "garbage behind": (files.pack(_SHORT) + b"garbage garbage", "something behind its gzip's end"),
}


@pytest.mark.parametrize("what", _INVALID)
@pytest.mark.parametrize("tells_length", [True, False], ids=["length told", "not told"])
def test_what_is_no_file_of_the_dataset_is_not_published(
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    tells_length: bool,  # noqa: FBT001
) -> None:
    """65 with a reason; nothing is visible in the store and no upload is left open."""
    content, says = _INVALID[what]
    # A cut without a length may be the connection's fault, so that it is tried again.
    cut = what == "cut" and not tells_length
    monkeypatch.setattr(downloads, "_RESTARTS", 2)
    pipeline.web.put(_RATINGS.file, content, tells_length=tells_length)
    with pytest.raises(TemporaryError if cut else DataError) as raised:
        pipeline.download(_RATINGS)
    assert ("broke off 2 times" if cut else says) in str(raised.value)
    assert pipeline.store.objects() == {}
    assert pipeline.uploads() == []


@pytest.mark.parametrize("what", ["cut", "bad CRC", "garbage behind"])
def test_a_fault_behind_many_parts_aborts_the_upload(pipeline: Pipeline, what: str) -> None:
    """What turns out wrong at its end leaves none of its parts behind."""
    content = {
        "cut": _LARGE[:-5],
        "bad CRC": _LARGE[:-8] + bytes(8),
        "garbage behind": _LARGE + b"garbage garbage",
    }[what]
    pipeline.publish(_CREW, content)
    with pytest.raises(DataError):
        pipeline.download(_CREW)
    assert pipeline.store.objects() == {}
    assert pipeline.uploads() == []


def test_a_cut_connection_gives_the_identical_object(pipeline: Pipeline) -> None:
    """Cut at half of many parts, resumed there: the object is the file."""
    pipeline.publish(_CREW, _LARGE)
    pipeline.web.faults.append(webs.cut(len(_LARGE) // 2))
    result = pipeline.download(_CREW)
    assert _content(pipeline, result.item.key) == _LARGE
    assert result.rows == 111
    sent = [request.headers.get("Range") for request in pipeline.web.requests]
    assert sent == [None, None, f"bytes={len(_LARGE) // 2}-"]


def test_an_early_close_without_length_is_found_out(pipeline: Pipeline) -> None:
    """HTTP cannot tell a cut without Content-Length; gzip can, and it is tried again."""
    pipeline.web.put(_CREW.file, _LARGE, tells_length=False)
    pipeline.web.faults.append(webs.cut(len(_LARGE) // 2))
    result = pipeline.download(_CREW)
    assert _content(pipeline, result.item.key) == _LARGE
    assert list(pipeline.store.objects()) == [result.item.key]
    assert pipeline.uploads() == []


@pytest.mark.parametrize("moment", ["while it is read", "before it is opened"])
def test_a_file_replaced_meanwhile_is_started_over(pipeline: Pipeline, moment: str) -> None:
    """The object is the new version, under its own key; no mixture and no rest is left."""
    new = files.large(_CREW, 7)

    def replace() -> None:
        pipeline.publish(_CREW, new, webs.NEXT_DAY)

    pipeline.publish(_CREW, _LARGE)
    if moment == "while it is read":
        pipeline.web.faults.append(webs.cut(len(_LARGE) // 2))
    pipeline.web.faults.append(webs.first(replace))
    result = pipeline.download(_CREW)
    assert "/20260102T004000Z-" in result.item.key
    assert _content(pipeline, result.item.key) == new
    assert list(pipeline.store.objects()) == [result.item.key]
    assert pipeline.uploads() == []


def test_a_file_that_keeps_changing_is_left_for_later(pipeline: Pipeline) -> None:
    """A run does not chase a file for ever: 75 with the address."""
    numbers = iter(range(2, 100))

    def replace() -> None:
        pipeline.publish(_RATINGS, files.file(_RATINGS, range(1, next(numbers))))

    replace()
    pipeline.web.faults.extend([webs.first(replace)] * 50)
    with pytest.raises(TemporaryError, match=r"title\.ratings\.tsv\.gz changed .* 5 times"):
        pipeline.download(_RATINGS)
    assert pipeline.store.objects() == {}


def test_a_source_that_stays_away_mid_way_aborts_the_upload(pipeline: Pipeline) -> None:
    """When reading fails for good, the upload is aborted instead of completed short."""
    pipeline.publish(_CREW, _LARGE)
    pipeline.web.faults.extend([webs.cut(8 << 20), *([webs.status(503)] * 200)])
    with pytest.raises(TemporaryError, match="503"):
        pipeline.download(_CREW, imdb_retry_seconds=0.5)
    assert pipeline.store.objects() == {}
    assert pipeline.uploads() == []


def test_an_unforeseen_error_while_reading_aborts_the_upload(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is raised between two reads comes out as it was, and nothing is visible."""
    pipeline.publish(_CREW, _LARGE)
    whole = downloads.Validator.read
    calls = iter(range(100))

    def read(validator: downloads.Validator, size: int) -> bytes:
        if next(calls) == 2:
            message = "unforeseen"
            raise RuntimeError(message)
        return whole(validator, size)

    monkeypatch.setattr(downloads.Validator, "read", read)
    with pytest.raises(RuntimeError, match="unforeseen"):
        pipeline.download(_CREW)
    assert pipeline.store.objects() == {}
    assert pipeline.uploads() == []


@pytest.mark.parametrize("content", [files.file(_CREW), _LARGE], ids=["small", "large"])
def test_two_downloads_at_once(pipeline: Pipeline, content: bytes) -> None:
    """Two runs that write one key write the same bytes: either wins, both succeed."""
    pipeline.publish(_CREW, content)
    barrier = threading.Barrier(2)
    pipeline.web.faults.extend([webs.first(barrier.wait)] * 2)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(pipeline.download, [_CREW, _CREW]))
    assert pipeline.web.count("GET") == 2
    assert {result.item.key for result in results} == set(pipeline.store.objects())
    assert _content(pipeline, results[0].item.key) == content
    assert pipeline.uploads() == []


def _answer(status: int, code: str) -> Callable[..., object]:
    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body = f"<Error><Code>{code}</Code><Message>told to</Message></Error>".encode()

        class _Raw:
            def stream(self) -> list[bytes]:
                return [body]

        return AWSResponse(request.url, status, {}, _Raw())  # type: ignore[arg-type]

    return answer


def _act(actions: Iterator[Callable[..., object]], **details: object) -> object:
    action = next(actions, None)
    return None if action is None else action(**details)


def _store(pipeline: Pipeline, faults: dict[str, list[Callable[..., object]]]) -> stores.Store:
    """Return the store, whose calls of the named operations meet one fault each."""
    store = stores.Store(pipeline.settings())
    for operation, actions in faults.items():
        act = partial(_act, iter(actions))
        store.client.meta.events.register_first(f"before-send.s3.{operation}", act)  # type: ignore[arg-type] # what it returns is the answer
    return store


def _download(pipeline: Pipeline, store: stores.Store) -> downloads.Downloaded:
    return downloads.download(Source(pipeline.settings()), store, _CREW)


@pytest.mark.parametrize(
    "operation", ["HeadObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"]
)
def test_a_store_that_is_busy_is_asked_again(pipeline: Pipeline, operation: str) -> None:
    """S3 answers 503 SlowDown as a matter of course; an upload survives it."""
    pipeline.publish(_CREW, _LARGE)
    busy = [_answer(503, "SlowDown")] * 2
    result = _download(pipeline, _store(pipeline, {operation: busy}))
    assert _content(pipeline, result.item.key) == _LARGE
    assert pipeline.uploads() == []


def test_a_store_that_fails_ends_the_reading_at_once(pipeline: Pipeline) -> None:
    """When parts cannot be stored, the rest of the file is not fetched in vain."""
    pipeline.publish(_CREW, files.large(_CREW, 50))
    refused = [_answer(400, "InvalidRequest")] * 100
    with pytest.raises(TemporaryError, match="InvalidRequest"):
        _download(pipeline, _store(pipeline, {"UploadPart": refused}))
    assert pipeline.store.objects() == {}
    assert pipeline.uploads() == []
    assert pipeline.web.sent < 40 << 20


def test_a_completed_upload_whose_answer_was_lost_is_accepted(pipeline: Pipeline) -> None:
    """CompleteMultipartUpload timed out though it succeeded: the object is there and whole."""
    pipeline.publish(_CREW, _LARGE)

    def complete_and_lose(request: AWSPreparedRequest, **_: object) -> None:
        stores.Store(pipeline.settings()).client._endpoint.http_session.send(request)  # type: ignore[attr-defined] # noqa: SLF001
        raise ReadTimeoutError(endpoint_url=request.url)

    store = _store(pipeline, {"CompleteMultipartUpload": [complete_and_lose]})
    result = _download(pipeline, store)
    assert _content(pipeline, result.item.key) == _LARGE
    assert pipeline.uploads() == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the store refuses"),
        ({"AWS_ACCESS_KEY_ID": "wrong"}, "the store refuses"),
        ({"IMDB_BUCKET": "no-such-bucket"}, "NoSuchBucket; check IMDB_BUCKET"),
    ],
)
def test_a_wrong_setting_of_the_store_is_not_retried(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], says: str
) -> None:
    """What no second try cures is 78 and says what to look at."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers credentials
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    pipeline.publish(_RATINGS, files.file(_RATINGS))
    with pytest.raises(ConfigurationError, match=says):
        pipeline.download(_RATINGS)


def test_no_credentials_at_all_are_named(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing secret is 78 and named."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers credentials
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    # No asking of a cloud's metadata service, nor of the files of whoever runs the tests.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    pipeline.publish(_RATINGS, files.file(_RATINGS))
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        pipeline.download(_RATINGS)


def test_the_region_is_the_one_of_the_environment(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_REGION is read; boto3 by itself reads AWS_DEFAULT_REGION only."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert stores.Store(pipeline.settings()).client.meta.region_name == "eu-central-1"


def test_a_store_that_is_not_there_is_temporary(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that starts later is 75; the message has the address's variable."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(TemporaryError, match="check AWS_ENDPOINT_URL"):
        pipeline.download(_RATINGS)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_a_download_that_is_ended_shows_nothing(
    pipeline: Pipeline, number: signal.Signals, code: int
) -> None:
    """Ended while it uploads, a download leaves no object; gracefully ended, no upload either.

    The source gives nothing more at that moment: a step that is told to go does not wait for it.
    """
    reached, released = threading.Event(), threading.Event()
    # The program's own parts have 8 MB.
    pipeline.publish(_CREW, files.large(_CREW, 12))
    pipeline.web.faults.append(webs.hold(10 << 20, reached, released))
    with pipeline.start("download", _CREW.name) as process:
        assert reached.wait(30)
        _until(lambda: bool(pipeline.uploads()))
        process.send_signal(number)
        output, error = process.communicate(timeout=15)
    released.set()
    assert process.returncode == code
    assert output == b""
    assert pipeline.store.objects() == {}
    if number == signal.SIGKILL:
        assert len(pipeline.uploads()) == 1
    else:
        assert pipeline.uploads() == []
        event = logged(error)[-1]
        assert (event["event"], event["signal"]) == ("interrupted", number.name)


def _until(condition: Callable[[], bool]) -> None:
    """Wait for what another process is about to do."""
    for _ in range(300):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it never happened")


def test_an_orphan_upload_is_aborted_once_it_is_old(pipeline: Pipeline) -> None:
    """What a killed step left open goes at the next download; a younger one may be alive."""
    client, bucket = pipeline.store.client, pipeline.store.bucket
    key = "imdb/title.ratings/20250101T000000Z-00000000.tsv.gz"
    other = "imdb/title.crew/20250101T000000Z-00000000.tsv.gz"
    client.create_multipart_upload(Bucket=bucket, Key=key)
    client.create_multipart_upload(Bucket=bucket, Key=other)
    pipeline.publish(_RATINGS, files.file(_RATINGS))
    pipeline.download(_RATINGS, imdb_deadline_seconds=3600.0)
    assert sorted(pipeline.uploads()) == [other, key]
    # The store's times are whole seconds.
    time.sleep(1.1)
    pipeline.download(_RATINGS, imdb_deadline_seconds=0.001)
    assert pipeline.uploads() == [other]


def test_the_command_says_where_the_object_is(pipeline: Pipeline) -> None:
    """Standard output is the key and nothing else, for a workflow to pass on."""
    pipeline.publish(_RATINGS, files.file(_RATINGS))
    for kind, rows in (("downloaded", 10), ("cached", None)):
        done = pipeline.run("download", "title.ratings")
        assert done.returncode == 0
        (key,) = pipeline.store.objects()
        assert done.stdout == f"{key}\n".encode()
        event = logged(done.stderr)[-1]
        assert event["event"] == "done"
        assert (event["kind"], event["key"], event["rows"]) == (kind, key, rows)


def test_the_command_fails_with_its_code(pipeline: Pipeline) -> None:
    """65 and one message, with the dataset."""
    pipeline.web.put(_RATINGS.file, b"<html>")
    done = pipeline.run("download", "title.ratings")
    assert (done.returncode, done.stdout) == (65, b"")
    (event,) = [event for event in logged(done.stderr) if event["level"] == "error"]
    assert event["dataset"] == "title.ratings"
    assert "not gzip" in str(event["error"])
