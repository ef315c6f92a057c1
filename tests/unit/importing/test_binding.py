"""An office in Amsterdam hands over a table of permits, one row a case; some cells are not what they should be."""

from datetime import UTC, date, datetime

import pytest

from qos_domain.events import ApplicationSubmitted, NotificationSent, ProcedureRegistered
from qos_domain.procedures import Period
from qos_local.importing.binding import BoundMapping, Remark, RowResult
from qos_local.importing.errors import MappingFault, UnknownColumn
from qos_local.importing.mapping_file import parse_mapping

COLUMNS = ("no", "way", "received", "answered", "due", "paper")
MAPPING = """
name = "Permits"
source = "import/permits"
time_zone = "Europe/Amsterdam"
blank = ["-"]

[[events]]
type = "application.submitted"
time = { column = "received", format = ["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"] }
[events.data]
procedure_id = "permit"
application_id = { column = "no", prefix = "P-" }
channel = { column = "way", map = { web = "online", desk = "counter" }, otherwise = "other" }
due_date = { column = "due", as = "date" }
attachments.paper = { column = "paper", as = "integer", unreadable = "leave_out" }

[[events]]
type = "notification.sent"
time = { column = "answered" }
when = { column = "answered", present = true }
[events.data]
procedure_id = "permit"
application_id = { column = "no", prefix = "P-" }
channel = "mail"
"""


def row(*cells: str, mapping: str = MAPPING) -> RowResult:
    return BoundMapping(parse_mapping(mapping), COLUMNS).row(cells)


def test_a_row_becomes_the_events_that_it_tells_of() -> None:
    result = row("17", "web", "2025-05-02 23:50", "2025-05-13T17:00:00+02:00", "2025-05-20", "2")
    submitted, notified = result.events
    assert submitted.time == datetime(2025, 5, 2, 21, 50, tzinfo=UTC)
    assert submitted.data == ApplicationSubmitted(
        procedure_id="permit",
        application_id="P-17",
        channel="online",
        due_date=date(2025, 5, 20),
        attachments=submitted.data.attachments if isinstance(submitted.data, ApplicationSubmitted) else None,
    )
    assert notified.data == NotificationSent(procedure_id="permit", application_id="P-17", channel="mail")
    assert result.refused is None
    assert result.left_out == []


def test_a_case_without_an_answer_is_still_open() -> None:
    for empty in ("", "  ", "-"):
        assert len(row("17", "web", "2025-05-02 23:50", empty, "", "").events) == 1


def test_the_same_row_gives_the_same_ids_and_another_row_others() -> None:
    cells = ("17", "web", "2025-05-02 23:50", "2025-05-13T17:00:00+02:00", "", "")
    assert [event.id for event in row(*cells).events] == [event.id for event in row(*cells).events]
    other = ("18", *cells[1:])
    assert not {event.id for event in row(*cells).events} & {event.id for event in row(*other).events}


def test_local_times_are_those_of_the_mapping() -> None:
    winter, summer = row("1", "web", "01.12.2025 09:00", "", "", ""), row("1", "web", "01.07.2025 09:00", "", "", "")
    assert winter.events[0].time == datetime(2025, 12, 1, 8, 0, tzinfo=UTC)
    assert summer.events[0].time == datetime(2025, 7, 1, 7, 0, tzinfo=UTC)


def test_an_instant_has_the_date_of_the_mappings_time_zone() -> None:
    submitted = row("1", "web", "2011-10-11 13:42", "", "2011-12-05T23:30:00+00:00", "").events[0].data
    assert isinstance(submitted, ApplicationSubmitted)
    assert submitted.due_date == date(2011, 12, 6)


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        (("1", "web", "yesterday", "", "", ""), ("received", "a time written as %Y-%m-%d %H:%M or %d.%m.%Y %H:%M")),
        (("1", "web", "2025-03-30 02:30", "", "", ""), ("received", "a local time that exists in Europe/Amsterdam")),
        (("1", "web", "2025-05-02 23:50", "soon", "", ""), ("answered", "a time written as ISO 8601")),
        (("", "web", "2025-05-02 23:50", "", "", ""), ("data.application_id", "required")),
        (("a@b", "web", "2025-05-02 23:50", "", "", ""), ("data.application_id", "a pseudonym")),
        (("1", "web", "", "", "", ""), ("time", "required")),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_whole_and_without_its_text(
    cells: tuple[str, ...], refused: tuple[str, str]
) -> None:
    result = row(*cells)
    assert result.events == []
    assert result.refused is not None
    assert (result.refused.field, refused[1] in result.refused.rule) == (refused[0], True)
    assert "yesterday" not in result.refused.rule
    assert "a@b" not in result.refused.rule


def test_what_the_mapping_can_do_without_is_left_out_and_told() -> None:
    result = row("1", "web", "2025-05-02 23:50", "", "", "two")
    assert len(result.events) == 1
    assert result.left_out == [Remark("attachments.paper", "left_out", "column paper: expected a whole number")]


def test_a_value_that_no_map_names_refuses_the_row_unless_there_is_an_otherwise() -> None:
    strict = MAPPING.replace(', otherwise = "other"', "")
    assert row("1", "pigeon", "2025-05-02 23:50", "", "", "").events
    refused = row("1", "pigeon", "2025-05-02 23:50", "", "", "", mapping=strict).refused
    assert refused == Remark("way", "unreadable", "one of: web, desk")


def test_a_column_that_the_file_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(UnknownColumn) as caught:
        BoundMapping(parse_mapping(MAPPING), ("no", "way", "received", "answered", "paper"))
    assert caught.value.at == "events[0].data.due_date"
    assert "'due'" in str(caught.value)
    assert "no, way, received, answered, paper" in str(caught.value)


def test_a_field_that_the_event_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(MappingFault, match=r"events\[0\]\.data\.chanel.*known here:.*channel"):
        BoundMapping(parse_mapping(MAPPING.replace("channel = { column", "chanel = { column")), COLUMNS)
    with pytest.raises(MappingFault, match=r"events\[0\]\.data: application\.submitted needs channel"):
        BoundMapping(parse_mapping(MAPPING.replace("channel = { column", "by_agent = { column")), COLUMNS)
    with pytest.raises(MappingFault, match=r"due_date: not an object"):
        BoundMapping(parse_mapping(MAPPING.replace("due_date = {", "due_date.day = {")), COLUMNS)


CATALOGUE = """
name = "Catalogue"
source = "import/catalogue"

[[events]]
type = "procedure.registered"
time = { value = 2025-07-29T00:00:00 }
[events.data]
procedure_id = { column = "no" }
name.ja = { template = "{way}[（{paper}）]" }
effective_from = 2025-07-29
organisation = { id = "o", kind = "ministry", name = { ja = "省" } }
priority = { value = true, when = { column = "answered", at_least = 10000 } }
fee.due = { column = "paper", as = "boolean", unreadable = "leave_out" }

[events.data.standard_period]
unit = { column = "due", map = { day = "calendar_days" } }
maximum = { column = "received", as = "integer", unreadable = "leave_out" }

[[notes]]
field = "standard_period"
reason = "not a plain value"
when = [{ column = "received", present = true }, { column = "due", present = false }]
"""


def catalogue(*cells: str) -> tuple[ProcedureRegistered, RowResult]:
    result = BoundMapping(parse_mapping(CATALOGUE), COLUMNS).row(cells)
    data = result.events[0].data
    assert isinstance(data, ProcedureRegistered)
    return data, result


def test_a_part_that_lacks_what_it_needs_is_absent_as_a_whole() -> None:
    assert catalogue("1", "届出", "30", "", "day", "")[0].standard_period == Period(unit="calendar_days", maximum=30)
    assert catalogue("1", "届出", "", "", "", "")[0].standard_period is None
    read, result = catalogue("1", "届出", "1.75", "", "day", "")
    assert read.standard_period is None
    assert [remark.field for remark in result.left_out] == ["standard_period.maximum"]


def test_notes_tell_what_of_a_row_was_not_taken_over() -> None:
    _, result = catalogue("1", "届出", "遅滞なく", "", "", "")
    assert Remark("standard_period", "left_out", "not a plain value") in result.left_out
    assert catalogue("1", "届出", "", "", "", "")[1].left_out == []


def test_templates_drop_the_bracketed_parts_that_are_empty() -> None:
    assert catalogue("1", "届出", "", "", "", "1")[0].name.ja == "届出（1）"
    assert catalogue("1", "届出", "", "", "", "")[0].name.ja == "届出"


def test_conditions_compare_numbers_as_numbers() -> None:
    assert catalogue("1", "届出", "", "10000", "", "")[0].priority is True
    assert catalogue("1", "届出", "", "9999", "", "")[0].priority is None
    assert catalogue("1", "届出", "", "many", "", "")[0].priority is None


def test_line_breaks_in_a_cell_become_blanks() -> None:
    assert catalogue("1", "届出\r\n（変更）", "", "", "", "")[0].name.ja == "届出 （変更）"


EVENT_TABLE = """
name = "Log"
source = "import/log"
time_zone = "Asia/Tokyo"

[[events]]
type = "review.started"
id = { column = "no", prefix = "task-" }
time = { column = "received" }
when = { column = "way", in = ["check", "look"] }
[events.data]
procedure_id = "permit"
application_id = { column = "due" }

[[events]]
type = "review.decided"
id = { column = "no", prefix = "task-" }
time = { column = "received" }
when = { column = "way", contains = "decision" }
unless = { column = "paper", equals = "draft" }
[events.data]
procedure_id = "permit"
application_id = { column = "due" }
outcome = { column = "paper", map = { yes = "approved", no = "rejected" } }
"""


def test_in_a_table_of_events_each_row_means_the_event_of_its_kind() -> None:
    log = BoundMapping(parse_mapping(EVENT_TABLE), COLUMNS)
    (started,) = log.row(("1", "check", "2025-05-02T09:00", "", "A-1", "")).events
    (decided,) = log.row(("2", "first decision", "2025-05-07T09:00", "", "A-1", "yes")).events
    assert (started.id, started.type) == ("task-1", "review.started")
    assert (decided.id, decided.type) == ("task-2", "review.decided")
    assert log.row(("3", "decision", "2025-05-07T09:00", "", "A-1", "draft")).events == []
    assert log.row(("4", "coffee", "2025-05-07T09:00", "", "A-1", "")) == RowResult()


def test_what_a_mapping_tells_before_the_rows_has_only_constants() -> None:
    registered = """
[[procedures]]
time = 2025-04-01T00:00:00
[procedures.data]
procedure_id = { column = "no" }
name.ja = "許可"
effective_from = 2025-04-01
organisation = { id = "o", kind = "bureau", name = { ja = "局" } }
"""
    with pytest.raises(MappingFault, match=r"procedures\[0\]\.data\.procedure_id: only constants here"):
        BoundMapping(parse_mapping(EVENT_TABLE + registered), COLUMNS)
    unfit = registered.replace('{ column = "no" }', '"p"').replace('"bureau"', '"office"')
    with pytest.raises(MappingFault, match=r"procedures\[0\].*one of bureau"):
        BoundMapping(parse_mapping(EVENT_TABLE + unfit), COLUMNS).procedures()
