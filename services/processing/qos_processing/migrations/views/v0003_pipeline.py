"""How far processing is, what waits, and what was refused."""

from qos_processing.migrations.views import LIVE, View

_PIPELINE_POSITIONS = View(
    "pipeline_positions",
    "How far processing is in each partition of each input topic.",
    {
        "topic": ("topic", "The topic, without the prefix of the deployment."),
        "partition": ("partition", "The partition."),
        "next_offset": ("next_offset", "The next offset to be processed."),
        "last_appended_at": ("last_appended_at", "When the broker appended the last processed record; null: none yet."),
        "processed_at": ("processed_at", "When that was processed."),
    },
    f"FROM partition_offsets WHERE generation = {LIVE}",
)
_PIPELINE = View(
    "pipeline",
    "One row: what waits in the database.",
    {
        "generation": ("generation", "The live generation of results."),
        "logic_version": ("logic_version", "The version of the logic that made it."),
        "pending_rejudgements": (
            "(SELECT count(*) FROM rejudgements r WHERE r.generation = g.generation)",
            "Procedures whose cases are being judged anew.",
        ),
        "pending_messages": ("(SELECT count(*) FROM outbox)", "Messages that Kafka has not acknowledged."),
        "oldest_message_at": ("(SELECT min(created_at) FROM outbox)", "Since when the oldest one waits."),
    },
    "FROM generations g WHERE status = 'live'",
)
_DEAD_LETTERS = View(
    "dead_letters",
    "Records that could not be accepted, counted; never what was in them.",
    {
        "topic": ("topic", "The topic, without the prefix of the deployment."),
        "date": ("reporting.local_date(appended_at)", "The local date on which the broker appended them."),
        "reason": ("reason", "Which rule they break."),
        "records": ("count(*)", "How many."),
    },
    "FROM dead_letters GROUP BY 1, 2, 3",
)


VIEWS = (_PIPELINE_POSITIONS, _PIPELINE, _DEAD_LETTERS)
