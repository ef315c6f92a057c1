"""What a publication rested on, as far as it is still there."""

from collections.abc import Sequence

from qos_domain import criteria as criteria_files
from qos_domain.calendar import Calendar, UnknownCalendar
from qos_domain.criteria import Criteria, InvalidCriteria
from qos_domain.publication_events import LogPosition, PublicationCompleted
from qos_runtime.logging import get_logger

log = get_logger(__name__)


def same_log(then: Sequence[LogPosition], now: Sequence[LogPosition]) -> bool:
    """Whether positions of then and of now are of the same topics."""
    known = {(each.topic, each.partition): each.topic_id for each in now}
    return all(each.topic_id is not None and known.get((each.topic, each.partition)) == each.topic_id for each in then)


def calendar_of(publication: PublicationCompleted, present: Calendar) -> Calendar:
    """The calendar of then; the present one where that isn't there any more."""
    if publication.calendar == present.version:
        return present
    try:
        return Calendar.load(publication.calendar, str(present.time_zone))
    except UnknownCalendar:
        log.warning("calendar_of_publication_unknown", period=publication.period, calendar=publication.calendar)
        return present


def criteria_of(publication: PublicationCompleted, present: Criteria) -> Criteria:
    """The criteria of then; the present ones where those aren't there any more."""
    if publication.criteria == present.version:
        return present
    try:
        return criteria_files.load(publication.criteria)
    except InvalidCriteria:
        log.warning("criteria_of_publication_unknown", period=publication.period, criteria=publication.criteria)
        return present
