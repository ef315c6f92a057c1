"""What the demonstration asks the metrics API and the workers. Everything that it shows comes from here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from qos_runtime.metric_defs import PROCESSING_EVENTS

Json = Any


@dataclass(frozen=True, slots=True)
class ProcedureAnswer:
    """One procedure as the API tells of it: its version in force, its figures, its levels."""

    procedure: Json
    indicators: Json
    channels: Json
    assessment: Json


class MetricsApi:
    """The metrics service as staff see it: exact figures. `http` belongs to the caller."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url

    async def all_indicators(self, *, as_of: date, window: str) -> Json:
        """Indicators over all procedures, by channel; with the freshness of the answer."""
        return await self._figures("", as_of, window)

    async def organisation(self, organisation_id: str, *, as_of: date, window: str) -> Json:
        """Indicators of an organisation, by channel."""
        return await self._figures(f"/organisations/{organisation_id}", as_of, window)

    async def freshness(self) -> Json:
        return (await self._get("/v1/procedures", limit="1"))["freshness"]

    async def procedure(self, procedure_id: str, *, as_of: date, window: str) -> ProcedureAnswer:
        path = f"/v1/procedures/{procedure_id}"
        figures = await self._figures(f"/procedures/{procedure_id}", as_of, window)
        return ProcedureAnswer(
            procedure=(await self._get(path))["current"],
            indicators=figures["indicators"],
            channels=figures["channels"],
            assessment=(await self._get(f"{path}/levels", as_of=as_of.isoformat()))["live"],
        )

    async def _figures(self, scope: str, as_of: date, window: str) -> Json:
        return await self._get(f"/v1{scope}/indicators", as_of=as_of.isoformat(), window=window, by_channel="true")

    async def _get(self, path: str, **parameters: str) -> Json:
        response = await self._http.get(f"{self._url}{path}", params={"audience": "staff", **parameters})
        response.raise_for_status()
        return response.json()


async def processed_events(http: httpx.AsyncClient, worker_urls: Iterable[str]) -> int:
    """How many records the workers have committed since they started, dead letters included."""
    total = 0.0
    for url in worker_urls:
        response = await http.get(f"{url}/metrics")
        response.raise_for_status()
        for family in text_string_to_metric_families(response.text):
            if family.name == PROCESSING_EVENTS.name:
                total += sum(sample.value for sample in family.samples if sample.name.endswith("_total"))
    return int(total)
