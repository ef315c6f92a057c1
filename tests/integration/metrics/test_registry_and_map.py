"""The registry, the levels and the quality map over a few procedures: search, filters, paging, lines."""

import json
from datetime import date
from typing import Any

import asyncpg
import msgspec

from qos_domain.events import Attachments, Event
from qos_domain.procedures import DeclaredAttributes, Name, Organisation
from support.builders import happened, registered
from support.metrics import Api, Serve

NOW = "2026-11-20 15:00"
TAXATION = Organisation(id="taxation", name=Name(ja="主税局", en="Bureau of Taxation"), kind="bureau")


def town() -> list[Event]:
    """Twenty-five permits of one bureau and two procedures of another, one of which claims too much."""
    claims = DeclaredAttributes(attachments_as_data=True)
    events = [registered(procedure=f"permit-{number:02}") for number in range(25)]
    events.append(tax("tax-return", "法人税の申告", "Corporate tax return", attributes=claims, priority=True))
    events.append(tax("tax-relief_50", "減免申請_50", None))
    events.append(registered(procedure="ended", type="procedure.retired", effective_from="2026-01-01"))
    events += [
        happened(
            "application.submitted",
            "2026-11-09",
            procedure="tax-return",
            application=f"T-{number}",
            channel="online",
            attachments=Attachments(digital=1, paper=1),
        )
        for number in range(20)
    ]
    return events


def tax(procedure: str, ja: str, en: str | None, **more: Any) -> Event:
    event = registered(procedure=procedure, **more)
    data = msgspec.structs.replace(event.data, name=Name(ja=ja, en=en), organisation=TAXATION)
    return msgspec.structs.replace(event, data=data)


async def ids(api: Api, **asked: Any) -> list[str]:
    entries = (await api.public("/v1/quality-map", **asked))["entries"]
    return [entry["procedure"]["procedure_id"] for entry in entries]


async def test_a_map_is_read_a_page_at_a_time(serve: Serve) -> None:
    async with serve(town(), now=NOW) as api:
        found: list[str] = []
        cursor: dict[str, str] = {}
        for size in (10, 10, 7):
            answer = await api.public("/v1/quality-map", limit=10, **cursor)
            assert answer["totals"]["procedures"] == 27
            page = [entry["procedure"]["procedure_id"] for entry in answer["entries"]]
            assert len(page) == size
            found += page
            cursor = {"cursor": answer["next_cursor"]}
        assert answer["next_cursor"] is None
        assert found == sorted(found)
        assert len(set(found)) == 27
        assert "ended" not in found
        assert "ended" in await ids(api, retired="true", limit=1000)

        lines = (await api.http.get("/v1/quality-map.ndjson")).text.splitlines()
        assert [json.loads(line)["procedure"]["procedure_id"] for line in lines] == found


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"organisation": "taxation"}, ["tax-relief_50", "tax-return"]),
    ({"q": "TAX RETURN"}, ["tax-return"]),
    ({"q": "減免"}, ["tax-relief_50"]),
    ({"q": "permit-07"}, ["permit-07"]),
    ({"q": "%"}, []),
    ({"q": "f_5"}, ["tax-relief_50"]),
    ({"q": "'; DROP TABLE levels; --"}, []),
    ({"priority": "true"}, ["tax-return"]),
    ({"contradicted": "true"}, ["tax-return"]),
    ({"organisation": "taxation", "priority": "false"}, ["tax-relief_50"]),
    ({"organisation": "taxation", "principle": "faster", "level": 1}, ["tax-relief_50", "tax-return"]),
    ({"organisation": "taxation", "principle": "faster", "level": 2}, []),
    ({"organisation": "nobody"}, []),
]


async def test_filters_restrict_the_map_together(serve: Serve) -> None:
    async with serve(town(), now=NOW) as api:
        for asked, found in FILTERS:
            assert await ids(api, **asked) == found, asked
            listed = (await api.public("/v1/procedures", **asked))["procedures"]
            assert [row["procedure_id"] for row in listed] == found, asked
            totals = (await api.public("/v1/quality-map", **asked))["totals"]
            assert totals["procedures"] == totals["assessed"] == len(found), asked


async def test_the_map_counts_levels(serve: Serve) -> None:
    async with serve(town(), now=NOW) as api:
        totals = (await api.public("/v1/quality-map"))["totals"]
        assert totals["contradicted"] == 1
        assert totals["evidenced_levels"]["faster"] == [0, 27, 0, 0]
        assert sum(totals["evidenced_levels"]["simpler"]) == 27


async def test_evidence_against_a_declaration_names_criterion_figure_and_threshold(serve: Serve) -> None:
    async with serve(town(), now=NOW) as api:
        answer = await api.ask("/v1/procedures/tax-return/levels")
        simpler = answer["live"]["principles"]["simpler"]
        assert (simpler["declared"]["level"], simpler["evidenced"]["level"]) == (1, 0)
        (contradiction,) = simpler["contradictions"]
        assert contradiction["criterion"] == "simpler-1-paper"
        assert (contradiction["figure"]["value"], contradiction["threshold"]) == (1.0, 0.05)
        assert (contradiction["figure"]["numerator"], contradiction["figure"]["cases"]) == (20, 20)
        assert simpler["next_level"]["level"] == 1
        assert [lack["criterion"] for lack in simpler["next_level"]["lacking"]] == ["simpler-1-paper"]
        lineage = answer["live"]["lineage"]
        assert (lineage["criteria"], lineage["calendar"]) == ("tokyo-1", "jp-tokyo-1")
        assert lineage["registry"]["effective_from"] == "2020-04-01"
        assert lineage["freshness"]["last_event_date"] == "2026-11-09"
        assert answer["settled"]["levels"]["simpler"]["evidenced"]["level"] == 0
        assert answer["announced_revision"] == 1
        (entry,) = (await api.public("/v1/quality-map", q="tax-return"))["entries"]
        assert entry["principles"]["simpler"]["evidenced"] == simpler["evidenced"]
        assert entry["contradictions"] == 1


async def test_levels_of_a_day_gone_by(serve: Serve) -> None:
    """On 8 November nothing had arrived yet: nothing contradicted the declaration."""
    async with serve(town(), now=NOW) as api:
        answer = await api.ask("/v1/procedures/tax-return/levels", as_of="2026-11-08")
        simpler = answer["live"]["principles"]["simpler"]
        assert answer["as_of"] == "2026-11-08"
        assert simpler["contradictions"] == []
        assert simpler["evidenced"] == {"level": 0, "possible_level": 3}


async def test_a_procedure_tells_its_versions_and_its_priority(serve: Serve) -> None:
    events = [
        *town(),
        registered("2026-06-01", procedure="permit-01", organisation="ports", at="2026-05-20", priority=True),
    ]
    async with serve(events, now=NOW) as api:
        answer = await api.public("/v1/procedures/permit-01")
        assert [version["effective_from"] for version in answer["versions"]] == ["2020-04-01", "2026-06-01"]
        assert answer["current"]["organisation"]["id"] == "ports"
        assert answer["current"]["standard_period"] == {"unit": "business_days", "maximum": 5}
        assert answer["priority"] == {
            "fiscal_year": "FY2026",
            "priority": True,
            "declared": True,
            "applications_last_year": 0,
            "applications_this_year": 0,
            "next_year": True,
        }
        assert (await api.ask("/v1/procedures/tax-return"))["priority"]["applications_this_year"] == 20
        assert (await api.public("/v1/procedures/tax-return"))["versions"][0]["procedure"]["priority"] is True


async def test_a_map_before_the_first_assessment(serve: Serve, migrated: str) -> None:
    """Registered and not assessed yet: on the map, with nothing claimed of it."""
    async with serve(town(), now=NOW) as api:
        connection = await asyncpg.connect(migrated)
        await connection.execute("DELETE FROM levels WHERE procedure_id = 'permit-03'")
        await connection.close()
        (entry,) = (await api.public("/v1/quality-map", q="permit-03"))["entries"]
        assert (entry["principles"], entry["assessed_at"], entry["contradictions"]) == (None, None, 0)
        assert (await api.public("/v1/quality-map"))["totals"]["assessed"] == 26
        live = (await api.public("/v1/procedures/permit-03/levels"))["live"]
        assert live["principles"]["faster"]["evidenced"]["level"] == 1
        assert date.fromisoformat(live["as_of"]) == date(2026, 11, 20)
