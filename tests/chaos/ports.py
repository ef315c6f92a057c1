"""Ports that stay ours while their server is away."""

from pathlib import Path
from random import SystemRandom

from qos_local.stack.processes import port_is_free

_LOWEST = 15_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def choose_lasting_port() -> int:
    """A free port below those that the kernel gives to clients.

    A client that tries to reach a server that is away may else be given the server's own port, and take it.
    """
    dice = SystemRandom()
    highest = int(_RANGE.read_text(encoding="ascii").split()[0]) if _RANGE.exists() else 32_768
    while True:
        port = dice.randrange(_LOWEST, highest)
        if port_is_free(port):
            return port
