"""Says why a document doesn't fit its schema: the field, and the rule in words. Never the value: it may be personal.

This is the slow path; it runs only for what has been refused already.
"""

import re
from typing import Literal, TypeAlias, get_args

import msgspec
from msgspec import DecodeError, ValidationError
from msgspec.inspect import (
    BoolType,
    DateTimeType,
    DateType,
    Field,
    FloatType,
    IntType,
    LiteralType,
    Metadata,
    NoneType,
    RawType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from qos_domain.errors import RejectedEvent

Json: TypeAlias = object
Reason: TypeAlias = Literal[
    "tombstone",
    "too_large",
    "malformed_json",
    "wrong_topic",
    "key_mismatch",
    "time_in_future",
    "unknown_type",
    "unknown_field",
    "missing_field",
    "invalid_field",
    "time_without_offset",
    "personal_data",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""Every reason for which a record of an input topic is refused (`acceptance.accept`)."""

_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_NAMED = re.compile(r"field `(?P<name>[^`]*)`")
_STEP = re.compile(r"\.(?P<field>[A-Za-z0-9_]+)|\[(?P<index>\d+|\.\.\.)\]")
# A name that can be repeated to its sender: anything else may itself be somebody's name or address.
_FIELD_NAME = re.compile(r"[a-z][a-z_]{0,39}[0-9]{0,3}")
_INDIVIDUAL_NUMBER = re.compile(r"[0-9]{12}")


def refused(reason: Reason, field: str, rule: str) -> RejectedEvent:
    return RejectedEvent(reason=reason, field=field, rule=rule)


def malformed(field: str) -> RejectedEvent:
    return refused("malformed_json", field, "one complete JSON document in UTF-8")


def invalid(field: str, rule: str) -> RejectedEvent:
    return refused("invalid_field", field, rule)


def refusal(error: ValidationError, *, schema: type, raw: bytes, at: str = "") -> RejectedEvent:
    """What `error`, raised when `raw` was decoded as `schema`, means to the sender.

    `at` is the path of `raw` in the event: "" for the envelope, "data" for the payload.
    """
    message = str(error)
    match = _AT.search(message)
    steps = list(_STEP.finditer(match["path"])) if match else []
    try:
        document = msgspec.json.decode(raw)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return malformed(at or "value")
    expected, found = _walk(type_info(schema), document, steps)
    field = _join(at, "".join(step[0] for step in steps).lstrip("."))
    named = _NAMED.search(message)
    if named is not None and message.startswith("Object contains unknown field"):
        known = ", ".join(each.encode_name for each in _fields(expected))
        name = named["name"] if _FIELD_NAME.fullmatch(named["name"]) else "(unknown)"
        rule = f"no unknown fields; known here: {known}"
        return refused("unknown_field", _join(field, name), rule)
    if named is not None and message.startswith("Object missing required field"):
        each = next(each for each in _fields(expected) if each.encode_name == named["name"])
        rule = f"required: {rule_of(each.type)}"
        return refused("missing_field", _join(field, named["name"]), rule)
    if message.startswith("Expected `datetime` with a timezone"):
        return refused("time_without_offset", field or "value", rule_of(expected))
    if isinstance(found, str) and ("@" in found or _INDIVIDUAL_NUMBER.fullmatch(found)) and _is_id(expected):
        rule = "an id is a pseudonym: no mail address, no 12-digit Individual Number"
        return refused("personal_data", field, rule)
    return invalid(field or "value", rule_of(expected))


def rule_of(expected: Type) -> str:
    """What a type accepts, in words."""
    match _bare(expected):
        case LiteralType(values=values):
            rule = "one of " + ", ".join(str(value) for value in values)
        case StrType(min_length=least, max_length=most, pattern=pattern):
            rule = "a string" if most is None else f"a string of {least or 0} to {most} characters"
            rule += f" that matches {pattern}" if pattern else ""
        case IntType(ge=least, le=most):
            rule = "a whole number" if least is None else f"a whole number from {least} to {most}"
        case FloatType(gt=above, le=most):
            rule = "a number" if above is None else f"a number above {above}, at most {most}"
        case DateTimeType():
            rule = "an RFC 3339 date-time with an offset, such as 2025-05-02T23:50:00+09:00"
        case DateType():
            rule = "a date as YYYY-MM-DD"
        case BoolType():
            rule = "true or false"
        case VarTupleType(item_type=item, max_length=most):
            rule = "a list" if most is None else f"a list of at most {most}"
            rule += f", each {rule_of(item)}"
        case StructType() | RawType():
            rule = "an object"
        case other:
            raise TypeError(f"no rule in words for {other}")
    return rule


def _walk(expected: Type, found: Json, steps: list[re.Match[str]]) -> tuple[Type, Json]:
    """The type and the value at the end of the path; no value where the path doesn't name one."""
    for step in steps:
        here = _bare(expected)
        if step["field"] is not None:
            expected = next(each.type for each in _fields(here) if each.encode_name == step["field"])
            found = found.get(step["field"]) if isinstance(found, dict) else None
        elif isinstance(here, VarTupleType):
            expected, found = here.item_type, None
    return _bare(expected), found


def _bare(expected: Type) -> Type:
    """Without metadata, and without the null that an optional field also takes."""
    if isinstance(expected, Metadata):
        return _bare(expected.type)
    if isinstance(expected, UnionType):
        return _bare(next(each for each in expected.types if not isinstance(each, NoneType)))
    return expected


def _fields(expected: Type) -> tuple[Field, ...]:
    return expected.fields if isinstance(expected, StructType) else ()


def _is_id(expected: Type) -> bool:
    return isinstance(expected, StrType) and expected.pattern is not None and "A-Za-z0-9" in expected.pattern


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
