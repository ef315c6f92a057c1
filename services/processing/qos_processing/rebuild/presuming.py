"""What was announced of cases, where the messages that said so are gone and the table that knew it is lost."""

from dataclasses import dataclass
from datetime import datetime

from qos_domain.calendar import Calendar
from qos_domain.case import view
from qos_domain.contributions import project
from qos_domain.facts import NO_FACTS, join
from qos_processing.announcing import presume
from qos_processing.folding import CaseChange
from qos_processing.log_shares import Told


@dataclass(frozen=True, slots=True)
class Presuming:
    """What was told `earlier` than `as_of` is what the sweep knew then; `told` is all that is known now.

    `number`: that of the last announcement that is presumed, see `announcing.presume`.
    """

    told: Told
    earlier: Told
    as_of: datetime
    number: int
    calendar: Calendar

    def presume(self, change: CaseChange, facts: int) -> CaseChange:
        """The case, made of so many facts, with what must have been announced of it before `as_of`."""
        procedure_id = change.key[0]
        known = self.earlier.cases.get(change.key, ())
        if not known:
            return change
        case = change.case
        versions = (told.procedures.get(procedure_id, ()) for told in (self.told, self.earlier))
        if len(known) < facts or len(set(map(len, versions))) > 1:
            history = self.earlier.history(procedure_id)
            projection = project(change.key, view(join(NO_FACTS, known)), history, self.calendar)
            case = None if projection is None else projection.case
        return change._replace(announced=presume(case, self.as_of, self.calendar, self.number))
