"""TLS by an authority of one's own; and in front of a PostgreSQL that was built without it."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

HOST = "127.0.0.1"
# https://www.postgresql.org/docs/current/protocol-message-formats.html: SSLRequest
_SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority, and the certificate that it gave this machine."""

    ca_file: Path
    pem_file: Path
    """Key (PKCS #8, as Kafka wants it) and certificate."""

    @classmethod
    def made_in(cls, directory: Path) -> "Authority":
        directory.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        certificate = authority.issue_cert(HOST)
        made = cls(directory / "ca.crt", directory / "server.pem")
        authority.cert_pem.write_to_path(made.ca_file)
        key = load_pem_private_key(certificate.private_key_pem.bytes(), password=None)
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        made.pem_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain)
        return made


@contextmanager
def encrypted(server: SplitResult, authority: Authority) -> Iterator[str]:
    """An address (host:port) at which the PostgreSQL of this URL is spoken to with TLS, and not without."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.pem_file)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                behind = await asyncio.open_connection(server.hostname, server.port)
                await asyncio.gather(_copy(reader, behind[1]), _copy(behind[0], writer))
        except (OSError, EOFError):
            pass  # a client that doesn't trust the certificate, or has gone
        finally:
            writer.close()

    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(asyncio.start_server(accept, HOST, 0))
    thread = threading.Thread(target=loop.run_forever, name="tls")
    thread.start()
    try:
        yield f"{HOST}:{listening.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(listening), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(_CHUNK):
            target.write(chunk)
            await target.drain()
    finally:
        target.close()


async def _end(listening: asyncio.Server) -> None:
    listening.close()
    under_way = asyncio.all_tasks() - {asyncio.current_task()}
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
