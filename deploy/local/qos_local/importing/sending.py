"""Sends events to intake and waits for its answer; what it can't take just now is sent again."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from qos_local.importing.binding import Remark

_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 30.0


class IntakeRefused(Exception):
    """Intake refuses the request as a whole: the key, the address or the media type is wrong."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"intake answers {status}: {detail}")
        self.status = status


class IntakeAway(Exception):
    """Intake could not take events for longer than we are ready to wait."""

    def __init__(self, url: str, seconds: float, problem: str) -> None:
        super().__init__(f"{url} could not take events for {seconds:.0f} seconds ({problem})")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on when intake can't take events, and how long to pause at most before it is asked again."""

    seconds: float = 120.0
    longest_pause_seconds: float = _LONGEST_RETRY_SECONDS


class IntakeClient:
    """`POST /v1/events` with NDJSON. Safe to repeat: events carry their ids.

    `http` belongs to the caller, who closes it; it needs no base address.
    """

    def __init__(self, http: httpx.AsyncClient, *, url: str, api_key: str, patience: Patience = Patience()) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/v1/events"
        self._headers = {"X-API-Key": api_key, "Content-Type": "application/x-ndjson"}
        self._patience = patience

    async def send(self, events: Sequence[bytes]) -> list[Remark | None]:
        """One answer for each event, in order: None when it was taken, else why it was refused.

        Returns when Kafka has acknowledged. Raises IntakeRefused, IntakeAway.
        """
        answers: list[Remark | None] = [None] * len(events)
        waiting = list(range(len(events)))
        deadline = asyncio.get_running_loop().time() + self._patience.seconds
        pause = _RETRY_SECONDS
        while waiting:
            wait, problem, still = await self._attempt(events, waiting, answers)
            if not still:
                break
            if len(still) < len(waiting):
                deadline = asyncio.get_running_loop().time() + self._patience.seconds
            waiting = still
            if asyncio.get_running_loop().time() + (wait or pause) > deadline:
                raise IntakeAway(self._url, self._patience.seconds, problem)
            await asyncio.sleep(wait or pause)
            pause = min(pause * 2, self._patience.longest_pause_seconds)
        return answers

    async def _attempt(
        self, events: Sequence[bytes], waiting: list[int], answers: list[Remark | None]
    ) -> tuple[float | None, str, list[int]]:
        """Send once; fills in `answers`. What remains to be sent again, after how many seconds, and why."""
        try:
            response = await self._http.post(
                self._url, content=b"\n".join(events[place] for place in waiting), headers=self._headers
            )
        except httpx.TransportError as error:
            return None, type(error).__name__, waiting
        retry_after = _seconds(response.headers.get("Retry-After"))
        if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE and len(waiting) > 1:
            middle = len(waiting) // 2
            _, _, first = await self._attempt(events, waiting[:middle], answers)
            wait, problem, second = await self._attempt(events, waiting[middle:], answers)
            return wait, problem, [*first, *second]
        document = _document(response)
        if "results" not in document:
            if response.status_code in (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS):
                return retry_after, str(document.get("detail", response.reason_phrase)), waiting
            raise IntakeRefused(response.status_code, str(document.get("detail", response.reason_phrase)))
        again: list[int] = []
        for place, result in zip(waiting, document["results"], strict=True):
            if result["status"] == "unavailable":
                again.append(place)
            elif result["status"] == "rejected":
                answers[place] = _remark(result["problem"])
        return retry_after, "Kafka does not acknowledge", again


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _remark(problem: dict[str, Any]) -> Remark:
    return Remark(str(problem.get("field", "")), str(problem.get("reason", "refused")), str(problem.get("rule", "")))


def _seconds(retry_after: str | None) -> float | None:
    """The header in seconds; its other form, a date, is treated as absent."""
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
