"""Real data to run the system on. It is no part of the project: where it is absent, its tests are skipped and say so.

It lies beside the project (`../shared/data`), or where QOS_DATA_DIR says.
"""

import os
from pathlib import Path

import pytest

BESIDE_THE_PROJECT = Path(__file__).parents[3] / "shared" / "data"


def data_file(name: str) -> Path:
    """The path of a data file. Skips the test when there is none: also with REQUIRE_REAL=1, which is about services."""
    path = Path(os.environ.get("QOS_DATA_DIR") or BESIDE_THE_PROJECT) / name
    if not path.is_file():
        pytest.skip(f"no real data: {path} is not there (QOS_DATA_DIR names its directory)")
    return path
