"""Every connection that is needed is let through, and no other."""

from collections.abc import Sequence
from itertools import product

import pytest

from support.manifests import Manifests, selects
from support.network import Network, Peer

pytestmark = pytest.mark.timeout(900)

DNS = Peer("dns", {"k8s-app": "kube-dns"}, "kube-system")
ELSEWHERE = Peer("elsewhere", {"app.kubernetes.io/name": "qos-intake"}, "elsewhere")
STRANGER = Peer("stranger", {"app.kubernetes.io/name": "stranger"})
GATEWAY = Peer("gateway", {"app": "gateway"}, "gateways")
PROMETHEUS = Peer("prometheus", {"app.kubernetes.io/name": "prometheus"}, "monitoring")
GRAFANA = Peer("grafana", {"app.kubernetes.io/name": "grafana"}, "monitoring")
OPERATOR = Peer("operator", {"app.kubernetes.io/name": "cloudnative-pg"}, "cnpg-system")
KAFKA = Peer("kafka", {"strimzi.io/cluster": "qos-kafka", "strimzi.io/kind": "Kafka"})
POSTGRES = Peer("postgres", {"cnpg.io/cluster": "qos-postgres", "cnpg.io/podRole": "instance"})
PORTS = (53, 443, 5432, 6443, 8000, 8081, 8082, 8083, 9092, 9093, 9187)


def peers(manifests: Manifests) -> dict[str, Peer]:
    return {pod.name: Peer(pod.name, pod.labels, ports=pod.ports) for pod in manifests.pods}


def passing(manifests: Manifests, sources: Sequence[Peer], targets: Sequence[Peer]) -> set[tuple[str, str, int]]:
    network = Network(manifests)
    return {
        (source.name, target.name, port)
        for source, target, port in product(sources, targets, PORTS)
        if source.name != target.name and network.passes(source, target, port)
    }


def test_on_a_machine_of_ones_own(local: Manifests) -> None:
    pods = list(peers(local).values())
    everyone = [*pods, ELSEWHERE, STRANGER]
    assert passing(local, everyone, [*everyone, DNS]) - {("elsewhere", "dns", port) for port in PORTS} == {
        *((name, "dns", 53) for name in [*peers(local), "stranger"]),
        ("qos-intake", "qos-kafka", 9092),
        ("qos-processing", "qos-kafka", 9092),
        ("qos-metrics", "qos-kafka", 9092),
        ("qos-topics", "qos-kafka", 9092),
        ("qos-rebuild", "qos-kafka", 9092),
        ("qos-publish", "qos-kafka", 9092),
        ("qos-restate", "qos-kafka", 9092),
        ("qos-processing", "qos-postgres", 5432),
        ("qos-metrics", "qos-postgres", 5432),
        ("qos-migrations", "qos-postgres", 5432),
        ("qos-verify", "qos-postgres", 5432),
        ("qos-rebuild", "qos-postgres", 5432),
        ("qos-publish", "qos-postgres", 5432),
        ("qos-restate", "qos-postgres", 5432),
    }


def test_in_production(production: Manifests) -> None:
    pods = list(peers(production).values())
    outside = [ELSEWHERE, GATEWAY, PROMETHEUS, GRAFANA, OPERATOR]
    sources = [*pods, STRANGER, POSTGRES, *outside]
    assert passing(production, sources, [*pods, STRANGER, POSTGRES]) == {
        ("gateway", "qos-intake", 8081),
        ("gateway", "qos-metrics", 8083),
        ("prometheus", "qos-intake", 8081),
        ("prometheus", "qos-processing", 8082),
        ("prometheus", "qos-metrics", 8083),
        ("prometheus", "postgres", 9187),
        ("qos-processing", "postgres", 5432),
        ("qos-metrics", "postgres", 5432),
        ("qos-migrations", "postgres", 5432),
        ("qos-verify", "postgres", 5432),
        ("qos-rebuild", "postgres", 5432),
        ("qos-publish", "postgres", 5432),
        ("qos-restate", "postgres", 5432),
        ("grafana", "postgres", 5432),
        ("operator", "postgres", 5432),
        ("operator", "postgres", 8000),
    }


def test_nothing_of_ours_leaves_for_the_outside(manifests: Manifests) -> None:
    network = Network(manifests)
    for peer in [*peers(manifests).values(), STRANGER]:
        assert not [port for port in PORTS if network.leaves(peer, ELSEWHERE, port)], peer.name
        assert [port for port in PORTS if network.leaves(peer, DNS, port)] == [53], peer.name


def test_the_stores_reach_their_own_kind_the_cluster_and_the_backups(production: Manifests) -> None:
    network = Network(production)
    for store, own in ((KAFKA, set(PORTS)), (POSTGRES, {443, 5432, 6443, 8000})):
        assert {port for port in PORTS if network.leaves(store, store, port)} == own
        assert [port for port in PORTS if network.leaves(store, ELSEWHERE, port)] == [443, 6443]
    assert [port for port in PORTS if network.enters(POSTGRES, POSTGRES, port)] == [5432, 8000]


def test_kafka_lets_in_who_is_let_out_to_it(production: Manifests) -> None:
    """Strimzi makes the policy of the listener from its `networkPolicyPeers`."""
    [listener] = production.one("Kafka", "qos-kafka")["spec"]["kafka"]["listeners"]
    network = Network(production)
    let_in = {
        name
        for name, peer in {**peers(production), "stranger": STRANGER}.items()
        for policy in listener["networkPolicyPeers"]
        if selects(policy["podSelector"], peer.labels)
    }
    let_out = {
        name
        for name, peer in peers(production).items()
        if [port for port in PORTS if network.leaves(peer, KAFKA, port)] == [listener["port"]]
    }
    assert (
        let_in
        == let_out
        == {"qos-intake", "qos-processing", "qos-metrics", "qos-rebuild", "qos-publish", "qos-restate"}
    )


def test_what_a_policy_opens_is_listened_on(manifests: Manifests) -> None:
    network = Network(manifests)
    own = list(peers(manifests).values())
    for peer in own:
        opened = {
            port for source, port in product([*own, GATEWAY, PROMETHEUS], PORTS) if network.enters(source, peer, port)
        }
        assert opened <= set(peer.ports.values()), peer.name


def test_every_policy_selects_something(manifests: Manifests) -> None:
    known = [*peers(manifests).values(), *([KAFKA, POSTGRES] if manifests.overlay == "production" else [])]
    for policy in manifests.of("NetworkPolicy"):
        assert any(selects(policy["spec"]["podSelector"], peer.labels) for peer in known), policy["metadata"]["name"]
