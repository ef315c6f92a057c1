"""Cases of the clock: told by hand in a line, or drawn at random."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import strategies as st

from qos_domain.calendar import Calendar
from qos_domain.clock import ClockFacts, Judgement, judge
from qos_domain.procedures import ClockRules, Period
from qos_domain.vocabulary import SuspensionReason, Unit

TOKYO = timezone(timedelta(hours=9))


def at(text: str) -> datetime:
    """`2025-05-02 23:50`, Tokyo's wall clock; a date alone is ten in the morning."""
    moment = datetime.fromisoformat(text if len(text) > 10 else f"{text} 10:00")
    return moment if moment.tzinfo else moment.replace(tzinfo=TOKYO)


def period(text: str) -> Period:
    number, unit = text.split()
    units: dict[str, Unit] = {
        unit: unit for unit in ("business_days", "calendar_days", "weeks", "months", "years", "hours")
    }
    return Period(unit=units[unit], maximum=int(number))


def case(
    arrival: str,
    *,
    suspended: tuple[tuple[str, str, SuspensionReason], ...] = (),
    resumed: tuple[tuple[str, str], ...] = (),
    decided: tuple[str, ...] = (),
    notified: tuple[str, ...] = (),
    due_date: str | None = None,
    extended: tuple[tuple[str, str], ...] = (),
    withdrawn: str | None = None,
) -> ClockFacts:
    return ClockFacts(
        arrival=at(arrival),
        suspended=tuple((name, at(moment), reason) for name, moment, reason in suspended),
        resumed=tuple((name, at(moment)) for name, moment in resumed),
        decisions=tuple(at(moment) for moment in decided),
        results=tuple(at(moment) for moment in notified),
        due_date=None if due_date is None else date.fromisoformat(due_date),
        extensions=tuple((at(moment), f"e{n}", date.fromisoformat(new)) for n, (moment, new) in enumerate(extended)),
        withdrawn=None if withdrawn is None else at(withdrawn),
    )


def judged(
    facts: ClockFacts, normal: str | None, rules: ClockRules | None = None, time_zone: str = "Asia/Tokyo"
) -> Judgement:
    wanted = None if normal is None else period(normal)
    return judge(facts, rules or ClockRules(), wanted, Calendar.load(time_zone=time_zone))


# A leap day, both clock changes of Europe, the turn of the year.
STARTS = [datetime(2024, *day, tzinfo=UTC) for day in ((2, 20), (3, 27), (10, 23), (12, 20))]
_OFFSETS = st.sampled_from([UTC, TOKYO, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5, minutes=45))])
_NAMES = st.sampled_from(["s0", "s1", "s2"])
_REASONS: st.SearchStrategy[SuspensionReason] = st.sampled_from(["correction", "additional_data", "forwarded", "other"])


@st.composite
def facts(draw: st.DrawFn, days: int = 120) -> ClockFacts:
    """Any tangle of events in whole minutes: repeated, half missing, before the arrival, after the stop."""
    start = draw(st.sampled_from(STARTS))

    def moments(until: int) -> st.SearchStrategy[datetime]:
        minutes = st.integers(0, until * 24 * 60)
        return st.builds(lambda minute, zone: (start + timedelta(minutes=minute)).astimezone(zone), minutes, _OFFSETS)

    moment = moments(days)
    dates = st.integers(-20, days * 2).map(lambda n: start.date() + timedelta(days=n))
    return ClockFacts(
        arrival=draw(moments(days // 3)),
        suspended=tuple(draw(st.lists(st.tuples(_NAMES, moment, _REASONS), max_size=4))),
        resumed=tuple(draw(st.lists(st.tuples(_NAMES, moment), max_size=4))),
        decisions=tuple(draw(st.lists(moment, max_size=2))),
        results=tuple(draw(st.lists(moment, max_size=2))),
        due_date=draw(st.none() | st.none() | dates),
        extensions=tuple(draw(st.lists(st.tuples(moment, st.sampled_from(["e0", "e1"]), dates), max_size=3))),
    )


def rules() -> st.SearchStrategy[ClockRules]:
    return st.builds(
        ClockRules,
        count_arrival_day=st.booleans(),
        roll_to_business_day=st.booleans(),
        stop=st.sampled_from(["notification", "decision"]),
    )


DAY_PERIODS: st.SearchStrategy[Period] = st.one_of(
    st.builds(Period, unit=st.just("business_days"), maximum=st.integers(0, 60)),
    st.builds(Period, unit=st.just("calendar_days"), maximum=st.integers(0, 90)),
    st.builds(Period, unit=st.just("weeks"), maximum=st.integers(0, 12)),
    st.builds(Period, unit=st.just("months"), maximum=st.integers(0, 7)),
    st.builds(Period, unit=st.just("years"), maximum=st.integers(0, 1)),
)
HOUR_PERIODS: st.SearchStrategy[Period] = st.builds(Period, unit=st.just("hours"), maximum=st.integers(0, 72))
