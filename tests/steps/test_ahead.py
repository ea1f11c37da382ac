"""Ahead: the same items as without a thread, and nothing left running."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from steps.ahead import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("count", [1, 3, 100])
def test_the_same_items(count: int) -> None:
    """All of them, in order."""
    items = [b"%d" % number for number in range(50)]
    with ahead(iter(items), count) as taken:
        assert list(taken) == items


def test_an_error_comes_where_it_arose() -> None:
    """Behind the items before it, and as itself."""

    def broken() -> Iterator[bytes]:
        yield b"one"
        message = "two"
        raise ValueError(message)

    with ahead(broken(), 4) as taken:
        assert next(taken) == b"one"
        with pytest.raises(ValueError, match="two"):
            next(taken)


@pytest.mark.parametrize("taken_first", [0, 1, 10])
def test_who_leaves_early_waits_for_nothing(taken_first: int) -> None:
    """What is endless ends; the error of the block is the one that is told."""
    made = 0

    def endless() -> Iterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b""

    def leave() -> None:
        with ahead(endless(), 2) as taken:
            for _ in range(taken_first):
                next(taken)
            raise KeyError

    threads = threading.active_count()
    with pytest.raises(KeyError):
        leave()
    assert threading.active_count() == threads
    assert made <= taken_first + 4
