"""The life of a local stack: `up`, data, `down`, `up` on other ports, a crash, a start that fails, `reset`."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home, read_env_file
from qos_local.stack.processes import port_is_free, process_of
from qos_local.stack.stack import Addresses, Overrides, Stack, make_topics
from support.backends import FAST
from support.eventually import eventually_sync

pytestmark = pytest.mark.real


@pytest.fixture
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="qos-lifecycle-") as directory:
        Path(directory).chmod(0o711)
        home = Home(Path(directory) / "home")
        yield home
        Stack(home).reset()


def execute(addresses: Addresses, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(addresses.database_url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_stack_lives_through_stops_busy_ports_and_a_crash(home: Home) -> None:
    stack = Stack(home, prefer_usual_ports=False)
    first = stack.up(overrides=FAST)
    assert make_topics(first).created != ()
    execute(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert read_env_file(home.env_file) == first.environment()
    assert stack.up() == first, "what runs is left alone"

    kafka, postgres = stack.running("kafka"), stack.running("postgres")
    assert kafka is not None
    assert postgres is not None
    stack.down()
    assert process_of(kafka) is None
    assert process_of(postgres) is None
    assert stack.addresses() is None
    stack.down()  # a second time there is nothing to do

    with socket.socket() as other, socket.socket() as another:
        for listener, record in ((other, kafka), (another, postgres)):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", record.port))
            listener.listen()
        second = stack.up(overrides=FAST)
    assert second.kafka_bootstrap_servers != first.kafka_bootstrap_servers
    assert second.database_url != first.database_url
    assert make_topics(second).created == (), "the topics of the first start are still there"
    assert execute(second, "SELECT answer FROM kept") == 42

    for service in ("kafka", "postgres"):
        process = process_of(stack.running(service))
        assert process is not None
        process.kill()
        process.wait(timeout=10)
    assert stack.running("kafka") is None
    assert stack.running("postgres") is None
    third = stack.up(overrides=FAST)
    assert make_topics(third).created == ()
    assert execute(third, "SELECT answer FROM kept") == 42

    stack.reset()
    assert [path.name for path in home.root.iterdir()] == ["lock"]


def test_a_broker_that_does_not_start_shows_its_log_and_leaves_nothing_running(home: Home) -> None:
    stack = Stack(home, prefer_usual_ports=False)
    broken = Overrides(kafka={"log.segment.bytes": "many"}, postgres=FAST.postgres)
    with pytest.raises(StackFailed) as failure:
        stack.up(overrides=broken)
    assert failure.value.service == "kafka"
    assert "many" in failure.value.log_tail
    assert stack.running("kafka") is None
    assert stack.running("postgres") is None


def test_a_database_that_does_not_start_shows_its_log(home: Home) -> None:
    with pytest.raises(StackFailed, match="it ended before it was ready") as failure:
        Stack(home, prefer_usual_ports=False).up(overrides=Overrides(postgres={"shared_buffers": "many"}))
    assert failure.value.service == "postgres"
    assert "shared_buffers" in failure.value.log_tail


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another account")
def test_root_keeps_its_directories_closed_and_postgresql_its_data_elsewhere(home: Home) -> None:
    home.root.parent.chmod(0o700)
    stack = Stack(home, prefer_usual_ports=False)
    server = stack._postgres
    with home.lock():
        record = server.start(overrides=FAST.postgres)
    assert home.root.parent.stat().st_mode & 0o777 == 0o700
    data = home.postgres_data.resolve()
    assert not data.is_relative_to(home.root)
    assert psutil.Process(record.pid).username() == "nobody"
    stack.reset()
    assert not data.exists()


def command_line(home: Home, *arguments: str, **more: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name not in Addresses("", "").environment()}
    return subprocess.Popen(
        [sys.executable, "-m", "qos_local", *arguments],
        env={**environment, "QOS_HOME": str(home.root), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_interrupted_up_stops_what_it_started(home: Home) -> None:
    with command_line(home, "up") as up:
        eventually_sync(lambda: Stack(home).running("kafka"), within=60)
        record = Stack(home).running("kafka")
        up.send_signal(signal.SIGINT)
        said, _ = up.communicate(timeout=60)
    assert up.returncode == 130, said
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert Stack(home).running("kafka") is None
    assert Stack(home).running("postgres") is None
    assert record is not None
    assert port_is_free(record.port)


def test_the_command_line_tells_a_failure_in_two_sentences(home: Home) -> None:
    """A data directory of another cluster: Kafka refuses it, and says so at the end of its log."""
    log = home.kafka_data / "log"
    log.mkdir(parents=True)
    (log / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\n")
    with command_line(home, "up") as up:
        said, _ = up.communicate(timeout=90)
    assert up.returncode == 1, said
    assert "node id 7" in said, "the broker's own words"
    assert "kafka: it ended before it was ready." in said
    assert "What to do:" in said
    assert "Traceback (most recent call last)" not in said.split("kafka: it ended")[1]
    with command_line(home, "status") as status:
        status.communicate(timeout=30)
    assert status.returncode == 1


def test_services_that_are_given_are_used_and_nothing_is_started(
    home: Home, kafka: str, database_url: str, topic_prefix: str, free_port: int
) -> None:
    given = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "DATABASE_URL": database_url, "QOS_TOPIC_PREFIX": topic_prefix}
    with command_line(home, "up", **given) as up:
        said, _ = up.communicate(timeout=60)
    assert up.returncode == 0, said
    assert kafka in said
    assert not home.root.exists()
    with command_line(home, "topics", "check", **given) as check:
        said, _ = check.communicate(timeout=60)
    assert check.returncode == 0, said
    away = {**given, "DATABASE_URL": f"postgresql://qos:hidden@127.0.0.1:{free_port}/qos"}
    with command_line(home, "up", **away) as up:
        said, _ = up.communicate(timeout=60)
    assert up.returncode == 1
    assert "postgres: no answer to a query" in said
    assert "hidden" not in said


def test_two_ups_at_once_do_not_get_in_each_others_way(home: Home) -> None:
    with home.lock(), command_line(home, "up") as up:
        said, _ = up.communicate(timeout=30)
    assert up.returncode == 1
    assert "another qos command is working" in said
