"""Who may see exact figures and single cases: whoever holds the staff token, or everybody where it is said so."""

import hmac
from hashlib import sha256
from typing import Literal, TypeAlias

from qos_metrics.problems import StaffOnly
from qos_metrics.settings import MetricsSettings

Audience: TypeAlias = Literal["public", "staff"]


class Gate:
    """Checks the bearer token of a request against its hash, in constant time."""

    def __init__(self, settings: MetricsSettings) -> None:
        self._token_sha256 = settings.staff_token_sha256
        self.open = settings.staff_open

    def admit(self, audience: Audience, authorization: str | None) -> Audience:
        """The audience that was asked for; raises StaffOnly when that is staff and the credential isn't theirs."""
        if audience == "staff" and not self.open:
            scheme, _, token = (authorization or "").partition(" ")
            presented = scheme.lower() == "bearer" and bool(token)
            digest = sha256(token.strip().encode()).hexdigest() if presented else ""
            if not hmac.compare_digest(digest, self._token_sha256 or "-"):
                raise StaffOnly(presented=authorization is not None)
        return audience
