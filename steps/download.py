"""Download: from the source into the store, unless the store has that version already."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps import progress, tsv
from steps.errors import DataError, TemporaryError
from steps.inflate import PIECE_BYTES, Inflater, TruncatedError
from steps.log import log
from steps.source import Changed, Source

if TYPE_CHECKING:
    from steps.catalog import Dataset
    from steps.progress import Meter
    from steps.source import Version
    from steps.store import Store, StoredObject

_READ_BYTES = 256 << 10

_RESTARTS = 5
"""How often a file may be replaced while it is read before the run leaves it for later."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download did: the object, and the rows counted on the way (None: it was there)."""

    item: StoredObject
    rows: int | None


class Validator:
    """A stream of compressed bytes that ends without an error only if they are whole.

    Checks on the way: gzip's header, CRC and length of every member, the last member's end,
    and the first line against the catalogue. Reading is passing on: nothing is kept.
    """

    def __init__(self, stream: tsv.Readable, dataset: Dataset, meter: Meter) -> None:
        """Wrap a stream of a dataset's file."""
        self._stream = stream
        self._dataset = dataset
        self._meter = meter
        self._inflater = Inflater(dataset.file)
        self._first_line: bytearray | None = bytearray()
        self._last = b""
        self.rows = -1
        """Lines less the header."""

    def read(self, size: int = sys.maxsize, /) -> bytes:
        """Return `size` compressed bytes, fewer only at the end.

        S3's client takes a short read for the end, so that none may happen before it.

        Raises:
            DataError: what came is not a whole gzip file of this dataset.

        """
        pieces = []
        while size:
            piece = self._stream.read(min(size, _READ_BYTES))
            if not piece:
                self._end()
                break
            size -= len(piece)
            self._meter.done += len(piece)
            for text in self._inflater.feed(piece):
                self._text(text)
            pieces.append(piece)
        return b"".join(pieces)

    def _text(self, text: bytes) -> None:
        self.rows += text.count(b"\n")
        self._meter.rows = max(self.rows, 0)
        self._last = text[-1:]
        if self._first_line is not None:
            self._first_line += text
            line, end, _ = self._first_line.partition(b"\n")
            if end or len(self._first_line) >= PIECE_BYTES:
                tsv.check_header(self._dataset, bytes(line))
                self._first_line = None

    def _end(self) -> None:
        self._inflater.finish()
        if self._first_line is not None:
            tsv.check_header(self._dataset, bytes(self._first_line))
        if self._last != b"\n":
            message = f"the last line of {self._dataset.file} has no end"
            raise DataError(message, line=self.rows + 2)


def download(source: Source, store: Store, dataset: Dataset) -> Downloaded:
    """Bring the source's version of a dataset into the store and return its object.

    Bytes go from HTTP to S3 through memory, a few megabytes at a time. An object is visible
    only when complete and valid.

    Raises:
        DataError: what the source has is not a valid file; the store is as before.
        TemporaryError: source or store were away for too long, or the file kept changing.

    """
    try:
        with progress.shown(f"download {dataset.name}", None) as meter:
            return _download(source, store, dataset, meter)
    except DataError as error:
        message = f"{dataset.name} was not kept: {error.args[0]}; the store is as before"
        raise DataError(message, object=source.url(dataset), **error.where) from error


def _download(source: Source, store: Store, dataset: Dataset, meter: Meter) -> Downloaded:
    if aborted := store.abort_abandoned(dataset):
        log.warning("aborted_abandoned_uploads", dataset=dataset.name, count=aborted)
    for _ in range(_RESTARTS):
        meter.phase = "asking"
        version = source.version(dataset)
        found = store.find_version(dataset, version)
        if found is not None:
            return Downloaded(found, None)
        try:
            return _transfer(source, store, dataset, version, meter)
        except Changed:
            log.warning("source_changed", dataset=dataset.name, etag=version.etag)
        except TruncatedError as error:
            # A server that tells a length would have been caught out: the file itself is cut.
            if version.length is not None:
                raise
            log.warning("retry", reason=str(error))
    message = (
        f"{source.url(dataset)} changed or broke off {_RESTARTS} times while it was read; "
        "nothing was kept; try again later"
    )
    raise TemporaryError(message)


def _transfer(
    source: Source, store: Store, dataset: Dataset, version: Version, meter: Meter
) -> Downloaded:
    meter.total, meter.done, meter.rows = version.length, 0, 0
    meter.phase = "downloading"
    with source.open(version) as stream:
        body = Validator(stream, dataset, meter)
        item = store.write(store.key(dataset, version), version, body)
    return Downloaded(item, body.rows)
