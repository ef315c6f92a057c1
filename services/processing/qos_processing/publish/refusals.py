"""Why a month isn't published, or isn't restated: nothing was changed, and the message says what to do."""

from collections.abc import Sequence


class PublicationRefused(Exception):
    """It can't be begun as things are."""


class AlreadyPublishing(PublicationRefused):
    def __init__(self) -> None:
        super().__init__("another publication or restatement of this database is going on: let it end, or end it first")


class BeingRejudged(PublicationRefused):
    """Figures would be half old and half new."""

    def __init__(self, procedures: int) -> None:
        super().__init__(
            f"the cases of {procedures:,} procedures are being judged anew after a change of the registry: publish"
            " when that is done (pending_rejudgements of the metrics API says so)"
        )
        self.procedures = procedures


class NotTakenIn(PublicationRefused):
    """Some of what was appended to the log before the month ended isn't processed."""

    def __init__(self, *, topic: str, partition: int, stored: int, needed: int) -> None:
        super().__init__(
            f"{needed - stored:,} records that were appended to {topic}-{partition} before the month ended are not"
            " processed yet: let the workers catch up, then publish"
        )
        self.topic = topic
        self.partition = partition


class NeverPublished(PublicationRefused):
    """A restatement of a month that was never published."""

    def __init__(self, period: str, published: Sequence[str]) -> None:
        known = f"published are {', '.join(published)}" if published else "nothing was published yet"
        super().__init__(f"{period} was never published, so there is nothing to restate: {known}")
        self.period = period
        self.published = tuple(published)


class PublicationFailed(Exception):
    """It was begun and could not be completed: what was written doesn't count, and the next one removes it."""
