"""Repairing the event of one dead letter before it is driven in again."""

import json
from collections.abc import Sequence
from typing import Any

from qos_local.dead_letters.client import Letter


class CantRepair(Exception):
    """The repair can't be made; the message says what can be done."""


def with_fields(letter: Letter, changes: Sequence[str]) -> dict[str, Any]:
    """The event of a letter (shown with its bytes) with fields set: `data.channel=online`, `time=...`.

    A value is JSON where it can be read as JSON (`3`, `true`, `null`), else text; a field set to nothing
    (`data.device=`) is taken out. Raises CantRepair.
    """
    event = _event(letter)
    for change in changes:
        path, equals, text = change.partition("=")
        *parents, name = path.split(".")
        if not equals or not all((*parents, name)):
            raise CantRepair(f"--set takes field=value, such as data.channel=online, not {change!r}")
        node = event
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise CantRepair(f"--set {path}: {parent} is no object")
        if text:
            node[name] = _value(text)
        else:
            node.pop(name, None)
    return event


def whole(text: str) -> dict[str, Any]:
    """The event that a file holds. Raises CantRepair."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise CantRepair(f"--edit takes a file with one CloudEvent in JSON ({error})") from None
    if not isinstance(event, dict):
        raise CantRepair("--edit takes a file with one CloudEvent in JSON, an object")
    return event


def _event(letter: Letter) -> dict[str, Any]:
    remedy = "write the whole event to a file and give it with --edit"
    if any(name.lower().startswith("ce_") for name, _ in letter["bytes"]["headers"]):
        raise CantRepair(f"{letter['id']} came in binary mode, its attributes are headers: {remedy}")
    try:
        event = json.loads(letter["bytes"]["text"] or "")
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise CantRepair(f"{letter['id']} is no JSON object, there is no field to set: {remedy}")
    return event


def _value(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except ValueError:
        return text
