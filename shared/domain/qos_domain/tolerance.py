"""What this program knows of data that a newer one stored: the newer one's optional fields are left out.

Only for facts that were accepted and stored. What comes in is refused when it has a field that nobody knows, so that
personal data can't slip in (domain document, Events).
"""

from typing import TypeVar

import msgspec
from msgspec import inspect

_T = TypeVar("_T")


def convert_known(data: object, kind: type[_T]) -> _T:
    """`data` (JSON as Python has it) as `kind`, without the fields that `kind` and its parts don't have.

    Raises msgspec.ValidationError where what is left doesn't fit.
    """
    return msgspec.convert(_known(data, inspect.type_info(kind)), kind)


def _known(data: object, kind: inspect.Type) -> object:
    match kind:
        case inspect.StructType(fields=fields) if isinstance(data, dict):
            types = {field.encode_name: field.type for field in fields}
            return {name: _known(value, types[name]) for name, value in data.items() if name in types}
        case inspect.UnionType(types=alternatives):
            # An optional part: of the alternatives one at most is an object, or a list.
            for alternative in alternatives:
                data = _known(data, alternative)
            return data
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item) if isinstance(data, list):
            return [_known(each, item) for each in data]
        case _:
            return data
