"""What the registry declares of a procedure, as the level criteria ask it: yes, no, or not said (None)."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from qos_domain.procedures import Procedure
from qos_domain.vocabulary import CASHLESS_METHODS

Attribute: TypeAlias = Literal[
    "standard_period",
    "online_standard_period",
    "status_visible",
    "attachments_as_data",
    "attachments_minimal_by_linkage",
    "cashless_available",
    "batch_group",
    "smartphone_ready",
    "form_assisted",
    "feedback_enabled",
    "feedback_acted_on",
]


def _standard_period(procedure: Procedure) -> bool | None:
    """A period of either kind: one for online applications alone tells an online applicant when it ends, too."""
    return True if procedure.standard_period or procedure.online_standard_period else None


def _cashless_available(procedure: Procedure) -> bool | None:
    """As declared; where it isn't, as the methods of the fee say."""
    declared = procedure.attributes.cashless_available
    if declared is None and procedure.fee is not None and procedure.fee.methods is not None:
        return not CASHLESS_METHODS.isdisjoint(procedure.fee.methods)
    return declared


DECLARATIONS: Mapping[Attribute, Callable[[Procedure], bool | None]] = {
    "standard_period": _standard_period,
    "online_standard_period": lambda procedure: True if procedure.online_standard_period else None,
    "status_visible": lambda procedure: procedure.attributes.status_visible,
    "attachments_as_data": lambda procedure: procedure.attributes.attachments_as_data,
    "attachments_minimal_by_linkage": lambda procedure: procedure.attributes.attachments_minimal_by_linkage,
    "cashless_available": _cashless_available,
    "batch_group": lambda procedure: True if procedure.attributes.batch_group else None,
    "smartphone_ready": lambda procedure: procedure.attributes.smartphone_ready,
    "form_assisted": lambda procedure: procedure.attributes.form_assisted,
    "feedback_enabled": lambda procedure: procedure.attributes.feedback_enabled,
    "feedback_acted_on": lambda procedure: procedure.attributes.feedback_acted_on,
}


def fee_due(procedure: Procedure) -> bool | None:
    return None if procedure.fee is None else procedure.fee.due
