"""What the registry says that alerts need: which procedures have an objective of their own, and whose they are."""

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from qos_domain.acceptance import AcceptanceRules
from qos_domain.calendar import Calendar
from qos_domain.events import Event
from qos_domain.procedures import Name, Organisation, Procedure
from qos_domain.replay import Replay
from qos_local.offline.reading import RefusedLine, read_events
from qos_local.simulation.offices import registrations
from qos_local.simulation.simulate import DAYS, registry_events


@dataclass(frozen=True, slots=True)
class Objective:
    """A procedure that is promised by itself: `share` of its results are to be met, (0, 1]. `bureau` is the id of the
    organisation that answers for it."""

    procedure_id: str
    name: Name
    bureau: str
    share: float


@dataclass(frozen=True, slots=True)
class Registered:
    """`objectives` are those of the declared priority procedures; all others are alerted on by organisation."""

    objectives: Sequence[Objective]
    bureaus: Sequence[Organisation]


class UnreadableRegistry(Exception):
    """A file of procedure events holds a line that no service would accept, or is no such file."""


def registered(events: Iterable[Event], *, as_of: date, calendar: Calendar) -> Registered:
    """What stands in the registry on a day; in the order of the ids. Other events than procedure events are passed
    over, so are procedures that are retired or not in force yet."""
    replay = Replay(calendar)
    replay.add_all(event for event in events if isinstance(event.data, Procedure))
    versions = [replay.history(procedure_id).at(as_of) for procedure_id in sorted(replay.registry)]
    standing = [version.procedure for version in versions if version is not None and not version.retired]
    bureaus = {procedure.organisation.id: procedure.organisation for procedure in standing}
    return Registered(
        objectives=[
            Objective(procedure.procedure_id, procedure.name, procedure.organisation.id, procedure.objective)
            for procedure in standing
            if procedure.priority
        ],
        bureaus=[bureaus[bureau] for bureau in sorted(bureaus)],
    )


def read_registry(files: Sequence[Path], *, as_of: date, calendar: Calendar, rules: AcceptanceRules) -> Registered:
    """What files of procedure events say, as `qos fold --procedures` takes them.

    Raises UnreadableRegistry: a procedure that is left out by mistake would be missed by nobody.
    """
    refused: list[RefusedLine] = []
    events: list[Event] = []
    for file in files:
        try:
            events += read_events(file, rules=rules, refused=refused.append)
        except (OSError, EOFError, gzip.BadGzipFile) as error:
            raise UnreadableRegistry(f"{file}: {error}") from error
    if refused:
        lines = (f"{each.path}:{each.line}: {each.reason}" for each in refused)
        raise UnreadableRegistry("\n".join(lines))
    return registered(events, as_of=as_of, calendar=calendar)


def demonstration(*, as_of: date, calendar: Calendar) -> Registered:
    """The ten procedures of `qos demo` and `qos simulate`."""
    first_day = as_of - timedelta(days=DAYS)
    told = registry_events(registrations(first_day, as_of - timedelta(days=1)), first_day, calendar)
    return registered(told, as_of=as_of, calendar=calendar)
