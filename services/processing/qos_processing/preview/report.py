"""A preview for people (a table), for programs (JSON) and for spreadsheets (CSV)."""

import csv
import io
from collections.abc import Iterator, Sequence

import msgspec

from qos_domain.restatement import Change
from qos_processing.preview.effects import FigureEffect, LevelEffect, Preview, ViewEffect

TOP = 20
"""So many of the largest changes are listed for people, of figures and of levels."""

_COLUMNS = ("what", "view", "procedure_id", "organisation_id", "name", "before", "after", "difference")
_DAYS_SHOWN = 12
_INDICATORS = "indicators."


def as_json(preview: Preview) -> str:
    """One JSON object: all fields of `Preview`."""
    return msgspec.json.format(msgspec.json.encode(preview), indent=2).decode()


def as_csv(preview: Preview) -> str:
    """A line for each figure and each level that changes. `view` of a level is the day that it is of."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for effect in preview.figures:
        for change in effect.changes:
            place = ("figure", effect.view, effect.procedure_id, effect.organisation_id)
            writer.writerow((*place, change.field, change.before, change.after, change.difference))
    for level in preview.levels:
        name = f"levels.{level.principle}.{level.reading}.level"
        place = ("level", str(level.as_of), level.procedure_id, level.organisation_id)
        writer.writerow((*place, name, level.before, level.after, level.after - level.before))
    return text.getvalue()


def as_text(preview: Preview, top: int = TOP) -> str:
    """What changes in all, then the `top` largest changes of figures and of levels."""
    return "\n".join(_lines(preview, top))


def _lines(preview: Preview, top: int) -> Iterator[str]:
    yield f"{preview.kind} {preview.before} -> {preview.after}, generation {preview.generation}. Nothing was changed."
    if preview.days:
        shown = [f"{one.day} {one.becomes.replace('_', ' ')}" for one in preview.days[:_DAYS_SHOWN]]
        more = len(preview.days) - len(shown)
        yield f"Days that would count otherwise: {', '.join(shown)}{f' and {more:,} more' if more else ''}."
    cases = preview.cases
    if cases is not None:
        yield (
            f"{cases.cases:,} cases, {cases.refolded:,} of them concerned and folded anew: {cases.due_dates:,} due"
            f" dates, {cases.breach_dates:,} breach dates, {sum(one.cases for one in cases.results):,} results would"
            " change."
        )
        for result in cases.results:
            yield f"  {result.before or 'no result'} -> {result.after or 'no result'}: {result.cases:,}"
        if cases.not_compared:
            yield (
                f"Left out: {cases.not_compared:,} procedures whose cases wait to be judged anew after a change of the"
                " registry."
            )
    yield ""
    yield from _table([_VIEW_HEAD, *map(_view_row, preview.views)])
    if preview.figures:
        yield ""
        yield f"The largest changes of figures ({min(top, len(preview.figures)):,} of {len(preview.figures):,}):"
        yield from _table([_FIGURE_HEAD, *(row for one in preview.figures[:top] for row in _figure_rows(one))])
    if preview.levels:
        yield ""
        yield f"The largest changes of levels ({min(top, len(preview.levels)):,} of {len(preview.levels):,}):"
        yield from _table([_LEVEL_HEAD, *map(_level_row, preview.levels[:top])])


_VIEW_HEAD = ("days", "as of", "published", "procedures", "met", "breached", "levels")
_FIGURE_HEAD = ("procedure", "days", "figure", "before", "after", "difference")
_LEVEL_HEAD = ("procedure", "as of", "principle", "reading", "from", "to")


def _view_row(effect: ViewEffect) -> tuple[str, ...]:
    view = effect.view
    published = "yes" if view.published else "no"
    counts = (f"{effect.procedures:,}", _signed(effect.met), _signed(effect.breached), f"{effect.levels:,}")
    return (view.name, str(view.as_of), published, *counts)


def _figure_rows(effect: FigureEffect) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(effect.procedure_id, effect.view, *_change(change)) for change in effect.changes]
    more = effect.fields - len(effect.changes)
    return [*rows, (effect.procedure_id, effect.view, f"and {more} more", "", "", "")] if more else rows


def _change(change: Change) -> tuple[str, str, str, str]:
    difference = "" if change.difference is None else _signed(change.difference)
    return change.field.removeprefix(_INDICATORS), _said(change.before), _said(change.after), difference


def _level_row(effect: LevelEffect) -> tuple[str, ...]:
    return (
        effect.procedure_id,
        str(effect.as_of),
        effect.principle,
        effect.reading,
        _level(effect.before, effect.possible_before),
        _level(effect.after, effect.possible_after),
    )


def _level(level: int, possible: int) -> str:
    return f"{level}" if possible == level else f"{level} (perhaps {possible})"


def _said(value: object) -> str:
    return "-" if value is None else f"{value}"


def _signed(number: int) -> str:
    return f"{number:+,}" if number else "0"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()
