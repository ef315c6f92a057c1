"""Who owns which procedure, as the registry's events say so far."""

from collections.abc import Collection

from qos_domain.events import Event
from qos_domain.procedures import Procedure


class OwnersInMemory:
    """The organisations of each procedure. What was corrected counts no more; what was true once goes on counting, so
    that the office that took an application can finish it after the procedure has moved."""

    def __init__(self) -> None:
        self._organisations: dict[str, dict[tuple[str, str], str]] = {}
        self._void: set[tuple[str, str]] = set()

    def of(self, procedure_id: str) -> Collection[str]:
        return frozenset(
            organisation
            for name, organisation in self._organisations.get(procedure_id, {}).items()
            if name not in self._void
        )

    def learn(self, event: Event) -> None:
        """Take in an event of the `procedures` topic; repeats and any order are harmless."""
        procedure = event.data
        if not isinstance(procedure, Procedure):
            return
        named = self._organisations.setdefault(procedure.procedure_id, {})
        named[event.source, event.id] = procedure.organisation.id
        if event.corrects is not None:
            self._void.add((event.source, event.corrects))

    def __len__(self) -> int:
        return len(self._organisations)
