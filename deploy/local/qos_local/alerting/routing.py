"""alertmanager.yml: who is told what, and when.

Pages are the pipeline's alone and go out at any hour. Tickets wait until the office is open: those on procedures go to
the bureau that answers for them, those on the pipeline to its operators. While figures can't be trusted, bureaus are
told nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qos_domain.procedures import Organisation
from qos_local.alerting.burn_rates import BURN_RATES
from qos_local.alerting.office_hours import CLOSED, OPEN, OfficeHours
from qos_local.alerting.pipeline_rules import PIPELINE_ALERTS
from qos_local.alerting.tempo import Tempo

PAGES, TICKETS, CENTRAL = "operations-pages", "operations-tickets", "central-office"

Integrations = Mapping[str, Any]


class UnknownReceiver(Exception):
    """A receiver is described that nothing is routed to."""

    def __init__(self, *, name: str, known: Sequence[str]) -> None:
        super().__init__(f"{name}: no such receiver; there are {', '.join(known)}")
        self.name = name


def receiver_of(bureau: str) -> str:
    return f"bureau-{bureau}"


@dataclass(frozen=True, slots=True)
class Routing:
    """`receivers` says how some are reached, in Alertmanager's own words (`webhook_configs`, `email_configs`, ...). One
    that isn't described is told nothing: its alerts are seen in Alertmanager only.

    Raises UnknownReceiver.
    """

    bureaus: Sequence[Organisation]
    hours: OfficeHours
    first_year: int
    tempo: Tempo
    receivers: Mapping[str, Integrations] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.receivers:
            if name not in self.names:
                raise UnknownReceiver(name=name, known=self.names)

    @property
    def names(self) -> Sequence[str]:
        return (PAGES, TICKETS, CENTRAL, *(receiver_of(bureau.id) for bureau in self.bureaus))

    def configuration(self) -> dict[str, Any]:
        return {
            "route": self._route(),
            "inhibit_rules": _inhibitions(),
            "receivers": [{"name": name, **self.receivers.get(name, {})} for name in self.names],
            "time_intervals": self.hours.time_intervals(self.first_year),
        }

    def _route(self) -> dict[str, Any]:
        # Not inherited by the routes below one that has it.
        in_office_hours = {"active_time_intervals": [OPEN], "mute_time_intervals": [CLOSED]}
        return {
            "receiver": TICKETS,
            "group_by": ["alertname"],
            "group_wait": self.tempo.of(seconds=30),
            "group_interval": self.tempo.of(minutes=5),
            "repeat_interval": self.tempo.of(hours=24),
            "routes": [
                {
                    "receiver": PAGES,
                    "matchers": ['area="pipeline"', 'severity="page"'],
                    "repeat_interval": self.tempo.of(hours=4),
                },
                {
                    "receiver": CENTRAL,
                    "matchers": ['area="sla"'],
                    "group_by": ["bureau", "scope", "id"],
                    **in_office_hours,
                    "routes": [
                        {
                            "receiver": receiver_of(bureau.id),
                            "matchers": [f'bureau="{bureau.id}"'],
                            **in_office_hours,
                        }
                        for bureau in self.bureaus
                    ],
                },
                {"receiver": TICKETS, "matchers": ['area="pipeline"'], **in_office_hours},
            ],
        }


def _inhibitions() -> list[dict[str, Any]]:
    blinding = [alert.name for alert in PIPELINE_ALERTS if alert.blinds]
    fast, *slower = (burn.alert for burn in BURN_RATES)
    return [
        {"source_matchers": [_any_of(blinding)], "target_matchers": ['area="sla"']},
        {
            "source_matchers": [_any_of([fast])],
            "target_matchers": [_any_of(slower)],
            "equal": ["scope", "id"],
        },
        {"source_matchers": [_any_of([slower[0]])], "target_matchers": [_any_of(slower[1:])], "equal": ["scope", "id"]},
        # Nobody left of a service says it all.
        {
            "source_matchers": [_any_of([alert.name for alert in PIPELINE_ALERTS if alert.job])],
            "target_matchers": ['alertname="QosTargetDown"'],
            "equal": ["job"],
        },
        {
            "source_matchers": ['alertname="QosWorkersAway"'],
            "target_matchers": ['alertname="QosLagging"'],
        },
    ]


def _any_of(alerts: Sequence[str]) -> str:
    return f'alertname=~"{"|".join(alerts)}"'
