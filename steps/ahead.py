"""Ahead: what an iterator gives, made in a thread of its own before it is asked for."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def ahead(items: Iterator[bytes], count: int) -> Iterator[Iterator[bytes]]:
    """Give an iterator over the same items, up to `count` of which wait to be taken.

    What the iterator raises is raised where its next item would have come. When the block is
    left early, no further item is made.
    """
    made: queue.Queue[bytes | None] = queue.Queue(count)
    left = threading.Event()

    def make() -> None:
        try:
            for item in items:
                made.put(item)
                if left.is_set():
                    return
        finally:
            made.put(None)

    with ThreadPoolExecutor(1, "ahead") as pool:
        making = pool.submit(make)

        def taken() -> Iterator[bytes]:
            while (item := made.get()) is not None:
                yield item
            making.result()

        try:
            yield taken()
        finally:
            left.set()
            # Makes room for the item that it holds, and for the end.
            while not making.done():
                try:
                    made.get(timeout=0.01)
                except queue.Empty:
                    continue
