"""What every test can ask for. The fixtures themselves are in tests/support."""

import signal

from support.stack import (  # noqa: F401  fixtures and a hook, found here by pytest
    backends,
    consumer_group,
    database_url,
    free_port,
    kafka,
    postgres,
    pytest_runtest_makereport,
    runtime_settings,
    topic_prefix,
)


def pytest_configure() -> None:
    """Ended by SIGTERM (a CI time-out), a run stops its services as it does on Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
