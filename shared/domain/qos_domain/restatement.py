"""What the present data says of a published month beside what was published: the difference, and its causes.

Two statements are compared field by field, on whole numbers only, so that every difference is exact. Where several
causes work together they are taken one after the other, always in the order of `CAUSES`: each step goes from one
statement to the next, so the steps sum to the whole difference. docs/publications.md says why in this order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal, TypeAlias, get_args

from qos_domain.figures import Distribution, Mean, Rate, Share
from qos_domain.indicators import ELAPSED, ProcessingTime, Satisfaction
from qos_domain.publication import Statement
from qos_domain.slo import ErrorBudget

Cause: TypeAlias = Literal["unexplained", "logic", "late_events", "registry", "calendar", "criteria"]
CAUSES: tuple[Cause, ...] = get_args(Cause)

Value: TypeAlias = int | str | None


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs. `difference` is after - before; None where one of them is no number."""

    field: str
    before: Value
    after: Value
    difference: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A cause, and the statement once it is taken into account (those before it are in it already)."""

    cause: Cause
    statement: Statement


def steps(published: Statement, chain: Iterable[tuple[Cause, Statement]]) -> tuple[Step, ...]:
    """The steps of a chain of statements that change anything. Causes come in the order of `CAUSES`, each once; the
    last statement is what the present data says.

    Raises ValueError for another order.
    """
    found: list[Step] = []
    before, last = published, -1
    for cause, statement in chain:
        if (place := CAUSES.index(cause)) <= last:
            raise ValueError(f"{cause} comes before {CAUSES[last]} in the order of causes")
        last = place
        if statement != before:
            found.append(Step(cause=cause, statement=statement))
            before = statement
    return tuple(found)


def restated(published: Statement, taken: Sequence[Step]) -> Statement:
    """The statement after all steps."""
    return taken[-1].statement if taken else published


def changes(before: Statement, after: Statement) -> tuple[Change, ...]:
    """What differs between two statements on one scope, in the order of the names of fields."""
    ours, theirs = values(before), values(after)
    return tuple(
        Change(name, was, becomes, _difference(was, becomes))
        for name in sorted(ours.keys() | theirs.keys())
        if (was := ours.get(name)) != (becomes := theirs.get(name))
    )


def values(statement: Statement) -> Mapping[str, Value]:
    """All that a statement says, by the name of the field: whole numbers, words, or None where nothing is said.

    A share is its numerator and denominator, a mean its total and n; a figure made of these has no field of its own.
    """
    found: dict[str, Value] = dict(_flat("indicators", statement.indicators))
    for principle, levels in statement.levels.items():
        found |= _flat(f"levels.{principle}", levels)
    found |= {f"criteria.{criterion}": status for criterion, status in statement.criteria.items()}
    return found


def _difference(before: Value, after: Value) -> int | None:
    return after - before if isinstance(before, int) and isinstance(after, int) else None


def _flat(name: str, value: object) -> Iterator[tuple[str, Value]]:
    match value:
        case None | int() | str():
            yield name, value
        case Share() | Rate():
            yield f"{name}.numerator", value.numerator
            yield f"{name}.denominator", value.denominator
        case Mean():
            yield f"{name}.n", value.n
            yield f"{name}.total", value.total
        case ProcessingTime():
            yield from _processing_time(name, value)
        case Satisfaction():
            yield from _flat(f"{name}.rating", value.rating)
            yield from _flat(f"{name}.satisfied", value.satisfied)
            for rating, count in enumerate(value.ratings, 1):
                yield f"{name}.ratings.{rating}", count
        case ErrorBudget():
            # Its objective as it is written; its ratios are made of these numbers.
            yield f"{name}.objective", str(value.objective)
            for field in ("results", "allowed", "used", "left", "recovered_after"):
                yield f"{name}.{field}", getattr(value, field)
        case Distribution():
            yield from _distribution(name, value)
        case _ if is_dataclass(value):
            for each in fields(value):
                part = getattr(value, each.name)
                if each.name == "minutes":
                    yield from _distribution(f"{name}.minutes", part)
                else:
                    yield from _flat(f"{name}.{each.name}", part)
        case _:
            raise TypeError(f"no fields of a {type(value).__name__}")


def _processing_time(name: str, times: ProcessingTime) -> Iterator[tuple[str, Value]]:
    elapsed = {each.counting: each.elapsed for each in times.elapsed}
    for counting in ELAPSED:
        yield from _distribution(f"{name}.elapsed.{counting}", elapsed.get(counting))
    for field in ("calendar_days", "waiting_days", "review_days", "notification_days"):
        yield from _distribution(f"{name}.{field}", getattr(times, field))


def _distribution(name: str, of: Distribution | None) -> Iterator[tuple[str, Value]]:
    """One of no values has n 0. The total is exact: values are whole numbers, and their mean was made of it."""
    yield f"{name}.n", 0 if of is None else of.n
    if of is None or of.mean is not None:
        yield f"{name}.total", 0 if of is None or of.mean is None else round(of.mean * of.n)
    for field in ("p50", "p90", "p95", "max"):
        yield f"{name}.{field}", None if of is None else getattr(of, field)
