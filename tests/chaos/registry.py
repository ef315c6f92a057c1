"""All faults, by their names."""

from collections.abc import Mapping

from chaos import freezing, killing, outages, scaling
from chaos.fault import Fault

FAULTS: Mapping[str, Fault] = {
    fault.name: fault for fault in (*killing.FAULTS, *scaling.FAULTS, *freezing.FAULTS, *outages.FAULTS)
}
