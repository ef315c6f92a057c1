"""What the environment may say, and what a missing or wrong variable is answered."""

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from qos_runtime.errors import NotConfigured
from qos_runtime.settings import RuntimeSettings

ADDRESSES = {"KAFKA_BOOTSTRAP_SERVERS": "broker:9092", "DATABASE_URL": "postgresql://qos:secret@database/qos"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for field in RuntimeSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    for name, value in ADDRESSES.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_two_addresses_are_enough(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("QOS_TOPIC_PREFIX", "staging.")
    settings = RuntimeSettings.from_environment()
    assert settings.kafka_bootstrap_servers == "broker:9092"
    assert settings.time_zone == "Asia/Tokyo"
    assert settings.partitions == 8
    assert settings.event_type_prefix == "jp.lg.tokyo.qos."
    assert settings.topic("applications") == "staging.applications"


def test_another_process_gets_the_same_settings(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("QOS_PARTITIONS", "3")
    settings = RuntimeSettings.from_environment().model_copy(update={"topic_prefix": "staging.", "partitions": 4})
    for name, value in settings.as_environment().items():
        environment.setenv(name, value)
    assert RuntimeSettings.from_environment() == settings


@pytest.mark.parametrize("missing", ADDRESSES)
def test_a_missing_address_is_named(environment: pytest.MonkeyPatch, missing: str) -> None:
    environment.delenv(missing)
    with pytest.raises(NotConfigured, match=missing) as failure:
        RuntimeSettings.from_environment()
    assert failure.value.setting == missing


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE_URL", "mysql://x/y", "DATABASE_URL"),
        ("QOS_TIME_ZONE", "Tokyo", "IANA time zone"),
        ("QOS_PARTITIONS", "0", "QOS_PARTITIONS"),
        ("QOS_PARTITIONS", "many", "QOS_PARTITIONS"),
        ("QOS_TOPIC_PREFIX", "a b", "QOS_TOPIC_PREFIX"),
        ("QOS_EVENT_TYPE_PREFIX", "jp.lg.tokyo", "end in a dot"),
        ("QOS_LOG_LEVEL", "LOUD", "QOS_LOG_LEVEL"),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL", "KAFKA_SASL_USERNAME"),
    ],
)
def test_an_unusable_value_is_named_and_never_repeated(
    environment: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(NotConfigured, match=said) as failure:
        RuntimeSettings.from_environment()
    assert ADDRESSES["DATABASE_URL"] not in str(failure.value)


def test_a_services_own_settings_are_named_with_its_prefix(environment: pytest.MonkeyPatch) -> None:
    class PretendSettings(RuntimeSettings):
        model_config = SettingsConfigDict(env_prefix="QOS_PRETEND_")
        port: int

    environment.setenv("QOS_PRETEND_PORT", "8099")
    assert PretendSettings.from_environment().port == 8099
    environment.delenv("QOS_PRETEND_PORT")
    with pytest.raises(NotConfigured, match="QOS_PRETEND_PORT"):
        PretendSettings.from_environment()


def test_settings_are_frozen_and_keep_secrets_out_of_their_text() -> None:
    settings = RuntimeSettings(
        kafka_bootstrap_servers="broker:9092",
        database_url="postgresql://qos:secret@database/qos",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="qos",
        kafka_sasl_password="hidden",
    )
    assert "secret" not in repr(settings)
    assert "hidden" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.partitions = 4


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, 1), (2, 1), (3, 2)])
def test_one_broker_may_be_away_where_there_are_several(replicas: int, in_sync: int) -> None:
    settings = RuntimeSettings(
        kafka_bootstrap_servers="broker:9092", database_url="postgresql://database/qos", replication_factor=replicas
    )
    assert settings.min_insync_replicas == in_sync
