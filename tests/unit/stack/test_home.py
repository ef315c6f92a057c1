"""What the stack remembers between commands, and what it makes of leftovers."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from qos_local.stack.errors import StackFailed
from qos_local.stack.home import Home, ServiceRecord, cache_directory, read_env_file, tail, write_atomically
from qos_local.stack.postgres_binaries import account, programs
from qos_local.stack.processes import choose_port, port_is_free, process_of, started, stop, wait_until
from qos_local.stack.stack import Addresses, given_addresses


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_the_home_is_dot_qos_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    assert Home.from_environment({}).root == Path.cwd() / ".qos"
    assert Home.from_environment({"QOS_HOME": str(tmp_path)}).root == tmp_path
    assert cache_directory({"QOS_CACHE": str(tmp_path)}) == tmp_path


def test_a_record_is_remembered_and_a_damaged_one_counts_as_none(home: Home) -> None:
    assert home.record("kafka") is None
    record = ServiceRecord(pid=12, created=34.5, port=9092)
    home.remember("kafka", record)
    assert home.record("kafka") == record
    (home.root / "kafka.pid").write_text('{"pid": ')
    assert home.record("kafka") is None


def test_a_pid_that_another_process_was_given_is_not_ours() -> None:
    me = psutil.Process()
    assert process_of(ServiceRecord(pid=me.pid, created=me.create_time(), port=1)) == me
    assert process_of(ServiceRecord(pid=me.pid, created=me.create_time() - 60, port=1)) is None
    assert process_of(None) is None


def test_a_process_that_ignores_the_request_is_killed() -> None:
    deaf = (
        "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", deaf], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"deaf\n"
        record = started(child.pid, 1)
        process = process_of(record)
        assert process is not None
        assert stop(process, grace_seconds=0.2) is False
        assert process_of(record) is None


def test_only_one_command_at_a_time_works_on_a_home(home: Home) -> None:
    with home.lock(), pytest.raises(StackFailed, match="another qos command"), home.lock():
        pass
    with home.lock():
        pass


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "env"
    write_atomically(path, "A=1\n", mode=0o600)
    write_atomically(path, "A=2\n", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["env"]


def test_an_env_file_is_read_as_a_shell_would(tmp_path: Path) -> None:
    path = tmp_path / "env"
    assert read_env_file(path) == {}
    path.write_text("# addresses\nKAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092\n\nDATABASE_URL=postgresql://a:b=@c/d\n")
    assert read_env_file(path) == {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
        "DATABASE_URL": "postgresql://a:b=@c/d",
    }


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_bytes(b"".join(b"line %d \xff\n" % number for number in range(100)))
    assert tail(log, 2).splitlines() == ["line 98 \ufffd", "line 99 \ufffd"]


def test_a_port_that_is_taken_is_not_chosen(free_port: int) -> None:
    assert choose_port(None, free_port) == free_port
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port))
        listener.listen()
        assert not port_is_free(free_port)
        assert choose_port(free_port) != free_port


def test_waiting_ends_with_the_condition_or_with_the_time() -> None:
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), timeout_seconds=5)
    assert not wait_until(lambda: False, timeout_seconds=0.2)


def test_addresses_in_the_environment_replace_the_local_stack(home: Home) -> None:
    local = Addresses("127.0.0.1:9092", "postgresql://qos:x@127.0.0.1/qos")
    other = Addresses("broker:9092", "postgresql://qos:x@database/qos")
    assert given_addresses({}, home) is None
    assert given_addresses(other.environment(), home) == other
    write_atomically(home.env_file, "".join(f"{name}={value}\n" for name, value in local.environment().items()))
    assert given_addresses(local.environment(), home) is None, "the env file of the local stack may be sourced"
    assert given_addresses(other.environment(), home) == other
    with pytest.raises(StackFailed, match="only DATABASE_URL is set"):
        given_addresses({"DATABASE_URL": other.database_url}, home)


def test_the_password_is_not_in_the_text_of_addresses() -> None:
    assert "hidden" not in repr(Addresses("127.0.0.1:9092", "postgresql://qos:hidden@127.0.0.1/qos"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another account")
def test_root_runs_postgresql_as_nobody() -> None:
    assert account() == "nobody"
    assert (programs("nobody") / "postgres").exists()
