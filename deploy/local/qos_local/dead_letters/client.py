"""The operators' API of intake, as the command line uses it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic, sleep
from typing import Any, Literal, TypeAlias

import httpx

Action: TypeAlias = Literal["redrive", "discard"]
Letter: TypeAlias = dict[str, Any]
Result: TypeAlias = dict[str, Any]

PAGE_LETTERS = 1_000
BATCH_LETTERS = 500
_RETRY_SECONDS = 1.0


class OperatorRefused(Exception):
    """Intake refuses the request: the key, the address or a filter is wrong."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"intake answers {status}: {detail}")
        self.status = status


class IntakeAway(Exception):
    """Intake, or Kafka behind it, did not answer for longer than we are ready to wait."""

    def __init__(self, url: str, seconds: float, problem: str) -> None:
        super().__init__(f"{url} did not answer for {seconds:.0f} seconds ({problem})")


class DeadLetterClient:
    """All of it raises OperatorRefused, and IntakeAway after `patience_seconds`. Everything may be repeated.

    `http` belongs to the caller.
    """

    def __init__(self, http: httpx.Client, *, url: str, key: str, patience_seconds: float) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/v1/dead-letters"
        self._headers = {"X-API-Key": key}
        self._patience_seconds = patience_seconds

    def letters(self, filters: Mapping[str, str], *, page: int = PAGE_LETTERS) -> Iterator[Letter]:
        """All that the filters find, without their bytes, each once."""
        seen: set[str] = set()
        cursor: str | None = "0.0"
        while cursor is not None:
            found = self._ask("GET", "", params={**filters, "limit": str(page), "cursor": cursor})
            for letter in found["letters"]:
                if letter["id"] not in seen:
                    seen.add(letter["id"])
                    yield letter
            cursor = found["cursor"]

    def letter(self, letter_id: str, *, with_bytes: bool = False) -> Letter:
        return self._ask("GET", f"/{letter_id}", params={"bytes": str(with_bytes).lower()})

    def settle(
        self,
        action: Action,
        letters: Sequence[Letter],
        *,
        event: Mapping[str, Any] | None = None,
        done: Callable[[int], None],
    ) -> list[Result]:
        """One result a letter, in their order, `BATCH_LETTERS` a request; `done` is told how many more are settled.
        `event`: the repaired event of the one letter."""
        results: list[Result] = []
        for start in range(0, len(letters), BATCH_LETTERS):
            batch = letters[start : start + BATCH_LETTERS]
            oldest = min(datetime.fromisoformat(letter["appended_at"]) for letter in batch)
            body: dict[str, Any] = {"since": oldest.isoformat()}
            if action == "discard":
                body["ids"] = [letter["id"] for letter in batch]
            else:
                body["letters"] = [{"id": letter["id"]} for letter in batch]
                if event is not None:
                    body["letters"][0]["event"] = event
            results += self._ask("POST", f"/{action}", json=body)["results"]
            done(len(batch))
        return results

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401
        """The answer. What intake can't do just now (503) is asked again: nothing counts twice."""
        deadline = monotonic() + self._patience_seconds
        while True:
            try:
                response = self._http.request(method, self._url + path, headers=self._headers, **request)
            except httpx.TransportError as error:
                problem, wait = type(error).__name__, _RETRY_SECONDS
            else:
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return _document(response)
                problem = "Kafka is away, or intake is starting"
                wait = _seconds(response.headers.get("Retry-After"))
            if monotonic() + wait > deadline:
                raise IntakeAway(self._url, self._patience_seconds, problem)
            sleep(wait)


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        document = {}
    if response.status_code not in (httpx.codes.OK, httpx.codes.MULTI_STATUS) or not isinstance(document, dict):
        detail = document.get("detail") if isinstance(document, dict) else None
        raise OperatorRefused(response.status_code, str(detail or response.reason_phrase))
    return document


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else _RETRY_SECONDS
