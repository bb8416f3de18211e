"""Certificates for an engine with TLS, made by the openssl command."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TlsFiles:
    """A directory with a CA, a server's and a client's certificate, named as Docker names them."""

    directory: Path

    def server_args(self) -> list[str]:
        """Return the arguments that make dockerd demand and show certificates."""
        return [
            "--tlsverify",
            f"--tlscacert={self.directory / 'ca.pem'}",
            f"--tlscert={self.directory / 'server-cert.pem'}",
            f"--tlskey={self.directory / 'server-key.pem'}",
        ]


def make_certificates(directory: Path) -> TlsFiles:
    """Make a CA and certificates for a server on 127.0.0.1 (localhost) and for a client.

    The files: ca.pem, ca-key.pem, cert.pem, key.pem, server-cert.pem, server-key.pem. Raises
    CalledProcessError when openssl fails, and FileNotFoundError when it is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    authority = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
    _certificate(directory, "dexec-test-ca", "ca.pem", "ca-key.pem", authority)
    leaf = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"]
    signed = ["-CA", "ca.pem", "-CAkey", "ca-key.pem"]
    server = ["extendedKeyUsage=serverAuth", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    _certificate(
        directory, "localhost", "server-cert.pem", "server-key.pem", leaf + server, signed=signed
    )
    client = ["extendedKeyUsage=clientAuth"]
    _certificate(
        directory, "dexec-test-client", "cert.pem", "key.pem", leaf + client, signed=signed
    )
    return TlsFiles(directory)


def _certificate(
    directory: Path,
    name: str,
    certificate: str,
    key: str,
    extensions: list[str],
    *,
    signed: Sequence[str] = (),
) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-noenc", "-days", "30", "-subj", f"/CN={name}", "-out", certificate]
    command += ["-keyout", key, *signed]
    for extension in extensions:
        command += ["-addext", extension]
    subprocess.run(
        command, cwd=directory, check=True, stdin=subprocess.DEVNULL, capture_output=True
    )
