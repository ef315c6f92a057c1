"""Binds a mapping to the columns of a file and to the schemas of events: then every row becomes events.

What can be checked without a row (columns, field names, required fields) is checked when binding.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import UnionType
from typing import TypeAlias, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct, ValidationError

from qos_domain.errors import RejectedEvent
from qos_domain.events import EVENT_TYPES, PAYLOAD_DECODERS, Event
from qos_domain.ids import row_id
from qos_domain.refusals import refusal
from qos_local.importing.errors import MappingFault, UnreadableCell
from qos_local.importing.mapping import EventRule, Fields, Mapping, Value
from qos_local.importing.reading import Cells, Columns, Holds, Read

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Remark:
    """Why a row was refused, or what of a row was left out. Never the value itself."""

    field: str
    reason: str
    rule: str


@dataclass(slots=True)
class RowResult:
    """What a row came to: its events, or the reason why it is refused; and what was left out of it."""

    events: list[Event] = field(default_factory=list)
    refused: Remark | None = None
    left_out: list[Remark] = field(default_factory=list)


# Builds an object of an event from a row; what is left out on the way is appended.
Build: TypeAlias = Callable[[Cells, list[Remark]], dict[str, object] | None]


class BoundMapping:
    """A mapping that fits the columns of a file. Raises MappingFault when it doesn't."""

    def __init__(self, mapping: Mapping, columns: tuple[str, ...]) -> None:
        bound = Columns(columns, mapping)
        self._source = mapping.source
        self._rules = [_BoundRule(rule, bound, mapping.source) for rule in mapping.events]
        self._procedures = [_BoundRule(rule, Columns((), mapping), mapping.source) for rule in mapping.procedures]
        self._notes = [(bound.holds(f"notes: {note.field}", note.guard), note) for note in mapping.notes]

    def procedures(self) -> list[Event]:
        """The constant registrations. Raises MappingFault when one doesn't fit its schema."""
        events: list[Event] = []
        for rule in self._procedures:
            try:
                events.append(rule.event((), []))
            except (RejectedEvent, UnreadableCell) as error:
                raise MappingFault(rule.at, str(error)) from error
        return events

    def row(self, cells: Cells) -> RowResult:
        """Total: a row that can't be used is an answer, not an error. One event that can't be made refuses the row."""
        result = RowResult()
        try:
            for rule in self._rules:
                if rule.holds is None or rule.holds(cells):
                    result.events.append(rule.event(cells, result.left_out))
        except UnreadableCell as error:
            return RowResult(refused=Remark(error.column, "unreadable", error.rule))
        except RejectedEvent as error:
            return RowResult(refused=Remark(error.field, error.reason, error.rule))
        for holds, note in self._notes:
            if holds is None or holds(cells):
                result.left_out.append(Remark(note.field, "left_out", note.reason))
        return result


class _BoundRule:
    """One event rule, bound."""

    def __init__(self, rule: EventRule, columns: Columns, source: str) -> None:
        self.at = rule.at
        self.holds: Holds | None = columns.holds(rule.at, rule.guard)
        self._source = source
        self._type = rule.type
        self._payload = EVENT_TYPES[rule.type][1]
        self._time = columns.read(rule.time)
        self._id: Read | None = None if rule.id is None else columns.read(rule.id)
        self._data = _object(rule.data, self._payload, columns, rule.type)

    def event(self, cells: Cells, left_out: list[Remark]) -> Event:
        """Raises RejectedEvent, UnreadableCell."""
        time = self._time(cells)
        if not isinstance(time, datetime):
            raise RejectedEvent(reason="missing_field", field="time", rule="required: the time of the event")
        raw = _ENCODER.encode(self._data(cells, left_out) or {})
        try:
            data = PAYLOAD_DECODERS[self._type].decode(raw)
        except ValidationError as error:
            raise refusal(error, schema=self._payload, raw=raw, at="data") from error
        given = None if self._id is None else self._id(cells)
        event_id = row_id(source=self._source, time=time, data=data) if given is None else str(given)
        return Event(source=self._source, id=event_id, time=time, data=data)


def _object(fields: Fields, schema: type[Struct], columns: Columns, event_type: str) -> Build:
    """The building of an object. One that lacks a required part is nothing, where its parent can do without it."""
    known = {each.name: each for each in msgspec.structs.fields(schema)}
    required = tuple(
        name for name, each in known.items() if each.default is NODEFAULT and each.default_factory is NODEFAULT
    )
    for name in fields.fields:
        if name not in known:
            raise MappingFault(f"{fields.at}.{name}", f"{event_type} has no such field; known here: {', '.join(known)}")
    for name in required:
        if name not in fields.fields:
            raise MappingFault(fields.at, f"{event_type} needs {name}")
    parts: list[tuple[str, Build | _Leaf]] = []
    for name, node in fields.fields.items():
        if isinstance(node, Value):
            parts.append((name, _Leaf(node, columns)))
        else:
            part = _struct(known[name].type)
            if part is None:
                raise MappingFault(node.at, "not an object: a constant, column, template or value is needed")
            parts.append((name, _object(node, part, columns, event_type)))
    top = fields.at.endswith(".data")

    def build(cells: Cells, left_out: list[Remark]) -> dict[str, object] | None:
        built: dict[str, object] = {}
        for name, part in parts:
            value = part(cells, left_out)
            if value is not None:
                built[name] = value
        if not top and (not built or not all(name in built for name in required)):
            return None
        return built

    return build


class _Leaf:
    """One value of a row; unreadable, it refuses the row or is left out of it, as the mapping says."""

    def __init__(self, value: Value, columns: Columns) -> None:
        self._read = columns.read(value)
        self._leave_out = value.unreadable == "leave_out"
        self._field = value.at.partition(".data.")[2]

    def __call__(self, cells: Cells, left_out: list[Remark]) -> object | None:
        try:
            return self._read(cells)
        except UnreadableCell as error:
            if not self._leave_out:
                raise
            left_out.append(Remark(self._field, "left_out", f"column {error.column}: expected {error.rule}"))
            return None


@cache
def _struct(annotation: object) -> type[Struct] | None:
    """The Struct that a field's type is, or is besides None."""
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    structs = [each for each in options if isinstance(each, type) and issubclass(each, Struct)]
    return structs[0] if structs else None
