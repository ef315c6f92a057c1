"""Asks the service of this container whether it can do its work: `python -m qos_runtime.probe QOS_INTAKE_PORT`.

The argument is the environment variable that holds the service's port. Exit code 0 when it is ready, 1 when it is not
or doesn't answer, 2 when the variable holds no port. It imports nothing of the services: it runs every few seconds.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

_TIMEOUT_SECONDS = 4.0


def main() -> int:
    variable = sys.argv[1] if len(sys.argv) == 2 else ""
    port = os.environ.get(variable, "")
    if not port.isdecimal():
        sys.stderr.write(f"{variable or 'the argument'}: name an environment variable that holds the service's port\n")
        return 2
    connection = HTTPConnection("127.0.0.1", int(port), timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        answer = response.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        sys.stderr.write(f"port {port} does not answer: {type(error).__name__}\n")
        return 1
    finally:
        connection.close()
    # An orchestrator shows it: which check fails, and why.
    sys.stdout.write(f"{answer}\n")
    return 0 if response.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
