"""Priority procedures, and the digitalisation rate of an organisation."""

from datetime import date
from typing import Any

from qos_domain.digitalisation import digitalisation, has_online_channel
from qos_domain.figures import Share
from qos_domain.periods import Span
from qos_domain.procedures import Name, Organisation, Procedure
from qos_domain.volume import priority, priority_spans

MAY = date(2025, 5, 14)


def a_procedure(**said: Any) -> Procedure:
    return Procedure(
        procedure_id="p",
        name=Name(ja="道路占用許可"),
        organisation=Organisation(id="construction", name=Name(ja="建設局"), kind="bureau"),
        effective_from=date(2020, 4, 1),
        **said,
    )


def test_priority_is_fixed_by_the_last_full_fiscal_year() -> None:
    found = priority(MAY, declared=None, last_year=9_999, this_year=12_000)
    assert (found.fiscal_year, found.priority, found.next_year) == ("FY2025", False, True)
    found = priority(MAY, declared=None, last_year=10_000, this_year=300)
    assert (found.priority, found.next_year) == (True, False)


def test_a_declared_priority_procedure_is_one_whatever_its_volume() -> None:
    found = priority(MAY, declared=True, last_year=20, this_year=3)
    assert (found.priority, found.next_year) == (True, True)
    assert priority(MAY, declared=False, last_year=20_000, this_year=3).priority


def test_the_years_that_priority_asks_for() -> None:
    assert priority_spans(MAY) == (Span(date(2024, 4, 1), date(2025, 3, 31)), Span(date(2025, 4, 1), MAY))


def test_an_online_channel_is_one_that_the_procedure_calls_online() -> None:
    assert has_online_channel(a_procedure(channels=("online", "counter")), MAY) is True
    assert has_online_channel(a_procedure(channels=("email", "counter")), MAY) is False
    assert has_online_channel(a_procedure(channels=("email",), online_channels=("email",)), MAY) is True
    assert has_online_channel(a_procedure(channels=("online",), online_channels=("email",)), MAY) is True
    assert has_online_channel(a_procedure(), MAY) is None
    assert has_online_channel(a_procedure(digital_since=date(2025, 5, 14)), MAY) is True
    assert has_online_channel(a_procedure(digital_since=date(2025, 5, 15)), MAY) is False


def test_the_rate_is_of_what_lies_within_the_organisations_discretion() -> None:
    found = digitalisation(
        [
            a_procedure(channels=("online",), within_discretion=True),
            a_procedure(channels=("online", "mail"), within_discretion=True),
            a_procedure(channels=("counter",), within_discretion=True),
            a_procedure(within_discretion=True),
            a_procedure(channels=("online",)),
            a_procedure(channels=("online",), within_discretion=False),
            a_procedure(channels=("counter",), within_discretion=False, barrier="physical_item"),
            a_procedure(channels=("mail",), within_discretion=False, barrier="physical_item"),
            a_procedure(within_discretion=False, barrier="national_law_or_system"),
            a_procedure(within_discretion=False),
        ],
        MAY,
    )
    assert found.online == Share(2, 4, 0.5)
    assert found.procedures == 10
    assert (found.channels_unknown, found.discretion_unknown) == (1, 1)
    assert (found.beyond_discretion, found.beyond_discretion_online) == (5, 1)
    assert found.barriers == {"national_law_or_system": 1, "not_stated": 1, "physical_item": 2}


def test_no_procedure_within_discretion_has_no_rate() -> None:
    assert digitalisation([], MAY).online == Share(0, 0, None)
