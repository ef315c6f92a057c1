"""Results as a worker notices them, counted for Prometheus: they only grow, and begin at 0 with the process.

How many there are of a day is in the day buckets; this says what has just become known (docs/adr/0018).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Literal, NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry

from qos_processing.announcing import BACKFILL_DAYS
from qos_processing.folding import Found, Histories
from qos_runtime import metric_defs

NoticedResult: TypeAlias = Literal["met", "recovered", "breached", "retracted"]
Scope: TypeAlias = tuple[Literal["procedure", "organisation"], str]

OTHER = "other"


class Noticed(NamedTuple):
    """What was noticed of a case. The scope is the procedure where it is declared a priority procedure, else the
    organisation. `backfill`: more than seven days after its date."""

    scope: Scope
    result: NoticedResult
    backfill: bool


def scope_of(procedure_id: str, organisation_id: str, *, priority: bool) -> Scope:
    return ("procedure", procedure_id) if priority else ("organisation", organisation_id)


def noticed_results(found: Mapping[Found, int], histories: Histories, today: date) -> Counter[Noticed]:
    """What a fold found, by scope."""
    noticed: Counter[Noticed] = Counter()
    for one, cases in found.items():
        history = histories(one.procedure_id)
        version = history.at(today) or history.versions[0]
        priority = version.procedure.priority is True and not version.retired
        scope = scope_of(one.procedure_id, one.organisation_id, priority=priority)
        noticed[Noticed(scope, one.result, (today - one.day).days > BACKFILL_DAYS)] += cases
    return noticed


class SlaResults:
    """The counter. What was noticed is added once the transaction that noticed it is committed, and not before.

    At most `limit` scopes have an id of their own; what is noticed of further ones, or of a procedure that nobody has
    registered, counts under the id `other`.
    """

    def __init__(self, registry: CollectorRegistry, *, limit: int) -> None:
        self._limit = limit
        self._scopes: set[Scope] = set()
        self._results = metric_defs.SLA_RESULTS.counter(registry)
        metric_defs.SLA_RESULTS_SCOPES.gauge(registry).set_function(lambda: len(self._scopes))
        metric_defs.SLA_RESULTS_SCOPES_LIMIT.gauge(registry).set(limit)

    def add(self, noticed: Mapping[Noticed, int]) -> None:
        for (scope, result, backfill), cases in noticed.items():
            kind, name = scope
            if name and scope not in self._scopes and len(self._scopes) < self._limit:
                self._scopes.add(scope)
            shown = name if scope in self._scopes else OTHER
            self._results.labels(kind, shown, result, "yes" if backfill else "no").inc(cases)
