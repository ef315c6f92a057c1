"""Procedures that declare things, and evidence for and against them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from qos_domain.assessment import Assessment, Provenance, assess
from qos_domain.criteria import Criteria, Level, Principle, load
from qos_domain.evidence import Evidence
from qos_domain.findings import CriterionResult
from qos_domain.levels import Assessor
from qos_domain.measures import Sums
from qos_domain.procedures import DeclaredAttributes, Fee, Name, Organisation, Period, Procedure
from qos_domain.registry import Version, VersionName
from support.sums import AS_OF

CRITERIA: Criteria = load()
ASSESSOR = Assessor(CRITERIA)
PROVENANCE = Provenance(calendar="jp-tokyo-1", logic_version=1)
TEN_BUSINESS_DAYS = Period(unit="business_days", maximum=10)
FIVE_BUSINESS_DAYS = Period(unit="business_days", maximum=5)
EVERYTHING_DECLARED = DeclaredAttributes(
    status_visible=True,
    attachments_as_data=True,
    attachments_minimal_by_linkage=True,
    cashless_available=True,
    batch_group="moving house",
    smartphone_ready=True,
    form_assisted=True,
    feedback_enabled=True,
    feedback_acted_on=True,
)


def a_procedure(**said: Any) -> Procedure:
    """A water supply contract of which nothing but the required is said, unless said otherwise."""
    return Procedure(
        procedure_id="water-supply",
        name=Name(ja="水道の使用開始", en="Water supply contract"),
        organisation=Organisation(id="waterworks", name=Name(ja="水道局"), kind="bureau"),
        effective_from=date(2025, 4, 1),
        **said,
    )


def a_perfect_procedure(**said: Any) -> Procedure:
    """Everything is declared."""
    declared: dict[str, Any] = {
        "standard_period": TEN_BUSINESS_DAYS,
        "online_standard_period": FIVE_BUSINESS_DAYS,
        "fee": Fee(due=True),
        "attributes": EVERYTHING_DECLARED,
    }
    return a_procedure(**(declared | said))


def version(procedure: Procedure) -> Version:
    return Version(
        VersionName(procedure.effective_from, datetime(2025, 3, 1, tzinfo=UTC), "urn:registry", "v1"),
        procedure,
        retired=False,
    )


def throughout(sums: Sums, **by_span: Sums) -> Evidence:
    """The same sums in every span, or others where said by span (`month_3` for month-3, `d28` for 28d)."""
    named: Mapping[str, Sums] = {
        f"{name[1:]}d" if name.startswith("d") else name.replace("_", "-"): of_it for name, of_it in by_span.items()
    }
    return {span: named.get(span, sums) for span in CRITERIA.spans(AS_OF)}


def assessed(procedure: Procedure, evidence: Evidence, as_of: date = AS_OF) -> Assessment:
    return assess(ASSESSOR, version(procedure), evidence, as_of=as_of, provenance=PROVENANCE)


def result(assessment: Assessment, criterion: str) -> CriterionResult:
    (found,) = (
        result
        for principle in assessment.principles.values()
        for result in principle.criteria
        if result.criterion == criterion
    )
    return found


def levels(assessment: Assessment, principle: Principle) -> tuple[tuple[int, int], tuple[int, int]]:
    """((declared, possibly declared), (evidenced, possibly evidenced))."""
    found = assessment.principles[principle]
    return (
        (found.declared.level, found.declared.possible_level),
        (found.evidenced.level, found.evidenced.possible_level),
    )


def criterion_toml(principle: Principle, level: Level, more: str) -> str:
    return f"""
[[criteria]]
id = "{principle}-{level}"
principle = "{principle}"
level = {level}
title = {{ ja = "基準" }}
{more}
"""
