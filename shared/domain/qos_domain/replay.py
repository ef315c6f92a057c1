"""The whole system without Kafka and PostgreSQL: events in, cases and day buckets out, in memory.

It is what the services must agree with to the last case, and what lets anyone recompute a published figure from
exported events.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey, case_key, view
from qos_domain.contributions import project
from qos_domain.events import Event
from qos_domain.facts import NO_FACTS, Facts, fact_of, join
from qos_domain.procedures import Procedure
from qos_domain.registry import UNREGISTERED, History
from qos_domain.rows import Projection, Row


class Replay:
    """Accepted events in any order, with any repetition; the same set of events gives the same results."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.cases: dict[CaseKey, Facts] = {}
        self.registry: dict[str, Facts] = {}

    def add(self, event: Event) -> None:
        if isinstance(event.data, Procedure):
            procedure_id = event.data.procedure_id
            self.registry[procedure_id] = join(self.registry.get(procedure_id, NO_FACTS), (fact_of(event),))
        else:
            key = case_key(event)
            self.cases[key] = join(self.cases.get(key, NO_FACTS), (fact_of(event),))

    def add_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self.add(event)

    def history(self, procedure_id: str) -> History:
        return History.of(self.registry.get(procedure_id, NO_FACTS))

    def projections(self) -> Iterator[tuple[CaseKey, Projection]]:
        """Every case of which a fact stands, projected by the registry as it is now."""
        histories = {procedure_id: History.of(facts) for procedure_id, facts in self.registry.items()}
        for key, facts in self.cases.items():
            projection = project(key, view(facts), histories.get(key[0], UNREGISTERED), self.calendar)
            if projection is not None:
                yield key, projection

    def buckets(self) -> dict[str, dict[Row, int]]:
        """Day buckets by procedure: the sums of the contributions of all its cases."""
        sums: defaultdict[str, Counter[Row]] = defaultdict(Counter)
        for (procedure_id, _), projection in self.projections():
            sums[procedure_id].update(projection.contributions)
        return {procedure_id: dict(rows) for procedure_id, rows in sums.items()}
