"""The metrics' names follow Prometheus's rules, and their labels stay bounded."""

import re

import pytest
from prometheus_client import CollectorRegistry

from qos_runtime.metric import Kind, Metric
from qos_runtime.metric_defs import ALL


def test_no_name_is_given_twice() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_is_named_and_described(metric: Metric) -> None:
    assert re.fullmatch(r"qos_[a-z0-9]+(_[a-z0-9]+)*", metric.name)
    assert not metric.name.endswith("_total"), "the client adds it to counters"
    assert metric.help.endswith(".")
    assert bool(metric.buckets) == (metric.kind in {Kind.HISTOGRAM, Kind.GAUGE_HISTOGRAM})
    assert "application_id" not in metric.labels


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_is_made_as_what_it_is(metric: Metric) -> None:
    makers = {
        Kind.COUNTER: metric.counter,
        Kind.GAUGE: metric.gauge,
        Kind.HISTOGRAM: metric.histogram,
        Kind.INFO: metric.info,
    }
    if metric.kind in makers:  # else a collector makes it of what it has read
        makers.pop(metric.kind)(CollectorRegistry())
    for other in makers.values():
        with pytest.raises(TypeError, match=metric.name):
            other(CollectorRegistry())
