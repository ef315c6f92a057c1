"""What a generation of results was made with: logic, calendar, time zone. Nothing else may add to it or judge it."""

from typing import NamedTuple

from qos_domain.calendar import Calendar
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.errors import BrokenInvariant


class MadeWith(NamedTuple):
    """None: nobody has said so yet. A version without a digest is one of which only the name is known."""

    calendar: str | None = None
    calendar_digest: str | None = None
    time_zone: str | None = None


class OtherLogic(BrokenInvariant):
    """The live tables were made by other logic than this program's: adding to them would make a mixture."""

    def __init__(self, *, stored: int, own: int) -> None:
        super().__init__(
            f"the live generation has logic version {stored}, this program has {own}: run the program that fits, or let"
            " this one build the results anew from the log, beside the live ones: `python -m qos_processing.rebuild`"
        )
        self.stored = stored
        self.own = own


class OtherCalendar(BrokenInvariant):
    """The live tables were made with another calendar, or in another time zone: adding to them would make a mixture."""

    def __init__(self, *, stored: MadeWith, own: MadeWith) -> None:
        if stored.calendar == own.calendar:
            what = f"calendar {own.calendar} in time zone {stored.time_zone}", f"time zone {own.time_zone}"
            setting = "QOS_TIME_ZONE"
        else:
            what, setting = (f"calendar {stored.calendar}", f"calendar {own.calendar}"), "QOS_CALENDAR"
        super().__init__(
            f"the live results were made with {what[0]}, this process has {what[1]}: set {setting} to what they were"
            " made with. If they are to change: `qos restate --dry-run --calendar ...` says what that would do, `qos"
            " rebuild --calendar ...` makes all results anew with it, and then this process fits"
        )
        self.stored = stored
        self.own = own


class ChangedCalendar(BrokenInvariant):
    """The calendar has the version of the one that made the live tables, and other content."""

    def __init__(self, *, version: str) -> None:
        super().__init__(
            f"the live results were made with a calendar {version!r} of other content: a calendar never changes under"
            " its name. Use the file that they were made with, or give the new one a version of its own"
        )
        self.version = version


NOT_SAID = MadeWith()


def made_with(calendar: Calendar) -> MadeWith:
    """What results of this process are made with."""
    return MadeWith(calendar.version, calendar.digest, calendar.time_zone.key)


def check_logic(stored: int) -> None:
    """Raises OtherLogic unless results of that logic version are those of this program."""
    if stored != LOGIC_VERSION:
        raise OtherLogic(stored=stored, own=LOGIC_VERSION)


def check_calendar(stored: MadeWith, calendar: Calendar) -> None:
    """Raises OtherCalendar or ChangedCalendar unless results that were made so fit the calendar, as far as is known."""
    own = made_with(calendar)
    if stored.calendar not in {None, own.calendar} or stored.time_zone not in {None, own.time_zone}:
        raise OtherCalendar(stored=stored, own=own)
    if stored.calendar_digest not in {None, own.calendar_digest}:
        raise ChangedCalendar(version=calendar.version)
