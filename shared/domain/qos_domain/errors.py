"""The three ways in which something can go wrong, as three bases that are never mixed."""


class RejectedEvent(Exception):
    """One event (or row) can't be accepted; the events around it can.

    `reason` is a stable machine name (`unknown_field`, `time_in_future`, ...), `field` a JSON pointer-like path into
    the CloudEvent (`data.channel`, `time`, `key`) and `rule` a sentence that says what would be accepted. None of
    them ever holds the offending value: it may be personal data.
    """

    def __init__(self, *, reason: str, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule} ({reason})")
        self.reason = reason
        self.field = field
        self.rule = rule


class TransientFailure(Exception):
    """Something outside (broker, database) is away: the same call may succeed later, nothing was decided."""


class BrokenInvariant(Exception):
    """The system's own promise does not hold: the process must end, a human must look."""
