"""What a test needs and the machine lacks."""

import os
from typing import NoReturn

import pytest


def absent(what: str) -> NoReturn:
    """Skip the test, saying what to install; fail it with REQUIRE_REAL=1 (CI), for then a run without it must not look
    green."""
    if os.environ.get("REQUIRE_REAL") == "1":
        pytest.fail(what)
    pytest.skip(what)
