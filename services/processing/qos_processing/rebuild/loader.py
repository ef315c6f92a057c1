"""`python -m qos_processing.rebuild.loader`: loads the shares of the log that a rebuild hands it, one order a line of
its standard input, and answers each with a line when it is in.

Only a rebuild starts it, with its own settings in the environment. It ends with its input, and so with the rebuild that
started it, however that ends. Exit code 0: no more orders; 1: a share could not be loaded, and standard error says why.
"""

import asyncio
import gc
import os
import sys

import msgspec

from qos_domain.errors import BrokenInvariant, TransientFailure
from qos_processing.log_shares import Share
from qos_processing.rebuild.loading import Target, load
from qos_runtime.errors import NotConfigured
from qos_runtime.postgres import DatabaseError
from qos_runtime.settings import RuntimeSettings

EXIT_DONE = 0
EXIT_FAILED = 1

DONE = b"loaded\n"
"""The answer to an order."""

_MOST_ORDER_BYTES = 16 * 1024 * 1024  # an order holds the calendar


class Order(msgspec.Struct, frozen=True):
    """What to load, and into which generation."""

    target: Target
    share: Share


def encode_order(order: Order) -> bytes:
    """One line. The next one may be sent when this one was answered."""
    return msgspec.json.encode(order) + b"\n"


async def _work(settings: RuntimeSettings) -> None:
    orders = await _standard_input()
    coming = asyncio.ensure_future(orders.readline())
    while line := await coming:
        order = msgspec.json.decode(line, type=Order)
        coming = asyncio.ensure_future(orders.readline())
        loading = asyncio.ensure_future(load(settings, order.target, order.share))
        await asyncio.wait((loading, coming), return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            # No order comes before the answer to the last one: the rebuild is gone. What hangs here ends with it.
            os._exit(EXIT_FAILED)
        loading.result()
        sys.stdout.buffer.write(DONE)
        sys.stdout.buffer.flush()


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_MOST_ORDER_BYTES)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader


def main() -> int:
    gc.disable()  # nothing that a fold makes has cycles
    try:
        asyncio.run(_work(RuntimeSettings.from_environment()))
    except DatabaseError as error:
        sys.stderr.write(f"the database doesn't answer, or refuses ({type(error).__name__}: {error})\n")
        return EXIT_FAILED
    except (NotConfigured, BrokenInvariant, TransientFailure) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
