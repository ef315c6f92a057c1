"""The counter of noticed results has bounded labels, however many procedures and organisations there are."""

from collections import Counter
from datetime import date

from prometheus_client import CollectorRegistry

from qos_domain.facts import fact_of
from qos_domain.registry import History
from qos_processing.folding import Found
from qos_processing.sla_results import Noticed, Scope, SlaResults, noticed_results
from support.builders import registered

BUREAU: Scope = ("organisation", "construction")
PERMIT: Scope = ("procedure", "road-occupation")


def history(*versions: object) -> History:
    facts = [fact_of(version) for version in versions]  # type: ignore[arg-type]
    return History.of({(fact.source, fact.id): fact for fact in facts})


def seen(registry: CollectorRegistry, scope: str, name: str, result: str = "met") -> float | None:
    labels = {"scope": scope, "id": name, "result": result, "backfill": "no"}
    return registry.get_sample_value("qos_sla_results_total", labels)


def test_ten_thousand_organisations_are_a_hundred_and_others() -> None:
    registry = CollectorRegistry()
    results = SlaResults(registry, limit=100)
    for number in range(10_000):
        results.add({Noticed(("organisation", f"o{number}"), "met", False): 1})
    series = [
        sample for family in registry.collect() for sample in family.samples if sample.name == "qos_sla_results_total"
    ]
    assert len(series) == 101
    assert seen(registry, "organisation", "o99") == 1
    assert seen(registry, "organisation", "other") == 9_900
    assert registry.get_sample_value("qos_sla_results_scopes") == 100
    assert registry.get_sample_value("qos_sla_results_scopes_limit") == 100
    # Who came first keeps the id.
    results.add({Noticed(("organisation", "o7"), "met", False): 2, Noticed(PERMIT, "met", False): 1})
    assert seen(registry, "organisation", "o7") == 3
    assert seen(registry, *PERMIT) is None
    assert seen(registry, "procedure", "other") == 1


def test_of_a_procedure_that_nobody_registered() -> None:
    registry = CollectorRegistry()
    results = SlaResults(registry, limit=100)
    results.add({Noticed(("organisation", ""), "retracted", False): 1})
    assert seen(registry, "organisation", "other", "retracted") == 1
    assert registry.get_sample_value("qos_sla_results_scopes") == 0


def scopes(found: Found, of: History, today: date) -> Counter[Noticed]:
    return noticed_results({found: 1}, lambda _: of, today)


def test_the_scope_is_that_of_the_version_in_force_today() -> None:
    """Declared from June on: a result of May that is found in June counts under the procedure."""
    of = history(registered(), registered("2025-06-01", type="procedure.updated", priority=True))
    found = Found("road-occupation", "construction", "met", date(2025, 5, 30))
    assert scopes(found, of, date(2025, 5, 31)) == {Noticed(BUREAU, "met", False): 1}
    assert scopes(found, of, date(2025, 6, 1)) == {Noticed(PERMIT, "met", False): 1}


def test_a_retired_procedure_counts_with_its_organisation() -> None:
    of = history(registered(priority=True), registered("2025-06-01", type="procedure.retired", priority=True))
    found = Found("road-occupation", "construction", "recovered", date(2025, 6, 2))
    assert scopes(found, of, date(2025, 6, 2)) == {Noticed(BUREAU, "recovered", False): 1}


def test_more_than_seven_days_after_its_date_is_backfill() -> None:
    found = Found("road-occupation", "construction", "met", date(2025, 5, 13))
    assert scopes(found, history(registered()), date(2025, 5, 20)) == {Noticed(BUREAU, "met", False): 1}
    assert scopes(found, history(registered()), date(2025, 5, 21)) == {Noticed(BUREAU, "met", True): 1}
