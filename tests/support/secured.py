"""A Kafka as production has it: TLS, SCRAM-SHA-512, and no right for anybody that isn't given."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from qos_local.stack.home import Home, cache_directory
from qos_local.stack.jars import ensure_jars
from qos_local.stack.kafka import KafkaNode, _java
from qos_local.stack.processes import choose_port
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from support import stack_watch
from support.backends import FAST
from support.tls import HOST, Authority

_RESOURCES = {"topic": 2, "group": 3, "transactionalId": 5}
_PATTERNS = {"literal": 3, "prefix": 4}
_OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
_ALLOW = 3


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    bootstrap_servers: str
    """With TLS and SCRAM-SHA-512, for the users."""
    administrators: str
    """Without either, for a superuser."""

    def administrator(self, *, partitions: int) -> RuntimeSettings:
        return RuntimeSettings(
            kafka_bootstrap_servers=self.administrators,
            database_url="postgresql://unused.invalid/unused",
            partitions=partitions,
        )

    async def allow(self, user: str, acls: Iterable[Mapping[str, Any]]) -> None:
        """Give a user what the `acls` of a Strimzi KafkaUser give it."""
        async with admin_client(self.administrator(partitions=1)) as admin:
            for acl in acls:
                for operation in acl["operations"]:
                    await _allow(admin, user, acl["resource"], operation)


async def _allow(admin: AIOKafkaAdminClient, user: str, resource: Mapping[str, str], operation: str) -> None:
    kind, pattern = _RESOURCES[resource["type"]], _PATTERNS[resource["patternType"]]
    request = CreateAclsRequest(kind, resource["name"], pattern, f"User:{user}", "*", _OPERATIONS[operation], _ALLOW)
    response = await admin._send_to_controller(request)
    assert [code for code, _ in response.creation_responses] == [0], response


@contextmanager
def secured_kafka(passwords: Mapping[str, str], authority: Authority) -> Iterator[SecuredKafka]:
    """A broker that knows these users; gone when the block ends, or the run."""
    with ExitStack() as closing:
        directory = Path(tempfile.mkdtemp(prefix="qos-secured-"))
        watch = [sys.executable, stack_watch.__file__, str(directory)]
        watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
        closing.callback(watcher.communicate)  # ends its input, and waits until it has cleared up
        plain, secured = choose_port(), choose_port()
        settings = {**FAST.kafka, **_settings(plain, secured, authority)}
        node, jars = KafkaNode(Home(directory / "home"), usual_port=plain), ensure_jars(cache_directory(os.environ))
        closing.callback(node.stop)
        _format(node, jars, node._configure(plain, settings), passwords)
        started = node.start(jars, overrides=settings)
        yield SecuredKafka(f"{HOST}:{secured}", KafkaNode.address(started))


def _settings(plain: int, secured: int, authority: Authority) -> dict[str, str]:
    controller = choose_port()
    return {
        "listeners": f"PLAINTEXT://{HOST}:{plain},CONTROLLER://{HOST}:{controller},SERVICES://{HOST}:{secured}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{plain},SERVICES://{HOST}:{secured}",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SERVICES:SASL_SSL",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.services.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.services.ssl.keystore.type": "PEM",
        "listener.name.services.ssl.keystore.location": str(authority.pem_file),
    }


def _format(node: KafkaNode, jars: Path, config: Path, passwords: Mapping[str, str]) -> None:
    """Make the data directory: users are part of the metadata that it begins with."""
    users = [f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in passwords.items()]
    options = ["--cluster-id", node._cluster_id(), "--config", str(config)]
    options += [argument for user in users for argument in ("--add-scram", user)]
    command = [*_java("-Xmx128m", "-XX:TieredStopAtLevel=1", jars=jars), "kafka.tools.StorageTool", "format"]
    formatted = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr
