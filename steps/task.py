"""What one load has to do: which object, after which, as which row of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.errors import DataError
from steps.ledger import Entry

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from steps.ledger import Changed, Load
    from steps.store import Store, StoredObject

SHRINK = 0.05
"""Share of its rows that a dataset may lose from one load to the next; IMDb's grow daily."""

CHANGE = 0.5
"""Share of its rows that may go or become others from one load to the next: of title.ratings a
fifth does daily, of other datasets a few hundredths."""


@dataclass(frozen=True, slots=True)
class Task:
    """A load of `item`, while readers see what the load `before` showed.

    The connection holds the dataset's lock. `hold` pins the dataset to the object; `accept` lets
    it through though it lost more rows than SHRINK, or more than CHANGE of them are not the same.
    """

    store: Store
    connection: Connection[TupleRow]
    item: StoredObject
    before: Load | None
    load_id: int
    started_at: datetime
    hold: bool
    accept: bool

    def check_rows(self, rows: int) -> None:
        """Refuse an object with so many rows if they are too few.

        Raises:
            DataError: they are.

        """
        name = self.item.dataset.name
        if rows == 0:
            message = f"{name} has a header and no rows; readers see what they saw"
            raise DataError(message, object=self.item.key)
        before = self.before
        if before is not None and not self.accept and rows < before.rows * (1 - SHRINK):
            message = (
                f"{name} shrank from {before.rows:,} to {rows:,} rows, by more than "
                f"{SHRINK:.0%}; readers see what they saw; if that is right, "
                f"`imdb load {name} --accept`"
            )
            raise DataError(message, object=self.item.key)

    def check_changes(self, lost: int) -> None:
        """Refuse an object in which so many of the rows before are gone or others.

        Raises:
            DataError: they are too many.

        """
        name, before = self.item.dataset.name, self.before
        if before is not None and not self.accept and lost > before.rows * CHANGE:
            message = (
                f"{name} lacks or changes {lost:,} of {before.rows:,} rows, over {CHANGE:.0%}; "
                f"readers see what they saw; if that is right, `imdb load {name} --accept`"
            )
            raise DataError(message, object=self.item.key)

    def entry(
        self,
        rows: int,
        vanished_rows: int | None,
        vanished_example: str | None,
        changed: Changed | None = None,
    ) -> Entry:
        """Return the ledger's row for what came of it."""
        return Entry(
            self.load_id,
            self.item,
            rows,
            self.started_at,
            vanished_rows,
            vanished_example,
            changed,
        )
