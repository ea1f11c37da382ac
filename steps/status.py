"""Status: the ledger as a table for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table

from steps import database, ledger
from steps.catalog import DATASETS
from steps.schema import check_version

if TYPE_CHECKING:
    from datetime import timedelta

    from steps.settings import Settings


def _age(age: timedelta) -> str:
    hours, rest = divmod(int(age.total_seconds()), 3600)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min"


def status(settings: Settings) -> Table:
    """Return a table of what readers see: a row for each dataset.

    The version is the source's Last-Modified, from which the age is counted. Under the rows of
    a delta stands how many it inserted (+), updated (~) and deleted (-).

    Raises:
        ConfigurationError, TemporaryError: the database cannot be asked.

    """
    # Without a box it fits into the 80 columns of a pipe or a small terminal.
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("dataset", "version (UTC)", "age"):
        table.add_column(heading, no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    for heading in ("load", "loaded at (UTC)"):
        table.add_column(heading, no_wrap=True)
    now = datetime.now(UTC)
    with database.errors(), database.connect(settings) as connection:
        check_version(connection)
        for dataset in DATASETS:
            load = ledger.latest_load(connection, dataset)
            if load is None:
                table.add_row(dataset.name, "never loaded")
                continue
            pinned = ledger.pinned_key(connection, dataset)
            table.add_row(
                dataset.name,
                f"{load.last_modified.astimezone(UTC):%F %R}",
                _age(now - load.last_modified),
                f"{load.rows:,}\n{load.changed}" if load.changed else f"{load.rows:,}",
                "pinned" if pinned else load.kind,
                f"{load.finished_at.astimezone(UTC):%F %R}",
            )
    return table
