"""Runs another program of the system to its end."""

import asyncio
import os
import sys
from collections.abc import Mapping

from qos_local.stack.errors import StackFailed


async def run_module(module: str, *arguments: str, environment: Mapping[str, str]) -> bytes:
    """What `python -m <module>` writes to its standard output. Cancelled, it is ended, and waited for.

    Raises StackFailed, with what it said on standard error, when it ends with another code than 0.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Ctrl-C in the terminal is ours to pass on.
        start_new_session=True,
    )
    try:
        out, said = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode:
        raise StackFailed(
            service=module,
            problem=f"it ended with {process.returncode}",
            remedy="see what it says above",
            log_tail=said.decode(errors="replace"),
        )
    return out
