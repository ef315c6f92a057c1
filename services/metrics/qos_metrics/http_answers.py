"""How an answer is sent: its JSON as the model says, and who may keep it for how long."""

from typing import Annotated, Any, TypeAlias

from fastapi import Header, Response
from pydantic import BaseModel

from qos_metrics.access import Audience

Authorization: TypeAlias = Annotated[
    str | None, Header(include_in_schema=False, description="Bearer <staff token>, for what is for staff.")
]

# A procedure's figures are live: whoever keeps them asks whether they are still the same.
REVALIDATE = "public, no-cache"
STAFF = "private, no-store"


def shared_for(seconds: float) -> str:
    """For figures that are the same for everybody for some seconds."""
    return f"public, max-age={int(seconds)}"


def answer(model: BaseModel, audience: Audience, cache: str = REVALIDATE) -> Response:
    """The model as JSON. What is for staff is kept by nobody."""
    return Response(
        model.model_dump_json(by_alias=True),
        media_type="application/json",
        headers={"Cache-Control": STAFF if audience == "staff" else cache, "Vary": "Authorization"},
    )


STAFF_SECURITY: dict[str, Any] = {"security": [{}, {"staffToken": []}]}
STAFF_ONLY_SECURITY: dict[str, Any] = {"security": [{"staffToken": []}]}
