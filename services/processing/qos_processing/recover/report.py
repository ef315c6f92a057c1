"""What a recovery brought back, and what it could not."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """`records` of the log, of which `refused` can't be accepted. `announced`: cases whose announcements were read
    back; `presumed`: partition numbers of which `sla-events` has forgotten the older ones. Of the `dead_letters` kept,
    `settled` are settled and `unpublished` were found in the log alone. `incomplete` publications can't be restored:
    some of what they say never reached the topic.
    """

    generation: int
    records: int
    refused: int
    cases: int
    announced: int
    presumed: int
    retracted: int
    assessed: int
    settled_levels: int
    dead_letters: int
    settled: int
    unpublished: int
    publications: int
    incomplete: int

    def lines(self) -> list[str]:
        """For people."""
        presumed = f"; of {self.presumed} partitions those before are presumed" if self.presumed else ""
        incomplete = (
            f" {self.incomplete} did not reach it whole: publish these months again." if self.incomplete else ""
        )
        return [
            f"Generation {self.generation} is live: {self.cases:,} cases of {self.records:,} records of the log, of"
            f" which {self.refused:,} can't be accepted.",
            f"Announcements: known of {self.announced:,} cases from sla-events{presumed}; {self.retracted:,} breaches"
            " taken back.",
            f"Levels: {self.assessed:,} assessments from qos-levels, {self.settled_levels:,} with settled levels.",
            f"Dead letters: {self.dead_letters:,} kept, {self.settled:,} of them settled; {self.unpublished:,} were not"
            " on the topic yet and will be.",
            f"Publications: {self.publications:,} from the topic publications.{incomplete}",
            "Not recovered: results of verifications, daily assessments of the past (settled levels go on where they"
            " were), and retractions that sla-events has forgotten.",
            "Start the workers; then `qos verify --everything --log`.",
        ]
