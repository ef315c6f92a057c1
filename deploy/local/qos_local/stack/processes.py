"""Processes that outlive the command that started them: told apart from strangers, and ended politely."""

import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import TypedDict

import psutil

from qos_local.stack.home import ServiceRecord

POLL_SECONDS = 0.1


# A Popen that is dropped while its process lives warns of it; these processes are meant to live on.
_children: list["subprocess.Popen[bytes]"] = []


class RunAs(TypedDict, total=False):
    user: str
    group: int
    extra_groups: list[int]


def started(pid: int, port: int) -> ServiceRecord:
    """The record of a process that has just been started. Raises psutil.NoSuchProcess when it is gone already."""
    return ServiceRecord(pid=pid, created=psutil.Process(pid).create_time(), port=port)


def process_of(record: ServiceRecord | None) -> psutil.Process | None:
    """The living process of a record, or None: a pid that was given to another process is not ours."""
    if record is None:
        return None
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def start_detached(command: Sequence[str | Path], *, log: Path, cwd: Path, user: str | None = None) -> int:
    """Start a process in a session of its own (Ctrl-C in the terminal doesn't reach it), its output in `log`.

    Returns its pid. The log of the start before is kept beside it as `<log>.1`.
    `user`: another account to run as (root only).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    with log.open("wb") as out:
        child = subprocess.Popen(  # noqa: S603  the command is made of our own paths
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            start_new_session=True,
            **run_as(user),
        )
    _children.append(child)
    return child.pid


def run_as(user: str | None) -> RunAs:
    """The arguments with which `subprocess` runs a command as another account, without root's groups."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def stop(process: psutil.Process, *, grace_seconds: float, ask: signal.Signals = signal.SIGTERM) -> bool:
    """Ask a process to end and wait; after `grace_seconds` it is killed. True when it ended by itself."""
    try:
        os.kill(process.pid, ask)
        process.wait(timeout=grace_seconds)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return True
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)
        return False
    finally:
        _reap()
    return True


def _reap() -> None:
    """Let go of children that have ended: whether the others end is no business of this process."""
    _children[:] = [child for child in _children if child.poll() is None]


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float) -> bool:
    """Poll `condition` until it holds (True) or the time is over (False)."""
    deadline = monotonic() + timeout_seconds
    while not condition():
        if monotonic() >= deadline:
            return False
        sleep(POLL_SECONDS)
    return True


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose_port(*preferred: int | None, host: str = "127.0.0.1") -> int:
    """The first of the preferred ports that is free, else any free one."""
    for port in preferred:
        if port and port_is_free(port, host):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
