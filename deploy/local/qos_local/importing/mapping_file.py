"""Reads a mapping file, checked for its own form. The format is described in docs/import.md."""

import tomllib
from collections.abc import Mapping as Table
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias, cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from qos_domain.events import EVENT_TYPES
from qos_local.importing.errors import MappingFault
from qos_local.importing.mapping import (
    As,
    Condition,
    EventRule,
    Fields,
    Guard,
    Mapping,
    Note,
    Scalar,
    Test,
    Unreadable,
    Value,
)

Toml: TypeAlias = object


def shipped_mappings() -> tuple[str, ...]:
    """The names of the mappings that come with the package."""
    names = (entry.name for entry in files("qos_local").joinpath("mappings").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load_mapping(name_or_path: str) -> Mapping:
    """A shipped mapping by its name, or a file's. Raises MappingFault."""
    path = Path(name_or_path)
    if name_or_path in shipped_mappings():
        text = files("qos_local").joinpath("mappings", f"{name_or_path}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise MappingFault(str(path), f"a mapping is a TOML file in UTF-8 (byte {error.start})") from error
    else:
        known = ", ".join(shipped_mappings())
        raise MappingFault(name_or_path, f"no such file, nor a shipped mapping; shipped are: {known}")
    return parse_mapping(text)


def parse_mapping(text: str) -> Mapping:
    """Raises MappingFault, which names the place in the mapping."""
    try:
        document: Table[str, Toml] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingFault("", f"not valid TOML: {error}") from error
    known = {
        *("name", "source", "time_zone", "encoding", "delimiter", "blank", "maps", "procedures", "events", "notes")
    }
    _no_others(document, known, "")
    maps = {name: _table(value, f"maps.{name}") for name, value in _table(document.get("maps", {}), "maps").items()}
    time_zone = _text(document, "time_zone", "", default="Asia/Tokyo")
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise MappingFault("time_zone", f"no time zone {time_zone!r}; a name such as Asia/Tokyo") from error
    reader = _Reader(maps)
    events = tuple(
        reader.event(table, f"events[{n}]", fixed_type=None) for n, table in enumerate(_tables(document, "events"))
    )
    procedures = tuple(
        reader.event(table, f"procedures[{n}]", fixed_type="procedure.registered")
        for n, table in enumerate(_tables(document, "procedures"))
    )
    if not events:
        raise MappingFault("events", "at least one [[events]] is needed: what a row means")
    return Mapping(
        name=_text(document, "name", ""),
        source=_text(document, "source", ""),
        time_zone=zone,
        events=events,
        procedures=procedures,
        notes=tuple(reader.note(table, f"notes[{n}]") for n, table in enumerate(_tables(document, "notes"))),
        blank=frozenset(str(text) for text in _list(document.get("blank", []), "blank")),
        encoding=_text(document, "encoding", "", default="utf-8-sig"),
        delimiter=_text(document, "delimiter", "", default=","),
    )


class _Reader:
    """Reads the parts of a mapping; `maps` are its shared value maps by name."""

    def __init__(self, maps: Table[str, Table[str, Toml]]) -> None:
        self._maps = maps

    def event(self, table: Table[str, Toml], at: str, *, fixed_type: str | None) -> EventRule:
        known = {"time", "data"} | (set() if fixed_type else {"type", "id", "when", "unless"})
        _no_others(table, known, at)
        event_type = fixed_type or _text(table, "type", at)
        if event_type not in EVENT_TYPES:
            raise MappingFault(f"{at}.type", f"no event type {event_type!r}; one of: {', '.join(EVENT_TYPES)}")
        for required in ("time", "data"):
            if required not in table:
                raise MappingFault(at, f"{required} is missing")
        return EventRule(
            at=at,
            type=event_type,
            time=self._value(table["time"], f"{at}.time", default_as="time"),
            data=self._fields(_table(table["data"], f"{at}.data"), f"{at}.data"),
            id=self._value(table["id"], f"{at}.id") if "id" in table else None,
            guard=_guard(table, at),
        )

    def note(self, table: Table[str, Toml], at: str) -> Note:
        _no_others(table, {"field", "reason", "when", "unless"}, at)
        return Note(_text(table, "field", at), _text(table, "reason", at), _guard(table, at))

    def _fields(self, table: Table[str, Toml], at: str) -> Fields:
        fields: dict[str, Value | Fields] = {}
        for name, node in table.items():
            place = f"{at}.{name}"
            is_object = isinstance(node, dict) and not node.keys() & {"column", "template", "value"}
            fields[name] = self._fields(_table(node, place), place) if is_object else self._value(node, place)
        return Fields(at, fields)

    def _value(self, node: Toml, at: str, default_as: As = "text") -> Value:
        if not isinstance(node, dict):
            return Value(at, constant=cast(Scalar, node), as_=default_as)
        known = {"column", "template", "value", "as", "format", "prefix", "separator", "map", "otherwise"}
        _no_others(node, known | {"unreadable", "when", "unless"}, at)
        if len(node.keys() & {"column", "template", "value"}) != 1:
            raise MappingFault(at, "exactly one of column, template and value is needed")
        as_ = _choice(node.get("as", default_as), get_args(As), f"{at}.as")
        formats = node.get("format", [])
        formats = [formats] if isinstance(formats, str) else formats
        return Value(
            at,
            constant=node.get("value"),
            column=_text(node, "column", at) if "column" in node else None,
            template=_text(node, "template", at) if "template" in node else None,
            as_=cast(As, as_),
            formats=tuple(
                str(each) for each in _list([formats] if isinstance(formats, str) else formats, f"{at}.format")
            ),
            prefix=_text(node, "prefix", at, default=""),
            separator=_text(node, "separator", at) if "separator" in node else None,
            map=self._map(node["map"], f"{at}.map") if "map" in node else None,
            otherwise=node.get("otherwise"),
            unreadable=cast(
                Unreadable,
                _choice(node.get("unreadable", "refuse"), get_args(Unreadable), f"{at}.unreadable"),
            ),
            guard=_guard(node, at),
        )

    def _map(self, node: Toml, at: str) -> Table[str, Scalar]:
        if isinstance(node, str):
            if node not in self._maps:
                known = ", ".join(self._maps) or "none"
                raise MappingFault(at, f"no [maps.{node}]; there are: {known}")
            node = self._maps[node]
        return cast("Table[str, Scalar]", _table(node, at))


def _guard(table: Table[str, Toml], at: str) -> Guard:
    return Guard(_conditions(table.get("when", []), f"{at}.when"), _conditions(table.get("unless", []), f"{at}.unless"))


def _conditions(node: Toml, at: str) -> tuple[Condition, ...]:
    tables = [node] if isinstance(node, dict) else _list(node, at)
    return tuple(_condition(_table(each, f"{at}[{n}]"), f"{at}[{n}]") for n, each in enumerate(tables))


def _condition(table: Table[str, Toml], at: str) -> Condition:
    tests = get_args(Test)
    _no_others(table, {"column", *tests}, at)
    given = [name for name in tests if name in table]
    if len(given) != 1:
        raise MappingFault(at, f"a condition needs a column and exactly one of {', '.join(tests)}")
    operand = cast(Scalar, table[given[0]])
    if given[0] in ("in", "not_in"):
        _list(operand, f"{at}.{given[0]}")
    return Condition(_text(table, "column", at), cast(Test, given[0]), operand)


def _no_others(table: Table[str, Toml], known: set[str], at: str) -> None:
    for name in table:
        if name not in known:
            raise MappingFault(f"{at}.{name}" if at else name, f"unknown; known here: {', '.join(sorted(known))}")


def _text(table: Table[str, Toml], name: str, at: str, default: str | None = None) -> str:
    value = table.get(name, default)
    if not isinstance(value, str):
        raise MappingFault(f"{at}.{name}" if at else name, "a text is needed")
    return value


def _table(value: Toml, at: str) -> Table[str, Toml]:
    if not isinstance(value, dict):
        raise MappingFault(at, "a table is needed")
    return value


def _tables(document: Table[str, Toml], name: str) -> Sequence[Table[str, Toml]]:
    return [_table(each, f"{name}[{n}]") for n, each in enumerate(_list(document.get(name, []), name))]


def _list(value: Toml, at: str) -> list[object]:
    if not isinstance(value, list):
        raise MappingFault(at, "a list is needed")
    return value


def _choice(value: Toml, choices: tuple[str, ...], at: str) -> str:
    if value not in choices:
        raise MappingFault(at, f"one of {', '.join(choices)} is needed")
    return str(value)
