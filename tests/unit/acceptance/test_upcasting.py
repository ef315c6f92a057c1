"""A payload of an older version is lifted on read; today there is none, so the tables are the tests' own."""

import json
from typing import Any

import pytest

from qos_domain.acceptance import AcceptanceRules, dataschema, decode_cloudevent
from qos_domain.errors import RejectedEvent
from qos_domain.events import ApplicationFeePaid
from qos_domain.upcasting import UPCASTS, Data, Upcasts, current_version, lifts

RULES = AcceptanceRules()


def split_the_pay_easy_method(data: Data) -> Data:
    """Version 1 called internet banking by its brand."""
    return {**data, "method": "internet_banking"} if data["method"] == "pay_easy" else data


def name_the_currency(data: Data) -> Data:
    """Version 2 called the amount `amount`."""
    return {"amount_yen" if name == "amount" else name: value for name, value in data.items()}


TABLE: Upcasts = {
    ("application.fee_paid", 1): split_the_pay_easy_method,
    ("application.fee_paid", 2): name_the_currency,
}


def paid(version: int, **data: Any) -> bytes:
    ids = {"procedure_id": "car-tax", "application_id": "A-1", "payment_id": "P-1"}
    return json.dumps(
        {
            "specversion": "1.0",
            "id": "e-1",
            "source": "urn:tokyo:payments",
            "type": f"jp.lg.tokyo.qos.application.fee_paid.v{version}",
            "time": "2025-05-02T23:50:00+09:00",
            "dataschema": dataschema("application.fee_paid", version),
            "data": {**ids, **data},
        }
    ).encode()


def test_each_version_is_read_as_the_current_payload() -> None:
    first = decode_cloudevent(paid(1, method="pay_easy", amount=500), RULES, TABLE)
    second = decode_cloudevent(paid(2, method="internet_banking", amount=500), RULES, TABLE)
    third = decode_cloudevent(paid(3, method="internet_banking", amount_yen=500), RULES, TABLE)

    assert first == second == third
    assert first.data == ApplicationFeePaid(
        procedure_id="car-tax", application_id="A-1", payment_id="P-1", method="internet_banking", amount_yen=500
    )


def test_an_older_version_that_does_not_fit_after_its_upcasts_is_refused() -> None:
    with pytest.raises(RejectedEvent) as caught:
        decode_cloudevent(paid(2, method="cheque", amount=500), RULES, TABLE)
    assert (caught.value.reason, caught.value.field) == ("invalid_field", "data.method")


def test_an_upcast_that_an_unfinished_payload_breaks_is_a_refusal() -> None:
    with pytest.raises(RejectedEvent) as caught:
        decode_cloudevent(paid(1, amount=500), RULES, TABLE)
    assert caught.value.reason == "invalid_field"


def test_a_version_nobody_knows_is_an_unknown_type() -> None:
    with pytest.raises(RejectedEvent) as caught:
        decode_cloudevent(paid(4, method="card", amount_yen=1), RULES, TABLE)
    assert caught.value.reason == "unknown_type"


def test_the_current_version_follows_the_table() -> None:
    assert current_version("application.fee_paid", TABLE) == 3
    assert current_version("application.started", TABLE) == 1
    assert lifts("application.fee_paid", 3, TABLE) == ()
    with pytest.raises(KeyError):
        lifts("application.fee_paid", 1, {("application.fee_paid", 2): name_the_currency})


def test_every_registered_chain_is_whole() -> None:
    for name, version in UPCASTS:
        assert lifts(name, version)
