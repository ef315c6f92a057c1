"""A case, a bucket or a total is spoilt by hand: the verification finds just that, and else nothing."""

import asyncio
from datetime import date

import pytest

from qos_domain.events import Event
from qos_processing.made_with import OtherLogic
from qos_processing.verify.findings import Mismatch
from qos_processing.verify.report import as_text, exit_code
from qos_processing.verify.verification import Scope
from support.builders import happened, registered
from support.processing import Processing
from support.verifying import Verify

pytestmark = pytest.mark.real


def story() -> list[Event]:
    """Two procedures of two bureaus with three cases each; one case is corrected away, one has nobody registered."""
    events = [
        registered(),
        registered(procedure="water-supply", organisation="waterworks"),
        happened("application.submitted", "2025-05-02", procedure="unknown", channel="online"),
    ]
    for procedure in ("road-occupation", "water-supply"):
        events += [
            happened(
                "application.submitted",
                "2025-05-02",
                procedure=procedure,
                application=f"A-{number}",
                id=f"{procedure}-{number}",
                channel="online",
            )
            for number in (1, 2, 3)
        ]
        events += [
            happened("review.suspended", "2025-05-08", procedure=procedure, suspension_id="S-1", reason="correction"),
            happened("notification.sent", "2025-05-09", procedure=procedure, application="A-2", channel="electronic"),
        ]
    correction = happened("application.abandoned", "2025-05-03", application="A-3", corrects="road-occupation-3")
    return [*events, correction]


async def test_what_was_processed_is_as_a_fresh_fold_has_it(p: Processing, verified: Verify) -> None:
    await p.receive(*story())
    result = await verified()
    assert result.clean
    assert result.mismatches == []
    assert result.checked["cases"] == 7
    assert result.checked["buckets"] > 7
    assert result.checked["totals"] > 7
    assert exit_code(result) == 0
    await p.totals.take_in()
    assert (await verified()).clean


async def test_a_case_that_was_changed_by_hand(p: Processing, verified: Verify) -> None:
    await p.receive(*story())
    await p.pool.execute(
        "UPDATE cases SET breach_date = '2025-06-30' WHERE procedure_id = 'water-supply' AND application_id = 'A-3'"
    )
    result = await verified()
    assert result.mismatches == [
        Mismatch(
            "cases",
            {"procedure_id": "water-supply", "application_id": "A-3"},
            "breach_date",
            "2025-06-30",
            "2025-05-14",
        )
    ]
    assert result.mismatch_counts == {"cases": 1, "buckets": 0, "totals": 0}
    assert exit_code(result) == 1
    assert "breach_date is '2025-06-30', should be '2025-05-14'" in as_text(result)


async def test_contributions_that_are_not_those_of_the_facts(p: Processing, verified: Verify) -> None:
    """Case and buckets no longer fit, nor does the case fit its facts: both are told."""
    await p.receive(*story())
    await p.pool.execute(
        "UPDATE cases SET contributions = '[[],[]]' WHERE procedure_id = 'road-occupation' AND application_id = 'A-1'"
    )
    result = await verified()
    assert result.mismatch_counts["cases"] == result.mismatch_counts["buckets"] > 0
    assert result.mismatch_counts["totals"] == 0
    assert all(mismatch.place["procedure_id"] == "road-occupation" for mismatch in result.mismatches)


async def test_a_case_that_can_not_be_read(p: Processing, verified: Verify) -> None:
    await p.receive(*story())
    await p.pool.execute("UPDATE cases SET facts = 'nothing' WHERE procedure_id = 'road-occupation'")
    result = await verified()
    assert result.mismatch_counts["cases"] == 3
    assert {mismatch.field for mismatch in result.mismatches} == {"facts, contributions"}


async def test_a_bucket_that_was_changed_one_that_is_gone_and_one_too_many(p: Processing, verified: Verify) -> None:
    await p.receive(*story())
    await p.pool.execute(
        "UPDATE day_buckets SET value = value + 40 WHERE procedure_id = 'water-supply' AND measure = 'arrived'"
    )
    await p.pool.execute("DELETE FROM day_buckets WHERE procedure_id = 'road-occupation' AND measure = 'arrived'")
    await p.pool.execute(
        "INSERT INTO day_buckets VALUES (1, 'nobody', 'waterworks', '2025-05-02', 'online', true, 'arrived', 0, 9)"
    )
    found = {
        mismatch.place["procedure_id"]: (mismatch.what, mismatch.place["date"], mismatch.stored, mismatch.expected)
        for mismatch in (await verified()).mismatches
        if mismatch.what != "totals"
    }
    day = date(2025, 5, 2).isoformat()
    assert found == {
        "water-supply": ("buckets", day, 43, 3),
        "road-occupation": ("buckets", day, None, 2),
        "nobody": ("buckets", day, 9, None),
    }


async def test_a_total_that_was_changed(p: Processing, verified: Verify) -> None:
    await p.receive(*story())
    await p.totals.take_in()
    await p.pool.execute(
        "UPDATE scope_buckets SET value = 1 WHERE organisation_id = 'waterworks' AND measure = 'arrived'"
    )
    result = await verified()
    assert result.mismatch_counts == {"cases": 0, "buckets": 0, "totals": 1}
    (mismatch,) = result.mismatches
    assert mismatch.place["scope"] == "organisation"
    assert (mismatch.stored, mismatch.expected) == (1, 3)


async def test_some_procedures_or_a_sample(p: Processing, verified: Verify) -> None:
    await p.receive(*story())
    await p.pool.execute("UPDATE cases SET status = 'stopped' WHERE application_id = 'A-1'")
    one = await verified(Scope(procedures=("water-supply",)))
    assert one.checked["cases"] == 3
    assert [mismatch.place["procedure_id"] for mismatch in one.mismatches] == ["water-supply"]
    sample = await verified(Scope(sample=3, seed=7))
    assert sample.checked == (await verified(Scope(sample=3, seed=7))).checked
    assert sample.checked["cases"] >= 3
    whole = await verified(Scope(sample=100))
    assert whole.checked["cases"] == 7 + 6  # all of them drawn, and all of the procedures that are registered


async def test_cases_that_wait_to_be_judged_anew_are_not_held_against_it(p: Processing, verified: Verify) -> None:
    """A version dated back is stored; its cases are judged by it a moment later."""
    await p.receive(*story())
    p.log.append(registered("2025-01-02", organisation="other", at="2025-05-10"))
    for batch in p.log.new():
        await p.service.process(batch)
    result = await verified()
    assert result.clean
    assert result.rejudging == 1
    assert result.checked["cases"] == 4
    await p.rejudging.rejudge_all()
    assert (await verified()).rejudging == 0


async def test_other_logic_can_not_judge(p: Processing, verified: Verify) -> None:
    await p.receive(*story())
    await p.pool.execute("UPDATE generations SET logic_version = 0")
    with pytest.raises(OtherLogic, match="logic version 0"):
        await verified()


async def test_workers_go_on_meanwhile(p: Processing, verified: Verify) -> None:
    """What is processed while it compares isn't in its snapshot: no bucket is ahead of its cases."""

    async def traffic() -> None:
        for number in range(40):
            case = f"B-{number}"
            await p.receive(happened("application.submitted", "2025-05-12", application=case, channel="online"))
            await p.totals.take_in()

    await p.receive(*story())
    going_on = asyncio.create_task(traffic())
    results = [await verified()]
    while not going_on.done():
        results.append(await verified())
    await going_on
    results.append(await verified())
    assert all(result.clean for result in results)
    assert len({result.checked["cases"] for result in results}) > 2
    assert results[-1].checked["cases"] == 47
