"""Rule files of Prometheus: what a rule is, and how a file of them is written."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
import yaml
from msgspec import Struct

from qos_local.alerting.tempo import Tempo

Severity: TypeAlias = Literal["page", "ticket"]
Area: TypeAlias = Literal["pipeline", "sla"]


class Recording(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A series kept under a name: `<level>:<metric>:<operation>`, as Prometheus' naming practice has it."""

    record: str
    expr: str
    labels: Mapping[str, str] = {}


class Alert(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert. `for_` is how long it must hold before it fires, `keep_firing_for` how long it goes on afterwards."""

    alert: str
    expr: str
    for_: str | None = msgspec.field(default=None, name="for")
    keep_firing_for: str | None = None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


Rule: TypeAlias = Recording | Alert


class Group(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rules that are evaluated one after the other, at one moment."""

    name: str
    interval: str | None = None
    rules: Sequence[Rule]


class RuleFile(Struct, frozen=True, kw_only=True):
    groups: Sequence[Group]


class Writing(Struct, frozen=True, kw_only=True):
    """What all alerts share: their pace, and where the runbook is (its sections are named after the alerts)."""

    tempo: Tempo
    runbook: str

    def annotations(self, alert: str, *, en: str, ja: str) -> dict[str, str]:
        return {"summary": en, "summary_ja": ja, "runbook_url": f"{self.runbook}#{alert.lower()}"}


class _Dumper(yaml.SafeDumper):
    """Keeps the order, never refers back to what it wrote before, and writes expressions line by line and short lists
    in one."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        return super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _list(dumper: yaml.SafeDumper, items: list[object]) -> yaml.SequenceNode:
    in_one_line = all(isinstance(item, str) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=in_one_line)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def as_yaml(document: Struct | Mapping[str, Any], heading: str) -> str:
    """A YAML file: `heading` as comments, then the document in its own order. Equal documents give equal bytes."""
    comments = "".join(f"# {line}\n" for line in heading.splitlines())
    plain = msgspec.to_builtins(document)
    return comments + yaml.dump(
        plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000, default_flow_style=False
    )


def literal(text: str) -> str:
    """`text` inside an annotation, which Prometheus reads as a Go template: braces of a name mean nothing there."""
    return text.replace("{{", '{{"{{"}}')
