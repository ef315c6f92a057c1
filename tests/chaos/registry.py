"""All faults, by their names."""

from collections.abc import Mapping

from chaos import backup, disk, freezing, killing, outages, publishing, scaling, skew
from chaos.fault import Fault

FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        *killing.FAULTS,
        *scaling.FAULTS,
        *freezing.FAULTS,
        *outages.FAULTS,
        *backup.FAULTS,
        *disk.FAULTS,
        *publishing.FAULTS,
        *skew.FAULTS,
    )
}
