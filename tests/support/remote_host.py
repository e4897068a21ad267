# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts for a tunnel to lead to: one that gives back what it gets, and one that speaks TLS under a name of its own."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a host's name, which vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, key_file


@contextmanager
def echo(certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """The port of a host that gives back what it gets, with TLS if it has a certificate and its key."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

    def talk(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            spoken = context.wrap_socket(connection, server_side=True) if context else connection
            with spoken:
                while data := spoken.recv(1 << 16):
                    spoken.sendall(data)

    with served(talk) as port:
        yield port


@contextmanager
def served(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        # Wakes the one that accepts, too.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def said_back(
    port: int, text: bytes = b"hello", seconds: float = 20.0, certificate: Path | None = None, name: str = ""
) -> bytes:
    """What comes back through a port of this machine, over TLS where a certificate of the name is expected there."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        spoken: socket.socket = connection
        if certificate:
            spoken = ssl.create_default_context(cafile=str(certificate)).wrap_socket(connection, server_hostname=name)
        spoken.sendall(text)
        return spoken.recv(len(text))
