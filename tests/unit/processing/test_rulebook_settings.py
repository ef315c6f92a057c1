"""A calendar or criteria that a worker can't use are named with the variable that names them."""

from pathlib import Path

import pytest

from qos_processing import bootstrap
from qos_processing.settings import ProcessingSettings
from qos_runtime.errors import NotConfigured


def settings(**more: str) -> ProcessingSettings:
    return ProcessingSettings(
        kafka_bootstrap_servers="127.0.0.1:1", database_url="postgresql://u:p@127.0.0.1:1/d", **more
    )


def test_a_file_that_is_used(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(bootstrap._criteria(settings()).content.replace("tokyo-1", "mine-1"), encoding="utf-8")
    assert bootstrap._criteria(settings(criteria=str(path))).version == "mine-1"
    path.write_text(bootstrap._calendar(settings()).content.replace("jp-tokyo-1", "mine-1"), encoding="utf-8")
    assert bootstrap._calendar(settings(calendar=str(path))).version == "mine-1"


def test_one_that_can_not_be_used(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    for name in ("edo-1", str(broken)):
        with pytest.raises(NotConfigured, match="QOS_CALENDAR"):
            bootstrap._calendar(settings(calendar=name))
        with pytest.raises(NotConfigured, match="QOS_CRITERIA"):
            bootstrap._criteria(settings(criteria=name))
