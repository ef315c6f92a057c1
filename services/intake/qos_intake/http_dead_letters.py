"""Routes of dead letters, for operators alone."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from qos_domain.errors import TransientFailure
from qos_intake import openapi_dead_letters as openapi
from qos_intake.bodies import whole_body
from qos_intake.credentials import presented_key
from qos_intake.letter_messages import DiscardRequest, LetterPage, RedriveRequest, SettledAnswer
from qos_intake.letters import LetterFilter
from qos_intake.letters_kafka import LetterLog, Place
from qos_intake.problems import RETRY_AFTER_SECONDS, Refused
from qos_intake.redriving import Redriver, Settled
from qos_intake.settings import IntakeSettings
from qos_intake.sources import Operator, Sources
from qos_runtime.dead_letters import State

_PLACE: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,18})")
_Asked = TypeVar("_Asked", RedriveRequest, DiscardRequest)


@dataclass(frozen=True, slots=True)
class LetterParts:
    """What these routes answer with."""

    settings: IntakeSettings
    sources: Sources
    letters: LetterLog
    redriver: Redriver
    caught_up: Callable[[], bool]


def router(parts: LetterParts) -> APIRouter:
    routes = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"], default_response_class=Response)

    def operator(request: Request) -> Operator:
        """Whose key the request carries. Raises Refused when it is no operator's."""
        key = presented_key(request)
        found = parts.sources.operator(key) if key else None
        if found is None:
            raise Refused("operators_only" if key and parts.sources.authenticate(key) else "unauthenticated")
        if not parts.caught_up():
            raise Refused("starting")
        return found

    async def asked(request: Request, form: type[_Asked]) -> _Asked:
        settings = parts.settings
        body = await whole_body(request, limit=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds)
        try:
            return msgspec.json.decode(body, type=form)
        except msgspec.ValidationError as error:
            raise Refused("malformed_request", field="body", rule=str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Refused("malformed_json", field="body", rule="one complete JSON document in UTF-8") from None

    @routes.get("", **openapi.LIST)
    async def list_letters(  # noqa: PLR0913, PLR0917 - one argument a parameter
        request: Request,
        state: Annotated[State | None, Query(description=openapi.STATE)] = None,
        reason: Annotated[str | None, Query(description=openapi.REASON, max_length=100)] = None,
        topic: Annotated[str | None, Query(description=openapi.TOPIC, max_length=200)] = None,
        source: Annotated[str | None, Query(description=openapi.SOURCE, max_length=200)] = None,
        position: Annotated[str | None, Query(description=openapi.POSITION, max_length=300)] = None,
        since: Annotated[AwareDatetime | None, Query(description=openapi.SINCE)] = None,
        until: Annotated[AwareDatetime | None, Query(description=openapi.UNTIL)] = None,
        limit: Annotated[int, Query(description=openapi.LIMIT, ge=1, le=1_000)] = 100,
        cursor: Annotated[str, Query(description=openapi.CURSOR, max_length=40)] = "0.0",
    ) -> Response:
        operator(request)
        place = _PLACE.fullmatch(cursor)
        if place is None:
            raise Refused("malformed_request", field="cursor", rule="the cursor of the page before")
        wanted = LetterFilter(state, reason, topic, source, position, since, until)
        start = Place(int(place[1]), int(place[2]))
        page = await _reading(parts.letters.page(wanted, start=start, limit=limit))
        following = f"{page.following.partition}.{page.following.offset}" if page.following else None
        return _answer(LetterPage(letters=[letter.view() for letter in page.letters], cursor=following))

    @routes.get("/{id}", **openapi.SHOW)
    async def show_letter(
        request: Request,
        id: str,  # noqa: A002  the word of the documents
        bytes: Annotated[bool, Query(description=openapi.BYTES)] = False,  # noqa: A002
    ) -> Response:
        operator(request)
        letter = await _reading(parts.letters.one(id))
        if letter is None:
            raise Refused("not_found", field="id", rule="a dead letter of the last 30 days: topic-partition-offset")
        return _answer(letter.view(with_bytes=bytes))

    @routes.post("/redrive", **openapi.REDRIVE)
    async def redrive(request: Request) -> Response:
        by = operator(request)
        order = await asked(request, RedriveRequest)
        repairs = {each.id: None if each.event is None else msgspec.json.encode(each.event) for each in order.letters}
        return _settled(await _reading(parts.redriver.redrive(repairs, operator=by, since=order.since)))

    @routes.post("/discard", **openapi.DISCARD)
    async def discard(request: Request) -> Response:
        by = operator(request)
        order = await asked(request, DiscardRequest)
        return _settled(await _reading(parts.redriver.discard(order.ids, operator=by, since=order.since)))

    return routes


_T = TypeVar("_T")


async def _reading(answer: Awaitable[_T]) -> _T:
    try:
        return await answer
    except TransientFailure:
        raise Refused("broker_unavailable") from None


def _settled(results: Sequence[Settled]) -> Response:
    """200 when all are settled, 503 when Kafka did not acknowledge some, else 207; the results say which."""
    statuses = {each.status for each in results}
    answer = SettledAnswer(results=results)
    if "unavailable" in statuses:
        return _answer(answer, 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})
    return _answer(answer, 200 if statuses <= {"redriven", "discarded"} else 207)


def _answer(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(document),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json",
    )
