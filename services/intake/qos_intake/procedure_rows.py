"""A row of the procedures CSV as a `procedure.*` event. The columns are the schema's fields: `standard_period.unit`.

A list is written with semicolons, a truth value as true or false; an empty cell says nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from msgspec.inspect import BoolType, FloatType, IntType, Metadata, StructType, Type, UnionType, VarTupleType, type_info

from qos_domain.acceptance import AcceptanceRules
from qos_domain.bounds import EARLIEST_INSTANT, LATEST_DATE
from qos_domain.errors import RejectedEvent
from qos_domain.procedures import Procedure
from qos_domain.refusals import invalid
from qos_domain.upcasting import current_version
from qos_intake.problems import Refused

_Cell: TypeAlias = Callable[[str], object]
_COLUMN_NAME: Final = re.compile(r"[a-z][a-z_.]{0,60}")
_KINDS: Final = ("registered", "updated", "retired")


def _truth(cell: str) -> object:
    return {"true": True, "1": True, "false": False, "0": False}.get(cell.lower(), cell)


def _whole(cell: str) -> object:
    return int(cell) if re.fullmatch(r"[+-]?[0-9]{1,9}", cell) else cell


def _number(cell: str) -> object:
    return float(cell) if re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,9}", cell) else cell


def _listed(cell: str) -> object:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _columns(schema: Type, path: tuple[str, ...] = ()) -> dict[str, _Cell]:
    """Every leaf of the schema by its path, with how its cell is read. What can't be read stays text, and is refused
    by the schema with its rule."""
    match schema:
        case Metadata(type=inner):
            return _columns(inner, path)
        case UnionType(types=(inner, _)):
            return _columns(inner, path)
        case StructType(fields=fields):
            return {
                name: cell
                for field in fields
                for name, cell in _columns(field.type, (*path, field.encode_name)).items()
            }
        case BoolType():
            cell: _Cell = _truth
        case IntType():
            cell = _whole
        case FloatType():
            cell = _number
        case VarTupleType():
            cell = _listed
        case _:
            cell = str
    return {".".join(path): cell}


COLUMNS: Final[Mapping[str, _Cell]] = _columns(type_info(Procedure))
REQUIRED: Final = (
    "procedure_id",
    "name.ja",
    "organisation.id",
    "organisation.name.ja",
    "organisation.kind",
    "effective_from",
)
# Of the event around the procedure.
ENVELOPE: Final = ("type", "time", "id", "corrects")


def read_header(cells: Sequence[str] | None) -> tuple[str, ...]:
    """The columns of a file. Raises Refused for one that isn't known, stands twice or is missing."""
    names = tuple(cell.strip() for cell in cells or ())
    for number, name in enumerate(names, start=1):
        shown = name if _COLUMN_NAME.fullmatch(name) else f"column {number}"
        if name not in COLUMNS and name not in ENVELOPE:
            known = ", ".join([*COLUMNS, *ENVELOPE])
            raise Refused("unknown_column", field=shown, rule=f"one of {known}")
        if name in names[: number - 1]:
            raise Refused("malformed_request", field=shown, rule="each column once")
    for name in REQUIRED:
        if name not in names:
            raise Refused("missing_column", field=name, rule=f"required columns: {', '.join(REQUIRED)}")
    return names


class RowReader:
    """Turns rows into structured CloudEvents of one source.

    `listed_at` is when the list was made: the time of each event, unless its row has a `time`. Without both it is the
    beginning of the day that the version comes into force, so that the same list always gives the same events.
    """

    def __init__(
        self,
        header: tuple[str, ...],
        *,
        source: str,
        rules: AcceptanceRules,
        zone: ZoneInfo,
        listed_at: datetime | None,
    ) -> None:
        self._header = header
        self._source = source
        self._rules = rules
        self._zone = zone
        self._listed_at = listed_at

    def document(self, cells: Sequence[str] | None, now: datetime) -> bytes | RejectedEvent:
        """The event of a row, to be decoded like any other; or its refusal, if it has no time or isn't a row."""
        if cells is None or len(cells) != len(self._header):
            rule = f"valid CSV with {len(self._header)} cells, as the header has"
            return RejectedEvent(reason="malformed_row", field="row", rule=rule)
        row = {name: cell.strip() for name, cell in zip(self._header, cells, strict=True) if cell.strip()}
        kind = row.get("type", "registered")
        if kind not in _KINDS:
            return invalid("type", f"one of {', '.join(_KINDS)}")
        name = f"procedure.{kind}"
        event: dict[str, object] = {
            "specversion": "1.0",
            "source": self._source,
            "type": f"{self._rules.type_prefix}{name}.v{current_version(name)}",
            "data": _data(row),
            **{attribute: row[attribute] for attribute in ("id", "corrects") if attribute in row},
        }
        moment = row.get("time") or self._default_time(row.get("effective_from", ""), now)
        if moment is None:
            rule = "required for a version that is not in force yet: when was it decided? RFC 3339, with an offset"
            return RejectedEvent(reason="missing_field", field="time", rule=rule)
        return msgspec.json.encode(event | {"time": moment})

    def _default_time(self, effective_from: str, now: datetime) -> datetime | None:
        if self._listed_at is not None:
            return self._listed_at
        try:
            day = date.fromisoformat(effective_from)
        except ValueError:
            return EARLIEST_INSTANT  # the schema will say what is wrong with the date
        if day > LATEST_DATE or day < EARLIEST_INSTANT.date() + timedelta(days=1):
            return EARLIEST_INSTANT
        begins = datetime.combine(day, time(), tzinfo=self._zone).astimezone(UTC)
        return begins if begins <= now else None


def column_of(field: str) -> str:
    """The column that a field of the event stands in: data.channels[0] -> channels."""
    return field.removeprefix("data.").partition("[")[0]


def _data(row: Mapping[str, str]) -> dict[str, object]:
    # The required parts stand even when all their cells are empty, so that the missing cell is named and not its part.
    data: dict[str, object] = {"name": {}, "organisation": {"name": {}}}
    for name, cell in row.items():
        if name in COLUMNS:
            *parents, leaf = name.split(".")
            part = data
            for parent in parents:
                part = part.setdefault(parent, {})  # type: ignore[assignment]  # only parts have children
            part[leaf] = COLUMNS[name](cell)
    return data
