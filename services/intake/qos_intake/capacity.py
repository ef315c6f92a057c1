"""How much intake holds at once: what doesn't fit is sent away at once instead of kept."""

from collections.abc import Iterator
from contextlib import contextmanager


class Overloaded(Exception):
    """Too many bytes are held already: come again in a moment."""


class Capacity:
    """A number of bytes that requests reserve before their bodies are read."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.held_bytes = 0

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Hold `size` bytes for the block. Raises Overloaded at once when they aren't free; a request that alone is
        larger than everything is let in when nothing else is held."""
        if self.held_bytes and self.held_bytes + size > self._max_bytes:
            raise Overloaded
        self.held_bytes += size
        try:
            yield
        finally:
            self.held_bytes -= size
