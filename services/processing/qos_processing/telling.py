"""Says in the log how far a command is that takes long, where nobody looks at a terminal."""

from time import monotonic

from qos_runtime.logging import get_logger

_log = get_logger(__name__)


class Telling:
    """Logs `event` with step, done and total: at once when a step begins, then every `every_seconds`, with the seconds
    that the step will still take at the pace it has."""

    def __init__(self, event: str, *, every_seconds: float = 5.0) -> None:
        self._event = event
        self._every_seconds = every_seconds
        self._step, self._began, self._next = "", 0.0, 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        now = monotonic()
        if step != self._step:
            self._step, self._began, self._next = step, now, 0.0
        if now >= self._next:
            self._next = now + self._every_seconds
            left = round((now - self._began) * (total - done) / done) if done else None
            _log.info(self._event, step=step, done=done, total=total, seconds_left=left)
