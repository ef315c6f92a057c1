"""The mapping that docs/import.md shows works as it stands."""

import re
from pathlib import Path

from qos_domain.events import ApplicationSubmitted
from qos_local.importing.binding import BoundMapping
from qos_local.importing.mapping_file import parse_mapping, shipped_mappings

PAGE = (Path(__file__).parents[3] / "docs" / "import.md").read_text(encoding="utf-8")
COLUMNS = ("no", "way", "received", "answered", "documents")


def test_the_documented_mapping_reads_a_case() -> None:
    snippet = re.search(r"```toml\n(name = .*?)```", PAGE, re.DOTALL)
    assert snippet is not None
    mapping = BoundMapping(parse_mapping(snippet[1]), COLUMNS)
    (registered,) = mapping.procedures()
    result = mapping.row(("7", "電子", "2025/05/02 23:50", "2025/05/13 17:00", "三"))
    submitted, notified = result.events
    assert registered.type == "procedure.registered"
    assert isinstance(submitted.data, ApplicationSubmitted)
    assert (submitted.data.application_id, submitted.data.channel) == ("A-7", "online")
    assert notified.time.isoformat() == "2025-05-13T17:00:00+09:00"
    assert [remark.field for remark in result.left_out] == ["attachments.paper"]


def test_every_shipped_mapping_is_described() -> None:
    for name in shipped_mappings():
        assert f"| `{name}` |" in PAGE
