"""Settings of a run's servers, and the words for the machine that they are on."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
import psutil

from steps.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.settings import Settings


def machine() -> str:
    """Return what a figure depends on."""
    gigabytes = psutil.virtual_memory().total / 1e9
    return (
        f"{os.cpu_count()} cores, {gigabytes:.0f} GB, {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


@contextmanager
def within(environment: Mapping[str, str]) -> Iterator[Settings]:
    """Put settings into the environment, where libpq and boto3 look for passwords."""
    before = dict(os.environ)
    os.environ.update(environment)
    # boto3's own session remembers the keys that it read first, of servers that may be gone.
    boto3.setup_default_session()
    try:
        yield read_settings()
    finally:
        os.environ.clear()
        os.environ.update(before)
