"""The documentation of all metrics, made of their definitions.

`python -m qos_runtime.metric_docs > docs/metrics.md`
"""

import sys

from qos_runtime.metric import Kind, Metric
from qos_runtime.metric_defs import ALL

_HEAD = """\
# Prometheus metrics

Made of `shared/runtime/qos_runtime/metric_defs.py` by `python -m qos_runtime.metric_docs`; a test
compares. Every service serves its own at `GET /metrics`. [ADR 0018](adr/0018-windows-are-gauges-by-date.md) says why
figures of a window are gauges, and what the counters are for.

A histogram is scraped as `_bucket` (with the label `le`), `_count` and `_sum`, a gauge histogram as `_bucket`,
`_gcount` and `_gsum`: its counts can go down, so no rate is taken of it.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"""


def document() -> str:
    """The text of docs/metrics.md."""
    return _HEAD + "".join(_row(metric) for metric in ALL)


def _row(metric: Metric) -> str:
    # Counters and infos are scraped under these names.
    ending = {Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(metric.kind, "")
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
    return f"| `{metric.name}{ending}` | {metric.kind.value} | {labels} | {metric.help} |\n"


if __name__ == "__main__":
    sys.stdout.write(document())
