"""The runbook has a section for every alert, under the anchor that the alert names."""

from support.alerting import RUNBOOK, alerts


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    lines = RUNBOOK.read_text(encoding="utf-8").splitlines()
    anchors = [f"docs/runbook.md#{line[4:].lower()}" for line in lines if line.startswith("### ")]
    assert len(anchors) == len(set(anchors))
    assert {alert["annotations"]["runbook_url"] for alert in alerts()} == set(anchors)


def test_a_section_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    for section in RUNBOOK.read_text(encoding="utf-8").split("\n### ")[1:]:
        name = section.split("\n", 1)[0]
        assert "**Means:**" in section, name
        assert "```sh\n" in section, name
        assert "**Do:**" in section, name
