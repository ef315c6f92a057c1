"""Where Alertmanager's messages arrive in a test: a web server on loopback with an address for every receiver."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Desks:
    """What was told to whom, in the order in which it came."""

    def __init__(self) -> None:
        self._told: list[tuple[str, dict[str, Any]]] = []
        desks = self

        class Desk(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                desks._told.append((self.path.removeprefix("/"), json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: what came is in `told`."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)

    def receiver(self, name: str) -> dict[str, Any]:
        """The webhook of a receiver, in Alertmanager's words."""
        url = f"http://127.0.0.1:{self.server.server_port}/{name}"
        return {"webhook_configs": [{"url": url, "send_resolved": True}]}

    def told(self, receiver: str, status: str | None = None, **labels: str) -> list[dict[str, Any]]:
        """The alerts told to a receiver, those that fired or those that were over ("firing", "resolved")."""
        return [
            alert
            for name, message in list(self._told)
            for alert in message["alerts"]
            if name == receiver and status in {None, alert["status"]} and _has(alert["labels"], labels)
        ]


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= labels.items()


@contextmanager
def open_desks() -> Iterator[Desks]:
    desks = Desks()
    thread = Thread(target=desks.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield desks
    finally:
        desks.server.shutdown()
        thread.join()
        desks.server.server_close()
