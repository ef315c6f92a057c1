"""What readers are told of publications: published and restated side by side, exact for staff, rounded for all."""

import csv
from io import StringIO

import httpx
import pytest

from qos_metrics.bootstrap import build, connected
from support.builders import happened
from support.metrics import TOKEN, settings_of
from support.publishing import Office

pytestmark = pytest.mark.real

STAFF = {"audience": "staff"}
WITHIN = "indicators.compliance.within_period.numerator"


async def test_published_and_restated_stand_side_by_side(april: Office) -> None:
    published = (await april.publish()).publication
    late = [
        happened("notification.sent", "2025-04-03 09:00", application="A-11", channel="electronic"),
        happened("application.submitted", "2025-04-02", application="B", channel="counter"),
    ]
    await april.receive(*late)
    await april.restate()
    settings = settings_of(april.settings.database_url)
    async with connected(settings) as pool:
        app = build(settings, pool, clock=april.p.clock).app
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://metrics", headers=headers) as http:
            (month,) = (await http.get("/v1/publications")).json()["publications"]
            assert (month["period"], month["digest"], month["differing"]) == ("2025-04", published.digest, 3)
            await the_procedure(http)
            for path in ("/v1/publications/2025-04", "/v1/publications/2025-04/organisations/construction"):
                together = (await http.get(path, params=STAFF)).json()
                assert together["published"]["statement"]["indicators"]["volume"]["applications"] == 12
                assert together["restated"]["statement"]["indicators"]["volume"]["applications"] == 13
            await the_open_data(http)
            await what_was_never_published(http)
            page = await http.get("/procedures/road-occupation", params={"lang": "en"})
            assert "As published for April 2025" in page.text
            assert "because of late events" in page.text


async def the_procedure(http: httpx.AsyncClient) -> None:
    path = "/v1/publications/2025-04/procedures/road-occupation"
    exact = (await http.get(path, params=STAFF)).json()
    assert (exact["as_of"], exact["organisation_id"]) == ("2025-04-30", "construction")
    assert exact["published"]["statement"]["levels"]["faster"]["evidenced"] == {
        "level": 1,
        "possible_level": 1,
        "settled": None,
    }
    restated = exact["restated"]
    assert restated["late_events"] == 2
    assert [each["cause"] for each in restated["causes"]] == ["late_events"]
    assert {"field": WITHIN, "before": 10, "after": 11, "difference": 1} in restated["changes"]
    assert restated["changes"] == restated["causes"][0]["changes"]
    assert exact["published"]["lineage"]["positions"]["applications"] == 12

    public = (await http.get(path)).json()
    assert public["published"]["statement"]["indicators"]["volume"]["applications"] == 10
    assert public["published"]["digest"] is None
    assert public["published"]["lineage"]["positions"] is None
    assert public["restated"]["late_events"] == 0
    applications = "indicators.volume.applications"
    changed = {each["field"]: each["difference"] for each in public["restated"]["changes"]}
    assert changed[applications] == 5  # of 12 and 13, each rounded on its own
    assert WITHIN not in changed
    stands = (await http.get("/v1/publications/2025-04/procedures/cemetery")).json()
    assert stands["restated"] is None


async def the_open_data(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/publications/2025-04/procedures.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    cemetery, permit = csv.DictReader(StringIO(answer.text))
    assert (cemetery["id"], cemetery["applications"], cemetery["causes"]) == ("cemetery", "0", "")
    assert (permit["applications"], permit["applications_restated"], permit["causes"]) == ("10", "15", "late_events")
    assert permit["faster_evidenced"] == "1"
    staff = await http.get("/v1/publications/2025-04/organisations.csv", params=STAFF)
    (construction,) = csv.DictReader(StringIO(staff.text))
    assert (construction["applications"], construction["applications_restated"]) == ("12", "13")
    assert staff.headers["cache-control"] == "private, no-store"


async def what_was_never_published(http: httpx.AsyncClient) -> None:
    for path in ("", "/procedures/road-occupation", "/organisations/construction", "/procedures.csv"):
        problem = await http.get(f"/v1/publications/2025-03{path}")
        assert problem.status_code == 404
        assert problem.json()["reason"] == "unknown_publication"
        assert problem.json()["detail"].endswith("published are 2025-04")
    for path, reason in (("procedures/nobody", "unknown_procedure"), ("organisations/nobody", "unknown_organisation")):
        problem = await http.get(f"/v1/publications/2025-04/{path}")
        assert (problem.status_code, problem.json()["reason"]) == (404, reason)
    for path in ("2025-13", "april", "2025-04-01"):
        problem = await http.get(f"/v1/publications/{path}")
        assert (problem.status_code, problem.json()["reason"]) == (422, "invalid_parameter")
    unwelcome = await http.get("/v1/publications", params=STAFF, headers={"Authorization": "Bearer guessed"})
    assert unwelcome.status_code == 401
