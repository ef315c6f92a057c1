"""Why a recovery isn't begun: nothing was changed."""

from collections.abc import Sequence


class RecoveryRefused(Exception):
    """It can't be begun as things are; the message says what to do."""


class NotEmpty(RecoveryRefused):
    """A database with results of its own is not to be filled from outside."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(
            f"the database isn't empty: there are rows in {', '.join(tables)}. A recovery fills a new one, before any"
            " worker has started on it. To build the results of this one anew: `qos rebuild`. If workers have begun to"
            " fill what was to be recovered: stop them, make the database anew, and run this before they start"
        )
        self.tables = tables


class NoSchema(RecoveryRefused):
    """The database was made, but not its tables."""

    def __init__(self) -> None:
        super().__init__("the database has no tables yet: run `python -m qos_processing.migrate` first")
