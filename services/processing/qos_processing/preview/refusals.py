"""Why a preview can't be told: nothing is ever changed by one."""

from qos_domain.rulebooks import Rulebook


class PreviewRefused(Exception):
    """It can't be told as things are; the message says what to do."""


class SameVersion(PreviewRefused):
    """There is nothing to compare."""

    def __init__(self, rulebook: Rulebook) -> None:
        super().__init__(
            f"{rulebook.kind} {rulebook.version} is in force already: nothing would change. Name another version or"
            " file"
        )
        self.rulebook = rulebook
