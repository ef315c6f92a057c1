"""Ids for rows that come without one: the same row gets the same id, so a second upload changes nothing."""

from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from qos_domain.events import TYPE_OF, EventPayload

_CANONICAL = msgspec.json.Encoder(order="deterministic")


def row_id(*, source: str, time: datetime, data: EventPayload) -> str:
    """SHA-256(source, type, application_id, time, canonical data) in hexadecimal (domain document, Events).

    `type` is the short type, `application_id` null where the payload names none, `time` in UTC, and the data in
    canonical JSON: keys sorted, no blanks, defaults left out. The five stand in a JSON array, so none can run into the
    next.
    """
    application_id = getattr(data, "application_id", None)
    parts = [source, TYPE_OF[type(data)], application_id, time.astimezone(UTC), data]
    return sha256(_CANONICAL.encode(parts)).hexdigest()
