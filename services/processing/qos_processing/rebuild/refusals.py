"""Why a rebuild isn't begun, or can't be ended: nothing of the live generation was changed."""

from qos_processing.made_with import MadeWith


class RebuildRefused(Exception):
    """It can't be begun as things are; the message says what to do."""


class AlreadyRebuilding(RebuildRefused):
    def __init__(self) -> None:
        super().__init__("another rebuild of this database is going on: let it end, or end it first")


class TooLittleDisk(RebuildRefused):
    """Both generations lie on the disk until the old one is dropped."""

    def __init__(self, *, needed_bytes: int, free_bytes: int | None) -> None:
        needed = f"the new generation needs about {_gigabytes(needed_bytes)} beside the live one"
        if free_bytes is None:
            super().__init__(
                f"{needed}, and how much room PostgreSQL's disk has can't be seen from here: see to it, and say --yes"
            )
        else:
            super().__init__(
                f"{needed}, and PostgreSQL's disk has {_gigabytes(free_bytes)} left: make room (`--drop-old` drops"
                " generations that were live before), or say --yes if you know better"
            )
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes


class OtherCalendarNotAsked(RebuildRefused):
    """It would change due dates and results of the past, and nobody said that this is meant."""

    def __init__(self, *, stored: MadeWith, own: MadeWith) -> None:
        super().__init__(
            f"the live results were made with calendar {stored.calendar} ({stored.time_zone or own.time_zone}), this"
            f" rebuild would be with {own.calendar} ({own.time_zone}): say --calendar {own.calendar} if that is meant"
            " (`qos restate --dry-run --calendar ...` says what it would do), else set QOS_CALENDAR and QOS_TIME_ZONE"
            " to what they are for workers"
        )
        self.stored = stored
        self.own = own


class RebuildFailed(Exception):
    """It was begun, and what was built is not what it should be, or could not follow the live generation."""


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
