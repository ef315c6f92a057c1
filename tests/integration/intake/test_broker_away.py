"""A broker that is killed, frozen or never there: 503 with Retry-After, and what is sent again counts once."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from qos_intake.settings import IntakeSettings
from qos_local.stack.home import Home, cache_directory
from qos_local.stack.jars import ensure_jars
from qos_local.stack.kafka import KafkaNode
from support.backends import FAST
from support.eventually import eventually
from support.intake import BATCHED, Keys, create, running_intake, submitted

pytestmark = pytest.mark.real


class Broker:
    """A broker of this test's own, which may be treated badly."""

    def __init__(self, home: Path) -> None:
        self._node = KafkaNode(Home(home), usual_port=None)
        self._jars = ensure_jars(cache_directory())
        self.address = ""

    def start(self) -> None:
        self.address = KafkaNode.address(self._node.start(self._jars, overrides=FAST.kafka))

    def signal(self, number: signal.Signals) -> None:
        record = self._node.running()
        assert record is not None
        os.kill(record.pid, number)

    async def freeze(self) -> None:
        """Return when every thread stands still: until then a request may still be answered."""
        self.signal(signal.SIGSTOP)
        record = self._node.running()
        assert record is not None
        threads = Path(f"/proc/{record.pid}/task")

        def frozen() -> bool:
            states = [thread.joinpath("stat").read_text().rpartition(")")[2].split()[0] for thread in threads.iterdir()]
            return set(states) == {"T"}

        await eventually(frozen)

    def stop(self) -> None:
        if self._node.running():
            self.signal(signal.SIGCONT)
        self._node.stop()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


def impatient(address: str, keys: Keys, prefix: str) -> IntakeSettings:
    return IntakeSettings(
        kafka_bootstrap_servers=address,
        topic_prefix=prefix,
        partitions=2,
        sources_file=keys.file,
        publish_timeout_seconds=2,
    )


async def test_a_broker_that_is_killed_and_comes_back(broker: Broker, keys: Keys) -> None:
    settings = impatient(broker.address, keys, "killed.")
    await create(settings)
    async with running_intake(settings, keys) as intake:
        assert (await intake.post(submitted("e-before"))).status_code == 202
        broker.signal(signal.SIGKILL)

        batch = [submitted("e-1"), submitted("e-2", data={"channel": "fax"}), submitted("e-3")]
        response = await intake.post(batch, content_type=BATCHED)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        answer = response.json()
        assert (answer["accepted"], answer["rejected"], answer["unavailable"]) == (0, 1, 2)
        assert [each["status"] for each in answer["results"]] == ["unavailable", "rejected", "unavailable"]
        assert answer["results"][0]["problem"]["reason"] == "broker_unavailable"

        single = await intake.post(submitted("e-4"))
        assert (single.status_code, single.json()["reason"]) == (503, "broker_unavailable")
        assert single.headers["content-type"] == "application/problem+json"
        assert "retry-after" in single.headers
        assert (await intake.http.get("/health/ready")).status_code == 503
        assert (await intake.http.get("/health/live")).status_code == 200

        await asyncio.to_thread(broker.start)
        for event in (batch[0], batch[2], submitted("e-4")):

            async def taken(event: dict[str, object] = event) -> bool:
                return (await intake.post(event)).status_code == 202

            await eventually(taken, within=60)
        ids = [event.id for event in await intake.events("applications")]
        assert set(ids) == {"e-before", "e-1", "e-3", "e-4"}


async def test_a_broker_that_freezes(broker: Broker, keys: Keys) -> None:
    settings = impatient(broker.address, keys, "frozen.")
    await create(settings)
    async with running_intake(settings, keys) as intake:
        await broker.freeze()
        response = await intake.post(submitted("e-1"))
        assert (response.status_code, response.json()["reason"]) == (503, "broker_unavailable")

        header = "procedure_id,name.ja,organisation.id,organisation.name.ja,organisation.kind,effective_from"
        rows = "".join(f"p-{number},手続,construction,建設局,bureau,2025-04-01\n" for number in range(700))
        listed = await intake.put_csv(f"{header}\n{rows}".encode())
        answer = listed.json()
        assert listed.status_code == 503
        assert (answer["accepted"], answer["unavailable"], len(answer["results"])) == (0, 500, 500)
        assert answer["unread"]["from_row"] == 502
        assert answer["unread"]["problem"]["reason"] == "broker_unavailable"

        broker.signal(signal.SIGCONT)

        async def taken() -> bool:
            return (await intake.post(submitted("e-1"))).status_code == 202

        await eventually(taken, within=60)
        assert {event.id for event in await intake.events("applications")} == {"e-1"}


async def test_a_broker_that_was_never_there(free_port: int, keys: Keys) -> None:
    settings = impatient(f"127.0.0.1:{free_port}", keys, "")
    async with running_intake(settings, keys, wait=False) as intake:
        assert (await intake.http.get("/health/live")).status_code == 200
        ready = await intake.http.get("/health/ready")
        assert ready.status_code == 503
        assert {name for name, check in ready.json()["checks"].items() if not check["ok"]} == {
            "kafka",
            "producer",
            "registry",
        }
        response = await intake.post(submitted())
        assert (response.status_code, response.json()["reason"]) == (503, "starting")
        assert "retry-after" in response.headers
