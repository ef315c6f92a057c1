"""Procedures registered from a CSV file: each row answered, a second upload the same, nothing held but a few rows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from qos_domain.events import ProcedureRegistered, ProcedureRetired
from qos_domain.procedures import ClockRules, DeclaredAttributes, Fee, Period
from support.builders import tokyo
from support.intake import RunningIntake

pytestmark = pytest.mark.real

HEADER = "procedure_id,name.ja,organisation.id,organisation.name.ja,organisation.kind,effective_from"
ROAD = "road-occupation,道路占用許可,construction,建設局,bureau,2025-04-01"
WATER = "water-supply,水道の使用開始,waterworks,水道局,bureau,2025-04-01"


async def test_a_list_of_two_uploaded_twice_is_two_procedures(intake: RunningIntake) -> None:
    file = f"{HEADER}\n{ROAD}\n{WATER}\n".encode()

    first = await intake.put_csv(file)
    second = await intake.put_csv(file)
    by_post = await intake.http.post(
        "/v1/procedures",
        content=b"\xef\xbb\xbf" + file.replace(b"\n", b"\r\n"),
        headers={"X-API-Key": intake.keys.registry, "Content-Type": "text/csv"},
    )

    assert [each.status_code for each in (first, second, by_post)] == [202] * 3
    assert [(each["row"], each["status"], each["topic"]) for each in first.json()["results"]] == [
        (2, "accepted", "procedures"),
        (3, "accepted", "procedures"),
    ]
    events = await intake.events("procedures")
    assert len(events) == 6
    assert len({(event.id, event.time, event.data) for event in events}) == 2
    # Midnight in Tokyo of the day that the version comes into force.
    assert {event.time for event in events} == {datetime(2025, 3, 31, 15, tzinfo=UTC)}


async def test_every_column_says_what_its_name_says(intake: RunningIntake) -> None:
    header = (
        f"{HEADER},type,time,kind,channels,standard_period.unit,standard_period.maximum,standard_period.minimum,"
        "clock.stop,clock.count_arrival_day,fee.due,fee.methods,objective,priority,attributes.status_visible,"
        "attributes.batch_group,legal_basis"
    )
    row = (
        f"{ROAD},retired,2025-03-01T09:00:00+09:00,application,online; counter,business_days,10,5,decision,TRUE,"
        '1,card;cash,0.9,false,true,move-in,"道路法, 第32条"'
    )
    response = await intake.put_csv(f"{header}\n{row}\n".encode())

    assert response.status_code == 202, response.text
    [event] = await intake.events("procedures")
    data = event.data
    assert isinstance(data, ProcedureRetired)
    assert event.time == tokyo("2025-03-01 09:00")
    assert data.channels == ("online", "counter")
    assert data.standard_period == Period(unit="business_days", maximum=10, minimum=5)
    assert data.clock == ClockRules(stop="decision", count_arrival_day=True)
    assert data.fee == Fee(due=True, methods=("card", "cash"))
    assert (data.objective, data.priority, data.legal_basis) == (0.9, False, "道路法, 第32条")
    assert data.attributes == DeclaredAttributes(status_visible=True, batch_group="move-in")


async def test_a_bad_row_is_answered_and_the_others_are_registered(intake: RunningIntake) -> None:
    rows = [
        f"{ROAD},10,business_days,",
        f"{WATER},ten,business_days,",
        f"{ROAD},10,fortnights,",
        f"{ROAD.replace('construction', '')},10,business_days,",
        f"{ROAD},10",
        f"{ROAD},5,business_days,maybe",
        f"{WATER},9,business_days,true",
        f'{WATER},9,business_days,"tr"ue',
        f"{WATER.replace('2025-04-01', '01.04.2025')},9,business_days,",
    ]
    header = f"{HEADER},standard_period.maximum,standard_period.unit,priority"
    response = await intake.put_csv("\n".join([header, *rows]).encode())

    assert response.status_code == 207
    results = response.json()["results"]
    assert [(each["row"], each["status"]) for each in results if each["status"] == "accepted"] == [
        (2, "accepted"),
        (8, "accepted"),
    ]
    told = [(each["row"], each["problem"]["reason"], each["problem"]["field"]) for each in results if "problem" in each]
    assert told == [
        (3, "invalid_field", "standard_period.maximum"),
        (4, "invalid_field", "standard_period.unit"),
        (5, "missing_field", "organisation.id"),
        (6, "malformed_row", "row"),
        (7, "invalid_field", "priority"),
        (9, "malformed_row", "row"),
        (10, "invalid_field", "effective_from"),
    ]
    assert "fortnights" not in response.text


@pytest.mark.parametrize(
    ("file", "status", "reason", "field"),
    [
        (f"{HEADER},phone\n{ROAD},03\n", 422, "unknown_column", "phone"),
        (f"{HEADER},山田太郎\n{ROAD},03\n", 422, "unknown_column", "column 7"),
        (f"{HEADER},name.ja\n{ROAD},x\n", 400, "malformed_request", "name.ja"),
        ("procedure_id,name.ja\n", 422, "missing_column", "organisation.id"),
        ("", 422, "missing_column", "procedure_id"),
    ],
)
async def test_a_wrong_column_refuses_the_file(
    intake: RunningIntake, file: str, status: int, reason: str, field: str
) -> None:
    response = await intake.put_csv(file.encode())
    problem = response.json()
    assert (response.status_code, problem["reason"], problem["field"]) == (status, reason, field)
    assert await intake.records("procedures") == []


async def test_a_corrected_list_carries_its_own_time(intake: RunningIntake) -> None:
    """Both lists are of the same day in April; the one made later wins, because its events are later."""
    await intake.put_csv(f"{HEADER}\n{ROAD}\n".encode(), time="2025-04-10T09:00:00+09:00")
    await intake.put_csv(f"{HEADER}\n{ROAD.replace('許可', '許可申請')}\n".encode(), time="2025-05-10T09:00:00+09:00")

    events = sorted(await intake.events("procedures"), key=lambda event: event.time)
    names = [event.data.name.ja for event in events if isinstance(event.data, ProcedureRegistered)]
    assert names == ["道路占用許可", "道路占用許可申請"]


async def test_a_version_of_next_april_needs_the_time_of_its_decision(intake: RunningIntake) -> None:
    file = f"{HEADER}\n{ROAD.replace('2025-04-01', '2027-04-01')}\n".encode()

    without = await intake.put_csv(file)
    given = await intake.put_csv(file, time="2026-11-01T09:00:00+09:00")
    nonsense = await intake.put_csv(file, time="in autumn")

    [result] = without.json()["results"]
    assert (result["problem"]["reason"], result["problem"]["field"]) == ("missing_field", "time")
    assert given.status_code == 202
    assert (nonsense.status_code, nonsense.json()["field"]) == (400, "time")
    assert "autumn" not in nonsense.text


async def test_a_list_from_a_japanese_spreadsheet(intake: RunningIntake) -> None:
    response = await intake.http.put(
        "/v1/procedures",
        content=f"{HEADER}\r\n{ROAD}\r\n".encode("cp932"),
        headers={"X-API-Key": intake.keys.registry, "Content-Type": "text/csv; charset=Shift_JIS"},
    )
    assert response.status_code == 202
    [event] = await intake.events("procedures")
    assert isinstance(event.data, ProcedureRegistered)
    assert event.data.name.ja == "道路占用許可"


async def test_three_thousand_rows_are_published_while_they_come(intake: RunningIntake) -> None:
    """When the last part of the file is sent, the first rows are in Kafka already."""
    published_before_the_end = 0

    async def file() -> AsyncIterator[bytes]:
        nonlocal published_before_the_end
        yield f"{HEADER}\n".encode()
        for number in range(3_000):
            yield f"p-{number},手続,construction,建設局,bureau,2025-04-01\n".encode()
        published_before_the_end = len(await intake.records("procedures"))
        yield f"{ROAD}\n".encode()

    response = await intake.put_csv(file())

    assert response.status_code == 202
    assert response.json()["accepted"] == 3_001
    assert [each["row"] for each in response.json()["results"]] == list(range(2, 3_003))
    assert published_before_the_end == 3_000


async def test_a_file_that_breaks_off_keeps_what_came_before(intake: RunningIntake) -> None:
    unclosed = WATER.replace("水道局", '"水道局')
    response = await intake.put_csv(f"{HEADER}\n{ROAD}\n{unclosed}\n{WATER}\n".encode())

    answer = response.json()
    assert response.status_code == 207
    assert [(each["row"], each["status"]) for each in answer["results"]] == [(2, "accepted")]
    assert answer["unread"]["from_row"] == 3
    assert answer["unread"]["problem"]["reason"] == "malformed_request"
    assert answer["unread"]["problem"]["field"] == "row 3"


async def test_bytes_of_another_character_set_spoil_their_row_only(intake: RunningIntake) -> None:
    response = await intake.put_csv(f"{HEADER}\n{ROAD}\n".encode() + WATER.encode("cp932") + f"\n{WATER}\n".encode())

    results = response.json()["results"]
    assert [(each["row"], each["status"]) for each in results] == [(2, "accepted"), (3, "rejected"), (4, "accepted")]
    assert results[1]["problem"]["reason"] == "malformed_row"


async def test_only_who_may_register_registers(intake: RunningIntake) -> None:
    response = await intake.put_csv(
        f"{HEADER}\n{WATER}\n{WATER.replace('waterworks', 'taxation')}\n".encode(), key=intake.keys.e_application
    )
    results = response.json()["results"]
    assert [each["status"] for each in results] == ["accepted", "rejected"]
    assert (results[1]["problem"]["reason"], results[1]["problem"]["field"]) == (
        "source_not_allowed",
        "organisation.id",
    )
    counter = await intake.put_csv(f"{HEADER}\n{WATER}\n".encode(), key=intake.keys.counter)
    assert counter.json()["results"][0]["problem"]["reason"] == "type_not_allowed"
