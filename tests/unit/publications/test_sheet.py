"""What the page of a procedure says of the month that was published last."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from qos_domain.measures import Sums
from qos_domain.periods import Month
from qos_domain.publication import ProcedureInputs, Statement, procedure_statement
from qos_domain.publication_events import PublicationIssued, PublicationLineage, PublicationRestated
from qos_domain.restatement import Step
from qos_metrics.language import Language, Writer
from qos_metrics.postgres_publications import Stated
from qos_metrics.present_publications import COLUMNS, HEADER, line
from qos_metrics.sheet_published import PublishedMonth, published_month
from support.evidence import ASSESSOR, a_perfect_procedure, assessed, throughout, version
from support.sums import buckets, online

AT = datetime(2025, 7, 6, 1, 0, tzinfo=UTC)
LINEAGE = PublicationLineage(
    criteria="tokyo-1", calendar="jp-tokyo-1", registry=None, logic_version=1, positions={}, processed_until=AT
)
GOOD, BAD = online(arrived=40, met=40), online(arrived=38, met=20, breached=18)


def statement(sums: Sums) -> Statement:
    inputs = ProcedureInputs(version=version(a_perfect_procedure()), buckets=buckets(sums), evidence=throughout(sums))
    return procedure_statement(inputs, assessor=ASSESSOR, month=Month(2025, 6))


def stated(before: Sums, after: Sums | None = None) -> Stated:
    issued = PublicationIssued(
        publication_id="2025-06.1",
        period="2025-06",
        scope="procedure",
        id="water-supply",
        organisation_id="waterworks",
        statement=statement(before),
        lineage=LINEAGE,
    )
    if after is None:
        return Stated(issued, None)
    restatement = PublicationRestated(
        publication_id="2025-06.1",
        period="2025-06",
        scope="procedure",
        id="water-supply",
        published=issued.digest,
        restated_at=AT,
        steps=(Step(cause="late_events", statement=statement(after)),),
        lineage=LINEAGE,
        late_events=2,
    )
    return Stated(issued, restatement)


def shown(found: Stated, language: Language = "en") -> PublishedMonth:
    live = assessed(a_perfect_procedure(), throughout(GOOD))
    writer = Writer(language, ZoneInfo("Asia/Tokyo"))
    return published_month(writer, found, live, audience="public", objective=0.95)


def test_what_stands_has_nothing_beside_it_but_today() -> None:
    found = shown(stated(BAD))
    assert (found.month, found.causes, found.restated_at) == ("June 2025", None, None)
    faster = found.levels[0]
    assert faster.restated is None
    assert faster.today is not None
    assert (faster.published.value, faster.today.value) == ("Lv1", "Lv2")
    assert all(row.restated is None for row in found.figures)


@pytest.mark.parametrize(("language", "causes"), [("en", "late events"), ("ja", "遅れて届いたイベント")])
def test_what_is_restated_stands_beside_what_was_published(language: Language, causes: str) -> None:
    found = shown(stated(BAD, GOOD), language)
    assert found.causes == causes
    assert found.restated_at is not None
    restated = {row.label: row.restated.value for row in [*found.levels, *found.figures] if row.restated is not None}
    assert list(restated.values()) == ["Lv2", "100 %" if language == "en" else "100%"]


def test_a_difference_that_rounding_hides_is_not_shown() -> None:
    found = shown(stated(online(arrived=38), online(arrived=41)))  # both are 40 to the public
    assert all(row.restated is None for row in found.figures)


def test_figures_that_there_are_none_of_are_told_as_such() -> None:
    satisfaction = next(row for row in shown(stated(BAD)).figures if row.label == "Satisfaction")
    assert (satisfaction.published.value, satisfaction.published.absent) == ("no cases", True)


def test_open_data_have_a_value_for_every_column() -> None:
    found = dict(zip(HEADER, line(stated(BAD, GOOD), "staff"), strict=True))
    assert (found["applications"], found["applications_restated"]) == (38, 40)
    assert (found["within_period"], found["results"], found["within_period_restated"]) == (20, 38, 40)
    assert (found["faster_evidenced"], found["faster_evidenced_restated"], found["faster_declared_settled"]) == (
        1,
        2,
        None,
    )
    assert found["causes"] == "late_events"
    assert len(HEADER) == 2 * len(COLUMNS) + 5
    public = dict(zip(HEADER, line(stated(BAD, GOOD), "public"), strict=True))
    assert (public["applications"], public["applications_restated"]) == (40, 40)
    again = stated(BAD, GOOD)
    assert again.restatement is not None
    stands = replace(again, restatement=replace(again.restatement, steps=()))
    assert dict(zip(HEADER, line(stands, "staff"), strict=True))["restated_at"] is None
