"""The bucket: made if it is missing, left alone if it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.steps.pipeline import logged

if TYPE_CHECKING:
    from tests.steps.pipeline import Pipeline


def test_a_bucket_is_made_once(pipeline: Pipeline) -> None:
    """Idempotent: a Job runs it at every upgrade; what is in the bucket stays."""
    name = "test-made-by-bucket"
    client = pipeline.store.client
    for made in (True, False):
        done = pipeline.run("bucket", IMDB_BUCKET=name)
        assert done.returncode == 0, done.stderr
        assert logged(done.stderr)[-1]["made"] is made
        client.put_object(Bucket=name, Key="mine", Body=b"x")
    assert client.get_object(Bucket=name, Key="mine")["Body"].read() == b"x"
    client.delete_object(Bucket=name, Key="mine")
    client.delete_bucket(Bucket=name)


def test_a_store_that_refuses(pipeline: Pipeline) -> None:
    """78 and what to check; the store is not asked for ever."""
    done = pipeline.run("bucket", AWS_SECRET_ACCESS_KEY="wrong")  # noqa: S106
    assert done.returncode == 78
    (event,) = logged(done.stderr)
    assert "the access key" in str(event["error"])
