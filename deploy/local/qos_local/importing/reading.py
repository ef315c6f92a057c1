"""How a cell becomes a value: conditions, conversions, value maps. Compiled once per file, then run for every row."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias

from qos_local.importing.errors import MappingFault, UnknownColumn, UnreadableCell
from qos_local.importing.mapping import As, Condition, Guard, Mapping, Scalar, Value

Cells: TypeAlias = Sequence[str]
# None: nothing is said.
Read: TypeAlias = Callable[[Cells], object | None]
Holds: TypeAlias = Callable[[Cells], bool]
Convert: TypeAlias = Callable[[str], object]

_TRUE = frozenset({"1", "true", "yes", "y", "t", "○", "有"})
_FALSE = frozenset({"0", "false", "no", "n", "f", "×", "無"})
# Line breaks and the like: a text of an event is one line.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_COLUMN = re.compile(r"\{([^{}]*)\}")


class Columns:
    """The columns of a file, and what its mapping says of all cells: which texts are blank, which time zone counts."""

    def __init__(self, names: tuple[str, ...], mapping: Mapping) -> None:
        self.names = names
        self._places = {name: place for place, name in enumerate(names)}
        self._blank = mapping.blank
        self._zone = mapping.time_zone

    def cell(self, at: str, name: str) -> Callable[[Cells], str]:
        """The text of a column on one line, without blanks around it; empty where it says nothing.

        Raises UnknownColumn, or MappingFault where there are no rows to read from.
        """
        if not self.names:
            raise MappingFault(at, f"only constants here: this is told before the rows, which have column {name!r}")
        if name not in self._places:
            raise UnknownColumn(at, name, self.names)
        place, blank = self._places[name], self._blank

        def read(cells: Cells) -> str:
            text = cells[place].strip()
            if not text.isprintable():
                text = _CONTROL.sub(" ", text)
            return "" if text in blank else text

        return read

    def holds(self, at: str, guard: Guard) -> Holds | None:
        """Whether a row passes the guard; None where every row does."""
        when = [self._condition(at, condition) for condition in guard.when]
        unless = [self._condition(at, condition) for condition in guard.unless]
        if not when and not unless:
            return None
        if not unless:
            return lambda cells: all(holds(cells) for holds in when)
        return lambda cells: all(holds(cells) for holds in when) and not all(holds(cells) for holds in unless)

    def read(self, value: Value) -> Read:
        """The reading of a value. It raises UnreadableCell. Raises MappingFault here and now."""
        read = self._unguarded(value)
        holds = self.holds(value.at, value.guard)
        if holds is None:
            return read
        return lambda cells: read(cells) if holds(cells) else None

    def _unguarded(self, value: Value) -> Read:
        if value.column is None and value.template is None:
            constant = self._constant(value)
            return lambda _: constant
        if value.template is not None:
            text, column = self._template(value.at, value.template), value.template
        else:
            column = value.column or ""
            text = self.cell(value.at, column)
        convert = self._converted(value, column)
        if value.separator is not None:
            separator = value.separator

            def read_list(cells: Cells) -> object | None:
                parts = [part.strip() for part in text(cells).split(separator)]
                return list(dict.fromkeys(convert(part) for part in parts if part)) or None

            return read_list

        def read(cells: Cells) -> object | None:
            found = text(cells)
            return convert(found) if found else None

        return read

    def _constant(self, value: Value) -> object | None:
        constant = value.constant
        if value.as_ in ("time", "date") and isinstance(constant, str):
            try:
                return self._conversion(value, value.at)(constant)
            except UnreadableCell as error:
                raise MappingFault(value.at, error.rule) from error
        if value.as_ == "time" and isinstance(constant, datetime) and constant.tzinfo is None:
            return constant.replace(tzinfo=self._zone)
        return constant

    def _converted(self, value: Value, column: str) -> Convert:
        conversion = self._conversion(value, column)
        if value.map is None:
            return conversion
        mapped, otherwise = value.map, value.otherwise

        def convert(text: str) -> object:
            found: Scalar | None = mapped.get(text, otherwise)
            if found is None:
                raise UnreadableCell(column, f"one of: {', '.join(mapped)}")
            return found

        return convert

    def _conversion(self, value: Value, column: str) -> Convert:
        conversions: dict[As, Convert] = {
            "text": lambda text: value.prefix + text,
            "integer": lambda text: _integer(text, column),
            "boolean": lambda text: _boolean(text, column),
            "time": lambda text: self._instant(text, value.formats, column),
            "date": lambda text: self._date(text, value.formats, column),
        }
        return conversions[value.as_]

    def _parse(self, text: str, formats: tuple[str, ...], column: str) -> datetime:
        for each in formats:
            try:
                return datetime.strptime(text, each)  # noqa: DTZ007 - the zone is the mapping's, put on by _instant
            except ValueError:
                continue
        if not formats:
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                pass
        expected = " or ".join(formats) if formats else "ISO 8601, such as 2025-05-02T23:50:00+09:00"
        raise UnreadableCell(column, f"a time written as {expected}")

    def _instant(self, text: str, formats: tuple[str, ...], column: str) -> datetime:
        parsed = self._parse(text, formats, column)
        if parsed.tzinfo is not None:
            return parsed
        local = parsed.replace(tzinfo=self._zone)
        if local.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != parsed:
            raise UnreadableCell(column, f"a local time that exists in {self._zone.key} (the clock was put forward)")
        return local

    def _date(self, text: str, formats: tuple[str, ...], column: str) -> date:
        """A date as written; of an instant with an offset, its date in the mapping's time zone."""
        parsed = self._parse(text, formats, column)
        return parsed.date() if parsed.tzinfo is None else parsed.astimezone(self._zone).date()

    def _template(self, at: str, template: str) -> Callable[[Cells], str]:
        """`{column}` is its text; a part in [ ] is dropped where a column in it is empty, else the whole is."""
        cells_of = {name: self.cell(at, name) for name in _COLUMN.findall(template)}

        def read(cells: Cells) -> str:
            texts = {name: cell(cells) for name, cell in cells_of.items()}

            def part(match: re.Match[str]) -> str:
                return match[1] if all(texts[name] for name in _COLUMN.findall(match[1])) else ""

            kept = _OPTIONAL.sub(part, template)
            names = _COLUMN.findall(kept)
            return _COLUMN.sub(lambda match: texts[match[1]], kept) if all(texts[name] for name in names) else ""

        return read

    def _condition(self, at: str, condition: Condition) -> Holds:
        cell = self.cell(at, condition.column)
        operand = condition.operand
        match condition.test:
            case "present":
                return lambda cells: bool(cell(cells)) is bool(operand)
            case "equals":
                return lambda cells: cell(cells) == str(operand)
            case "in" | "not_in":
                texts = frozenset(str(each) for each in operand) if isinstance(operand, list) else frozenset()
                inside = condition.test == "in"
                return lambda cells: (cell(cells) in texts) is inside
            case "contains":
                return lambda cells: str(operand) in cell(cells)
            case "equals_column":
                other = self.cell(at, str(operand))
                return lambda cells: cell(cells) == other(cells)
            case "above_column":
                other = self.cell(at, str(operand))
                return lambda cells: _above(_number(cell(cells)), _number(other(cells)))
            case "at_least":
                least = _number(str(operand))
                return lambda cells: _above(_number(cell(cells)), least, or_equal=True)


def _integer(text: str, column: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UnreadableCell(column, "a whole number") from None


def _boolean(text: str, column: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise UnreadableCell(column, f"one of {', '.join(sorted(_TRUE | _FALSE))}")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _above(number: float | None, other: float | None, *, or_equal: bool = False) -> bool:
    if number is None or other is None:
        return False
    return number >= other if or_equal else number > other
