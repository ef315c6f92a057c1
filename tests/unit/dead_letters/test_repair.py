"""Repairing the event of one letter."""

import json
from typing import Any

import pytest

from qos_local.dead_letters.repair import CantRepair, whole, with_fields

EVENT = {"id": "e-1", "time": "2025-05-02T12:00:00", "data": {"channel": "fax", "device": "pc"}}


def letter(text: str | None = json.dumps(EVENT), headers: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    return {"id": "applications-0-1", "bytes": {"text": text, "headers": headers}}


def test_fields_are_set_made_and_taken_out() -> None:
    changes = ["data.channel=online", "data.device=", "data.attachments.paper=2", "time=2025-05-02T12:00:00+09:00"]
    assert with_fields(letter(), changes) == {
        "id": "e-1",
        "time": "2025-05-02T12:00:00+09:00",
        "data": {"channel": "online", "attachments": {"paper": 2}},
    }


@pytest.mark.parametrize("change", ["channel", "=online", "data..channel=x", ".=x"])
def test_a_change_that_is_none(change: str) -> None:
    with pytest.raises(CantRepair, match="--set takes field=value"):
        with_fields(letter(), [change])


def test_a_field_within_what_is_no_object() -> None:
    with pytest.raises(CantRepair, match=r"--set data\.channel\.name: channel is no object"):
        with_fields(letter(), ["data.channel.name=x"])


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (letter("{"), "is no JSON object"),
        (letter("[]"), "is no JSON object"),
        (letter(None), "is no JSON object"),
        (letter('{"channel": "fax"}', (("ce_id", "ZS0x"),)), "came in binary mode"),
    ],
)
def test_what_has_no_fields_is_edited_whole(broken: dict[str, Any], told: str) -> None:
    with pytest.raises(CantRepair, match=f"{told}.*--edit"):
        with_fields(broken, ["data.channel=online"])


def test_a_file_holds_one_event() -> None:
    assert whole(json.dumps(EVENT)) == EVENT
    for text in ("{", "[]"):
        with pytest.raises(CantRepair, match="--edit takes a file with one CloudEvent in JSON"):
            whole(text)
