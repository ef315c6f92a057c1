"""Creating the topics: `KAFKA_BOOTSTRAP_SERVERS=... python -m qos_runtime.create_topics`, before the services start.

May be run again at will: what exists is compared and never changed. Exit code 0 when all topics are as results need
them, 1 when the broker is away or refuses (try again), 2 when a setting is missing or a topic would make results wrong.
"""

import asyncio
import sys

from aiokafka.errors import KafkaError
from pydantic import Field

from qos_domain.errors import TransientFailure
from qos_runtime.errors import NotConfigured, TopicsNotReady
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import TopicReport, create_topics, require_topics


class TopicsSettings(RuntimeSettings):
    """What decides about topics, and how to reach the broker: the variables that all services share."""

    database_url: str = Field(default="", validation_alias="DATABASE_URL", repr=False)
    """Not used: topics need no database."""


async def create(settings: TopicsSettings) -> TopicReport:
    """Create what is missing. Raises TopicsNotReady where a topic's settings would make results wrong,
    TransientFailure when no broker answers, aiokafka's KafkaError when it refuses."""
    async with admin_client(settings) as admin:
        report = await create_topics(admin, settings)
        await require_topics(admin, settings)
    return report


def main() -> int:
    try:
        report = asyncio.run(create(TopicsSettings.from_environment()))
    except (NotConfigured, TopicsNotReady) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (TransientFailure, KafkaError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"created {name}\n" for name in report.created)
    sys.stdout.writelines(f"Warning: {difference}\n" for difference in report.differing)
    sys.stdout.write(f"{len(report.created)} topics created, {len(report.existing)} there already.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
