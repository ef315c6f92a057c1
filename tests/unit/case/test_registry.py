"""Which version of a procedure governs a case, and which cases a new version concerns."""

from datetime import date

from qos_domain.events import Event
from qos_domain.facts import NO_FACTS, fact_of, join
from qos_domain.procedures import Period
from qos_domain.registry import History
from support.builders import registered

FIVE_DAYS = Period(unit="business_days", maximum=5)
THREE_DAYS = Period(unit="business_days", maximum=3)


def history_of(*events: Event) -> History:
    return History.of(join(NO_FACTS, map(fact_of, events)))


def test_before_the_first_version_there_is_an_owner_but_no_period() -> None:
    rule = history_of(registered("2025-04-01")).rule(date(2025, 3, 31))
    assert rule is not None
    assert rule.version.organisation_id == "construction"
    assert rule.period("counter") is None


def test_the_online_period_is_for_the_channels_that_the_procedure_calls_online() -> None:
    event = registered(online_period=THREE_DAYS, online_channels=("online", "email"))
    rule = history_of(event).rule(date(2025, 5, 1))
    assert rule is not None
    assert [rule.period(channel) for channel in ("online", "email", "counter")] == [THREE_DAYS, THREE_DAYS, FIVE_DAYS]


def test_the_channel_online_is_online_even_for_a_procedure_that_only_names_others() -> None:
    rule = history_of(registered(online_period=THREE_DAYS, online_channels=("email",))).rule(date(2025, 5, 1))
    assert rule is not None
    assert [rule.period(channel) for channel in ("online", "email", "counter")] == [THREE_DAYS, THREE_DAYS, FIVE_DAYS]


def test_of_two_versions_for_one_day_the_one_reported_later_governs() -> None:
    history = history_of(
        registered("2025-04-01", at="2025-03-02", organisation="new"),
        registered("2025-04-01", at="2025-03-01", organisation="old"),
    )
    version = history.at(date(2025, 4, 1))
    assert version is not None
    assert version.organisation_id == "new"


def test_a_later_version_never_concerns_older_cases() -> None:
    first = registered("2020-04-01")
    former = history_of(first)
    present = history_of(first, registered("2025-07-01", period=THREE_DAYS, type="procedure.updated"))
    assert present.affected_from(former) == date(2025, 7, 1)
    assert former.affected_from(former) is None


def test_a_first_or_an_earlier_first_version_concerns_every_case() -> None:
    later = registered("2025-04-01")
    assert history_of(later).affected_from(History(())) == date.min
    assert history_of(later, registered("2020-04-01")).affected_from(history_of(later)) == date.min
