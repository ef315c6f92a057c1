"""`python ground_watch.py DIRECTORY`: when standard input ends, stop all that runs in DIRECTORY/home and delete it.

A run holds the other end of the pipe. However it ends, be it by SIGKILL, no process is left behind.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from qos_local.stack.home import Home
from qos_local.stack.processes import process_of, stop
from qos_local.stack.stack import SERVICES, Stack


def main(directory: Path) -> None:
    sys.stdin.read()
    home = Home(directory / "home")
    for note in home.root.glob("*.pid"):
        process = process_of(home.record(note.stem)) if note.stem not in SERVICES else None
        if process is not None:
            stop(process, grace_seconds=0, ask=signal.SIGKILL)
    if directory.exists():
        Stack(home).down()
        _unmount(directory)
        Stack(home).reset()
        shutil.rmtree(directory, ignore_errors=True)


def _unmount(directory: Path) -> None:
    """The small disks of a run that was killed."""
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        place = line.split()[1]
        if place.startswith(f"{directory}/"):
            prefix = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
            subprocess.run([*prefix, "umount", place], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
