"""More in the log of a running service, without a restart: SIGUSR1 for DEBUG, SIGUSR2 for what it is configured to.

A signal needs the rights of whoever may end the process; a port would need rights of its own (docs/adr/0023).
"""

import asyncio
import signal

from qos_runtime.logging import Level, get_logger, set_level

_log = get_logger(__name__)


class LevelSignals:
    """Listens for as long as the event loop lives. DEBUG ends by itself after `debug_seconds`, unless those are 0."""

    def __init__(self, configured: Level, *, debug_seconds: float) -> None:
        self._configured = configured
        self._debug_seconds = debug_seconds
        self._return: asyncio.TimerHandle | None = None

    def listen(self) -> None:
        """In the main thread, in the running loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.debug)
        loop.add_signal_handler(signal.SIGUSR2, self.configured)

    def debug(self) -> None:
        """DEBUG, from now on for `debug_seconds`."""
        self._stay()
        set_level("DEBUG")
        _log.info("log_level_changed", to="DEBUG", returns_after_seconds=self._debug_seconds or None)
        if self._debug_seconds:
            self._return = asyncio.get_running_loop().call_later(self._debug_seconds, self.configured)

    def configured(self) -> None:
        """The level that the settings ask for."""
        self._stay()
        # Before it takes effect: a line about WARNING would not be seen at WARNING.
        _log.info("log_level_changed", to=self._configured)
        set_level(self._configured)

    def _stay(self) -> None:
        if self._return is not None:
            self._return.cancel()
