"""What a publication rested on, as far as it is still there."""

from collections.abc import Sequence

from qos_domain import criteria as criteria_files
from qos_domain.calendar import Calendar, UnknownCalendar
from qos_domain.criteria import Criteria, InvalidCriteria
from qos_domain.publication_events import LogPosition, PublicationCompleted
from qos_processing import rulebooks
from qos_processing.publish.publishing import Rules
from qos_processing.transactions import Connection
from qos_runtime.logging import get_logger

log = get_logger(__name__)


def same_log(then: Sequence[LogPosition], now: Sequence[LogPosition]) -> bool:
    """Whether positions of then and of now are of the same topics."""
    known = {(each.topic, each.partition): each.topic_id for each in now}
    return all(each.topic_id is not None and known.get((each.topic, each.partition)) == each.topic_id for each in then)


async def rules_of(connection: Connection, publication: PublicationCompleted, present: Rules) -> Rules:
    """By what a publication was made: the calendar and the criteria of then."""
    return Rules(
        calendar=await _calendar(connection, publication, present.calendar),
        criteria=await _criteria(connection, publication, present.criteria),
    )


async def _calendar(connection: Connection, publication: PublicationCompleted, present: Calendar) -> Calendar:
    """As it was kept, or as it comes with this release; the present one where it is in neither."""
    if publication.calendar == present.version:
        return present
    kept = await rulebooks.content(connection, "calendar", publication.calendar)
    if kept is not None:
        return Calendar.parse(kept.encode(), str(present.time_zone))
    try:
        return Calendar.load(publication.calendar, str(present.time_zone))
    except UnknownCalendar:
        log.warning("calendar_of_publication_unknown", period=publication.period, calendar=publication.calendar)
        return present


async def _criteria(connection: Connection, publication: PublicationCompleted, present: Criteria) -> Criteria:
    if publication.criteria == present.version:
        return present
    kept = await rulebooks.content(connection, "criteria", publication.criteria)
    if kept is not None:
        return criteria_files.parse_json(kept)
    try:
        return criteria_files.load(publication.criteria)
    except InvalidCriteria:
        log.warning("criteria_of_publication_unknown", period=publication.period, criteria=publication.criteria)
        return present
