"""docs/metrics.md is what the definitions say."""

from pathlib import Path

from qos_runtime.metric_docs import document

DOCS = Path(__file__).parents[3] / "docs"


def test_the_documentation_of_metrics_is_up_to_date() -> None:
    assert (DOCS / "metrics.md").read_text("utf-8") == document(), "make it anew: python -m qos_runtime.metric_docs"
