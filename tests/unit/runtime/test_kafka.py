"""The partition of a key is the one that Java's clients would choose."""

import pytest

from qos_runtime.kafka import connection, partition_of
from qos_runtime.settings import RuntimeSettings


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [  # the vectors of Kafka's own UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_partitions_are_those_of_javas_default_partitioner(key: bytes, murmur2: int) -> None:
    for partitions in (1, 8, 64):
        assert partition_of(key, partitions) == (murmur2 & 0x7FFFFFFF) % partitions


def test_every_client_gets_the_encryption_and_the_credentials() -> None:
    settings = RuntimeSettings(
        kafka_bootstrap_servers="broker:9093",
        database_url="postgresql://database/qos",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="qos",
        kafka_sasl_password="hidden",
    )
    arguments = connection(settings)
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("qos", "hidden")
    assert arguments["ssl_context"].check_hostname
