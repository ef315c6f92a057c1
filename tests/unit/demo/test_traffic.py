"""`qos traffic` says what is wrong with its keys before it sends anything, and keeps to the day that it began with."""

from datetime import date
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from qos_local.cli import app
from qos_local.demo.traffic_command import first_day
from qos_local.simulation.sources import SOURCES

runner = CliRunner(env={"COLUMNS": "400"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml", "can't be read as TOML"),
        ("".join(f'"{source}" = "qos_x"\n' for source in SOURCES[1:]), f'no line \'"{SOURCES[0]}" = "<its key>"\''),
    ],
)
def test_keys_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text(text, "utf-8")
    result = runner.invoke(app, ["traffic", "--keys", str(keys), "--once", "--cases", "10"])
    assert result.exit_code == 2
    assert said in result.output


def test_a_later_start_tells_the_story_of_the_first_day(tmp_path: Path) -> None:
    kept = tmp_path / "state" / "day"
    assert first_day(kept, date(2026, 11, 20)) == date(2026, 11, 20)
    assert first_day(kept, date(2026, 12, 1)) == date(2026, 11, 20)
    assert first_day(None, date(2026, 12, 1)) == date(2026, 12, 1)


def test_a_file_that_holds_no_day(tmp_path: Path) -> None:
    kept = tmp_path / "day"
    kept.write_text("yesterday\n", "utf-8")
    with pytest.raises(typer.BadParameter, match="not a day such as 2026-11-20"):
        first_day(kept, date(2026, 12, 1))
