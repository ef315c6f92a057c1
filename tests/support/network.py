"""What a cluster's network policies let through: https://kubernetes.io/docs/concepts/services-networking/network-policies/"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from support.manifests import Manifests, selects

_NAMESPACE = "qos"


@dataclass(frozen=True, slots=True)
class Peer:
    """Pods of one kind, here or in another namespace."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = _NAMESPACE
    ports: Mapping[str, int] = field(default_factory=dict)
    """By name, for policies that name them so."""


@dataclass(frozen=True, slots=True)
class Network:
    """The policies of the namespace qos; other namespaces have none."""

    manifests: Manifests

    def leaves(self, source: Peer, target: Peer, port: int) -> bool:
        return self._passes("egress", at=source, other=target, opened={port, *_names_of(target, port)})

    def enters(self, source: Peer, target: Peer, port: int) -> bool:
        return self._passes("ingress", at=target, other=source, opened={port, *_names_of(target, port)})

    def passes(self, source: Peer, target: Peer, port: int) -> bool:
        """Whether a connection is let out and let in."""
        return self.leaves(source, target, port) and self.enters(source, target, port)

    def _passes(
        self, direction: Literal["ingress", "egress"], *, at: Peer, other: Peer, opened: Set[int | str]
    ) -> bool:
        if at.namespace != _NAMESPACE:
            return True
        policies = list(self._policies(direction, at))
        return not policies or any(
            _names(rule.get("from", rule.get("to")), other) and _opens(rule.get("ports"), opened)
            for policy in policies
            for rule in policy.get(direction, [])
        )

    def _policies(self, direction: str, at: Peer) -> Iterator[Mapping[str, Any]]:
        for policy in self.manifests.of("NetworkPolicy"):
            spec = policy["spec"]
            if direction.capitalize() in spec["policyTypes"] and selects(spec["podSelector"], at.labels):
                yield spec


def _names(peers: Sequence[Mapping[str, Any]] | None, other: Peer) -> bool:
    if peers is None:
        return True
    namespace = {"kubernetes.io/metadata.name": other.namespace}
    return any(
        selects(peer.get("podSelector", {}), other.labels)
        and (selects(peer["namespaceSelector"], namespace) if "namespaceSelector" in peer else _is_here(other))
        for peer in peers
    )


def _is_here(peer: Peer) -> bool:
    return peer.namespace == _NAMESPACE


def _opens(ports: Sequence[Mapping[str, Any]] | None, wanted: Set[int | str]) -> bool:
    return ports is None or any(port["port"] in wanted for port in ports)


def _names_of(target: Peer, port: int) -> list[str]:
    return [name for name, number in target.ports.items() if number == port]
