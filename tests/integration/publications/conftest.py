"""An office whose April 2025 can be published: it is noon of 20 May 2025 in Tokyo."""

from collections.abc import AsyncIterator

import pytest

from qos_runtime.settings import RuntimeSettings
from support.builders import happened, registered
from support.publishing import Office, an_office


@pytest.fixture
async def office(runtime_settings: RuntimeSettings) -> AsyncIterator[Office]:
    """Nothing happened yet."""
    async with an_office(runtime_settings, now="2025-05-20 12:00") as made:
        yield made


@pytest.fixture
async def april(office: Office) -> Office:
    """Twelve online applications on 1 April: ten were answered in time, one late, and one is open. A cemetery is
    registered that nobody applied for."""
    events = [registered(), registered(procedure="cemetery", organisation="construction")]
    for number in range(12):
        application = f"A-{number}"
        events.append(happened("application.submitted", "2025-04-01", application=application, channel="online"))
        if number < 11:
            day = "2025-04-25" if number == 10 else "2025-04-03"
            events.append(happened("notification.sent", day, application=application, channel="electronic"))
    await office.receive(*events)
    await office.p.assessor.assess_days()
    await office.p.totals.take_in()
    return office
