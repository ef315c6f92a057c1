"""The registry of procedures is history: versions are effective-dated, and a case is judged by that of its arrival.

Domain document, The clock (Version) and Events (Rules that decide).
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime

from qos_domain.facts import Facts, standing
from qos_domain.procedures import Period, Procedure
from qos_domain.vocabulary import Channel


@dataclass(frozen=True, slots=True, order=True)
class VersionName:
    """The order of versions: the greatest with effective_from <= a date is in force on it."""

    effective_from: date
    time: datetime
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Version:
    name: VersionName
    procedure: Procedure
    retired: bool

    @property
    def organisation_id(self) -> str:
        return self.procedure.organisation.id

    def is_online(self, channel: Channel) -> bool:
        return self.procedure.is_online(channel)


@dataclass(frozen=True, slots=True)
class Rule:
    """What governs a case: the version of its reference date and, from the first version on, a period."""

    version: Version
    in_force: bool

    def period(self, channel: Channel) -> Period | None:
        """The online standard period for an online channel where it is set, else the general one."""
        if not self.in_force:
            return None
        procedure = self.version.procedure
        if procedure.online_standard_period is not None and self.version.is_online(channel):
            return procedure.online_standard_period
        return procedure.standard_period


class History:
    """All versions of one procedure. Immutable; empty when the procedure isn't registered."""

    __slots__ = ("_dates", "versions")

    def __init__(self, versions: tuple[Version, ...]) -> None:
        self.versions = versions
        self._dates = [version.name.effective_from for version in versions]

    @classmethod
    def of(cls, facts: Facts) -> "History":
        """The history that the registry events of one procedure say (`procedure.*` facts only)."""
        versions = []
        for fact in standing(facts):
            procedure = fact.payload
            if not isinstance(procedure, Procedure):
                raise TypeError(f"not a registry event: {fact.type}")
            name = VersionName(procedure.effective_from, fact.time, fact.source, fact.id)
            versions.append(Version(name, procedure, retired=fact.type == "procedure.retired"))
        return cls(tuple(sorted(versions, key=lambda version: version.name)))

    @property
    def registered(self) -> bool:
        return bool(self.versions)

    def at(self, day: date) -> Version | None:
        """The version in force on a local date; None before the first."""
        index = bisect_right(self._dates, day)
        return self.versions[index - 1] if index else None

    def rule(self, day: date) -> Rule | None:
        """What governs a case of that reference date. Before the first version there is no period, but the first
        version says whose the procedure is. None when the procedure isn't registered."""
        version = self.at(day)
        if version is not None:
            return Rule(version, in_force=True)
        return Rule(self.versions[0], in_force=False) if self.versions else None

    def affected_from(self, former: "History") -> date | None:
        """The first reference date whose governing version differs between both histories; None when none does."""
        before, after = set(former.versions), set(self.versions)
        if before == after:
            return None
        if not before or not after or former.versions[0] != self.versions[0]:
            return date.min
        return min(version.name.effective_from for version in before ^ after)


UNREGISTERED = History(())
