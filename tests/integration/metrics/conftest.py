"""The metrics API over the results of a story, in a database of its own."""

from functools import partial

import pytest

from support.metrics import Serve, serving
from support.results import migrate


@pytest.fixture
def migrated(database_url: str) -> str:
    """The URL of a fresh database with the real schema."""
    migrate(database_url)
    return database_url


@pytest.fixture
def serve(migrated: str) -> Serve:
    """`async with serve(events, now="2026-06-30 12:00") as api`."""
    return partial(serving, migrated)
