"""A mapping as values: what a mapping file says (read by `mapping_file`, bound to columns by `binding`)."""

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

Scalar: TypeAlias = str | int | float | bool | datetime | date | list[object]
As: TypeAlias = Literal["text", "integer", "boolean", "time", "date"]
Test: TypeAlias = Literal["present", "equals", "in", "not_in", "contains", "equals_column", "above_column", "at_least"]
Unreadable: TypeAlias = Literal["refuse", "leave_out"]


@dataclass(frozen=True, slots=True)
class Condition:
    """`column` passes `test` against `operand`. Numbers are compared as numbers; what is no number passes no test."""

    column: str
    test: Test
    operand: Scalar


@dataclass(frozen=True, slots=True)
class Guard:
    """All of `when` hold, and not all of `unless`."""

    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an event: a constant, a column, or a template of columns."""

    at: str
    constant: Scalar | None = None
    column: str | None = None
    template: str | None = None
    as_: As = "text"
    formats: tuple[str, ...] = ()
    prefix: str = ""
    separator: str | None = None
    map: Table[str, Scalar] | None = None
    otherwise: Scalar | None = None
    unreadable: Unreadable = "refuse"
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of an event: its fields by name."""

    at: str
    fields: Table[str, "Value | Fields"]


@dataclass(frozen=True, slots=True)
class EventRule:
    """One event that a row may mean. `id` None: made from the content, so that a second import changes nothing."""

    at: str
    type: str
    time: Value
    data: Fields
    id: Value | None = None
    guard: Guard = Guard()


@dataclass(frozen=True, slots=True)
class Note:
    """Something in a row that is not taken over, and why: reported, but the row is used."""

    field: str
    reason: str
    guard: Guard


@dataclass(frozen=True, slots=True)
class Mapping:
    """A whole mapping file. `procedures` are constant events, told before the rows."""

    name: str
    source: str
    time_zone: ZoneInfo
    events: tuple[EventRule, ...]
    procedures: tuple[EventRule, ...] = ()
    notes: tuple[Note, ...] = ()
    blank: frozenset[str] = field(default_factory=frozenset)
    encoding: str = "utf-8-sig"
    delimiter: str = ","
