"""The part of docs/events.md that lists every type and field, made of the schemas.

`python -m qos_intake.event_docs` writes it to standard output.
"""

import sys
from collections.abc import Iterator

from msgspec.inspect import Field, Metadata, NoneType, StructType, Type, UnionType, type_info

from qos_domain.events import EVENT_TYPES
from qos_domain.refusals import rule_of

BEGIN = "<!-- made by python -m qos_intake.event_docs -->"
END = "<!-- end -->"
# Rules that would say the same in every table.
_SHORT = {
    "procedure_id": "an id",
    "application_id": "an id; a pseudonym, never a mail address or a 12-digit number",
    "organisation.id": "an id",
    "payment_id": "an id",
    "suspension_id": "an id",
    "extension_id": "an id",
    "batch_id": "an id: what was applied for in one go",
    "comment": "at most 2000 characters; masked",
    "topic": "at most 100 characters; masked",
}
_TEXT = "a string of 1 to 500 characters"
_REGISTRY = ("procedure.registered", "procedure.updated", "procedure.retired")


def document() -> str:
    """Everything between the two marks, with them."""
    parts = [BEGIN, ""]
    for name, (topic, schema) in EVENT_TYPES.items():
        if name in _REGISTRY:
            continue
        parts += [f"### {name}", "", f"{_summary(schema)} Topic `{topic}`.", "", *_table(schema), ""]
    first = EVENT_TYPES[_REGISTRY[0]][1]
    parts += ["### " + ", ".join(_REGISTRY), ""]
    parts += [f"- `{name}`: {_summary(EVENT_TYPES[name][1])}" for name in _REGISTRY]
    parts += ["", "Topic `procedures`. All three carry the whole version:", "", *_table(first), "", END]
    return "\n".join(parts) + "\n"


def _summary(schema: type) -> str:
    return " ".join((schema.__doc__ or "").split())


def _table(schema: type) -> Iterator[str]:
    yield "| field | | takes |"
    yield "| --- | --- | --- |"
    for path, field, required in _leaves(type_info(schema), (), required=True):
        rule = _SHORT.get(path) or rule_of(field.type)
        rule = _TEXT if rule.startswith(_TEXT) else rule
        yield f"| `{path}` | {'required' if required else ''} | {rule}{_default(field)} |"


def _leaves(schema: Type, path: tuple[str, ...], *, required: bool) -> Iterator[tuple[str, Field, bool]]:
    bare = _bare(schema)
    if not isinstance(bare, StructType):
        return
    for field in bare.fields:
        here = (*path, field.encode_name)
        must = required and field.required
        if isinstance(_bare(field.type), StructType):
            yield from _leaves(field.type, here, required=must)
        else:
            yield ".".join(here), field, must


def _bare(schema: Type) -> Type:
    if isinstance(schema, Metadata):
        return _bare(schema.type)
    if isinstance(schema, UnionType):
        return _bare(next(each for each in schema.types if not isinstance(each, NoneType)))
    return schema


def _default(field: Field) -> str:
    if field.required or field.default in (None, ()):
        return ""
    if isinstance(field.default, tuple):
        return f"; default: {', '.join(field.default)}"
    return f"; default: {str(field.default).lower()}" if isinstance(field.default, str | bool | int | float) else ""


if __name__ == "__main__":
    sys.stdout.write(document())
