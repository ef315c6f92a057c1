"""The commands of a document, run as they are pasted: one source for what is read and what is tested."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

DOCS = Path(__file__).parents[2] / "docs"
_END = "-- end of the block --"


def sections(document: Path) -> list[str]:
    """The headings of a document as they are written (`## PostgreSQL is lost`), without those in code blocks."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#+ .*$", text, flags=re.MULTILINE)


def commands(document: Path, heading: str) -> list[str]:
    """The fenced `sh` blocks under a heading as it is written (`## PostgreSQL is lost`), those of deeper headings too.

    Raises AssertionError when the document has no such heading, or no command under it.
    """
    rank = len(heading) - len(heading.lstrip("#"))
    found: list[str] | None = None
    fence: str | None = None
    for line in document.read_text(encoding="utf-8").splitlines(keepends=True):
        if fence is None and line.startswith("#") and len(line) - len(line.lstrip("#")) <= rank:
            if found is not None:
                break
            found = [] if line.strip() == heading else None
        elif fence is None and line.startswith("```"):
            fence = line.strip()
            if found is not None and fence == "```sh":
                found.append("")
        elif line.strip() == "```":
            fence = None
        elif fence == "```sh" and found is not None:
            found[-1] += line
    assert found, f"{document.name} has no command under {heading!r}"
    return found


class Terminal:
    """A shell that commands are pasted into. What a block exports, the next one has."""

    def __init__(self, shell: "subprocess.Popen[str]") -> None:
        self._shell = shell

    def paste(self, block: str, *, within: float = 120.0) -> str:
        """Run the block; what it printed, of both kinds. Raises AssertionError when a command of it fails, or when it
        is not done after `within` seconds.
        """
        shell = self._shell
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.write(f"{block}\necho '{_END}'\n")
        shell.stdin.flush()
        timer = Timer(within, self.close)
        timer.start()
        printed = ""
        try:
            for line in shell.stdout:
                if line == f"{_END}\n":
                    return printed
                printed += line
        finally:
            timer.cancel()
        raise AssertionError(f"it failed, or took more than {within} seconds:\n{block}\n{printed}")

    def close(self) -> None:
        """End the shell with all that it has started."""
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait()


@contextmanager
def terminal(environment: Mapping[str, str], directory: Path) -> Iterator[Terminal]:
    """A shell in `directory` that stops at the first command that fails. It finds the project's programs.

    Of this process's environment it has nothing but HOME and PATH; a PATH of `environment` comes before that.
    """
    path = ":".join([*filter(None, [environment.get("PATH")]), str(Path(sys.executable).parent), os.environ["PATH"]])
    with subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-euo", "pipefail"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        env={"HOME": os.environ.get("HOME", "/"), **environment, "PATH": path},
        start_new_session=True,
    ) as shell:
        opened = Terminal(shell)
        try:
            yield opened
        finally:
            opened.close()
