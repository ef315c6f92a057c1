"""A mapping is written by hand: whatever is wrong with it is told by its place and with what would be right."""

from pathlib import Path

import pytest

from qos_local.importing.errors import MappingFault
from qos_local.importing.mapping_file import load_mapping, parse_mapping, shipped_mappings

GOOD = """
name = "Permits"
source = "import/permits"

[[events]]
type = "application.submitted"
time = { column = "received" }
[events.data]
procedure_id = "permit"
application_id = { column = "no", prefix = "P-" }
channel = { column = "way", map = { web = "online" } }
"""


def test_a_mapping_says_what_a_row_means() -> None:
    mapping = parse_mapping(GOOD)
    (event,) = mapping.events
    assert mapping.time_zone.key == "Asia/Tokyo"
    assert event.type == "application.submitted"
    assert event.time.as_ == "time"
    assert set(event.data.fields) == {"procedure_id", "application_id", "channel"}


@pytest.mark.parametrize(
    ("wrong", "right", "place", "hint"),
    [
        ("name =", "nmae =", "nmae", "known here"),
        ("application.submitted", "application.sent", "events[0].type", "application.submitted"),
        ("prefix =", "prefx =", "events[0].data.application_id.prefx", "prefix"),
        ('time = { column = "received" }', "", "events[0]", "time is missing"),
        ('{ column = "received" }', '{ column = "received", as = "moment" }', "events[0].time.as", "integer"),
        ("map = { web = ", 'template = "{way}", map = { web = ', "events[0].data.channel", "exactly one of"),
        ('map = { web = "online" }', 'map = "ways"', "events[0].data.channel.map", "no [maps.ways]"),
        ("[events.data]", 'when = { column = "a" }\n[events.data]', "events[0].when[0]", "exactly one of present"),
        ('name = "Permits"', 'name = "Permits"\ntime_zone = "Tokyo"', "time_zone", "Asia/Tokyo"),
        ("[[events]]", "[[event]]", "event", "known here"),
    ],
)
def test_a_mistake_is_told_by_its_place(wrong: str, right: str, place: str, hint: str) -> None:
    assert wrong in GOOD
    with pytest.raises(MappingFault) as caught:
        parse_mapping(GOOD.replace(wrong, right, 1))
    assert caught.value.at == place
    assert hint in caught.value.problem


def test_what_is_no_toml_is_told_by_its_line() -> None:
    with pytest.raises(MappingFault, match="line 3"):
        parse_mapping('name = "a"\nsource = "b"\n名前 = 1\n')


def test_a_mapping_is_a_file_or_comes_with_the_package(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(GOOD, encoding="utf-8")
    assert load_mapping(str(own)).name == "Permits"
    assert shipped_mappings() == ("jp-catalogue", "receipt-log")
    for name in shipped_mappings():
        assert load_mapping(name).events
    with pytest.raises(MappingFault, match="shipped are: jp-catalogue, receipt-log"):
        load_mapping(str(tmp_path / "none.toml"))
    own.write_bytes("name = 'é'".encode("latin-1"))
    with pytest.raises(MappingFault, match="UTF-8"):
        load_mapping(str(own))
