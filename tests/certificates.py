"""A certificate authority of the house's own, as networks have it, made with the program openssl."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the program openssl for certificates")

_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"


@dataclass(frozen=True)
class ClientFiles:
    """A client certificate, its key, and a file with both."""

    cert: Path
    key: Path
    both: Path


@dataclass(frozen=True)
class PrivateCa:
    """`authority`: its certificate, which clients have to trust. `server`: key and certificate for localhost."""

    authority: Path
    server: Path

    def client(self, password: str = "") -> ClientFiles:
        """A certificate for a client, signed by the authority; with a password its key is encrypted."""
        folder = self.authority.parent
        key, request, cert = (folder / f"client.{end}" for end in ("key", "csr", "crt"))
        _openssl("req -new", _KEY, "-subj", "/CN=perf", "-keyout", str(key), "-out", str(request))
        by_ca = ["-in", str(request), "-CA", str(self.authority), "-CAkey", str(folder / "ca.key"), "-CAcreateserial"]
        _openssl("x509 -req", "-days 2", *by_ca, "-out", str(cert))
        if password:
            encrypted = folder / "encrypted.key"
            _openssl("pkey -aes128", "", "-in", str(key), "-out", str(encrypted), "-passout", f"pass:{password}")
            key = encrypted
        both = folder / "client.pem"
        both.write_bytes(key.read_bytes() + cert.read_bytes())
        return ClientFiles(cert, key, both)


def private_ca(folder: Path) -> PrivateCa:
    """The authority and what it signed, as files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key, key, request, signed = (
        str(folder / name) for name in ("ca.pem", "ca.key", "server.key", "server.csr", "server.crt")
    )
    extensions = folder / "server.cnf"
    extensions.write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n", encoding="utf-8")
    # Python 3.13 wants an authority to say what its key is for.
    uses = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl("req -x509", f"{_KEY} -days 2", "-subj", "/CN=House CA", *uses, "-keyout", ca_key, "-out", ca)
    _openssl("req -new", _KEY, "-subj", "/CN=localhost", "-keyout", key, "-out", request)
    by_ca = ["-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial"]
    _openssl("x509 -req", "-days 2", *by_ca, "-extfile", str(extensions), "-out", signed)
    server = folder / "server.pem"
    server.write_bytes(Path(key).read_bytes() + Path(signed).read_bytes())
    return PrivateCa(Path(ca), server)


def _openssl(command: str, options: str, *more: str) -> None:
    subprocess.run(["openssl", *command.split(), *options.split(), *more], check=True, capture_output=True)
