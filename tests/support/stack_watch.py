"""`python stack_watch.py DIRECTORY`: when standard input ends, stop the stack in DIRECTORY/home and delete DIRECTORY.

A test run holds the other end of the pipe. However the run ends, be it by SIGKILL, no broker is left behind.
"""

import shutil
import sys
from pathlib import Path

from qos_local.stack.home import Home
from qos_local.stack.stack import Stack


def main(directory: Path) -> None:
    sys.stdin.read()
    if directory.exists():
        Stack(Home(directory / "home")).reset()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
