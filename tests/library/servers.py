"""Milvus servers for the tests: their programs, certificates, and a front that speaks TLS.

`packaging/dev.py test` lays the environment that they run in: milvus-lite 3 with a server of its
own, Milvus 2.3.5, and what makes certificates. https://github.com/milvus-io/milvus-lite
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop.library.milvus_server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".venv-servers"
PYTHON = ENVIRONMENT / "bin" / "python"
TOKEN = "root:Milvus"  # noqa: S105 - the one that Milvus comes with
_START_SECONDS = 180.0

_LITE = "import sys; from milvus_lite.cmdline import main; sys.exit(main())"
_REAL = """
import signal, sys, time
from milvus import MilvusServer, MilvusServerConfig
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
folder, port, certificate, key = sys.argv[1:]
config = MilvusServerConfig(data_dir=folder, proxy_port=int(port))
config.configurable_items["authorization_enabled"][1] = True
config.configurable_items["tls_mode"][1] = 1
config.set("proxy.timeTickInterval", 50)  # not 200 ms: for so long a read waits that must see all
config.set("tls.serverPemPath", certificate)
config.set("tls.serverKeyPath", key)
server = MilvusServer(config, wait_for_started=False)
try:
    server.start()
    server.server_proc.wait()
finally:
    server.stop()
"""
_CERTIFICATES = """
import datetime, ipaddress, sys
from pathlib import Path
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

def made(subject, issuer, key, signer, is_authority, hosts=()):
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(
        issuer_name=name(issuer), subject_name=name(subject), public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=2),
    ).add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    if hosts:
        made = made.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return made.sign(signer, hashes.SHA256())

folder = Path(sys.argv[1])
for authority in ("good", "other"):
    key = ec.generate_private_key(ec.SECP256R1())
    own = made(authority, authority, key, key, True)
    (folder / f"{authority}.pem").write_bytes(own.public_bytes(serialization.Encoding.PEM))
    if authority == "good":
        key_of_server = ec.generate_private_key(ec.SECP256R1())
        hosts = [x509.DNSName("localhost")]
        server = made("server", "good", key_of_server, key, False, hosts)
        (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
        (folder / "server.key").write_bytes(key_of_server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
"""


def free_port() -> int:
    with socket.socket() as anyone:
        anyone.bind(("127.0.0.1", 0))
        port: int = anyone.getsockname()[1]
        return port


class Running:
    """A server in a process group of its own."""

    def __init__(self, folder: Path, command: list[str], port: int) -> None:
        self.port = port
        self._log = folder.with_suffix(".log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=folder.parent, start_new_session=True
            )
        self._wait()

    def _wait(self) -> None:
        ends = time.monotonic() + _START_SECONDS
        while time.monotonic() < ends and self._process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.1)
        self.stop(signal.SIGKILL)
        raise AssertionError(f"no server came up: {self._log.read_text()[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)


def start_lite(folder: Path, port: int) -> Running:
    """milvus-lite 3's own, at 127.0.0.1 only, without TLS and token."""
    place = ["--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    folder.mkdir(exist_ok=True)
    return Running(folder, [str(PYTHON), "-c", _LITE, "server", *place], port)


def start_real(folder: Path, port: int, certificates: Certificates) -> Running:
    """Milvus 2.3.5, on every interface, with TLS and a token."""
    signed = [str(certificates.server), str(certificates.key)]
    folder.mkdir(exist_ok=True)
    return Running(folder, [str(PYTHON), "-c", _REAL, str(folder), str(port), *signed], port)


@dataclass(frozen=True)
class Certificates:
    """Of a server called localhost, signed by `good`; `other` is an authority of somebody else."""

    good: Path
    other: Path
    server: Path
    key: Path


def certificates(folder: Path) -> Certificates:
    subprocess.run([PYTHON, "-c", _CERTIFICATES, folder], check=True)
    files = (folder / name for name in ("good.pem", "other.pem", "server.pem", "server.key"))
    return Certificates(*files)


class Front:
    """Passes on to a port of this machine what comes in, over TLS if it has certificates."""

    def __init__(self, behind: int, signed: Certificates | None = None) -> None:
        self.seen = bytearray()  # what clients sent, decrypted
        self._behind = behind
        self._context: ssl.SSLContext | None = None
        if signed is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(signed.server, signed.key)
            self._context.set_alpn_protocols(["h2"])
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._serving: list[threading.Thread] = []
        _start(self._accept)

    def server(self, **how: object) -> Server:
        return Server.of(f"localhost:{self.port}", **how)  # type: ignore[arg-type]  # as given

    def close(self) -> None:
        for one in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for serving in self._serving:
            serving.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                outside, _ = self._listening.accept()
                self._serving.append(_start(partial(self._serve, outside)))

    def _serve(self, outside: socket.socket) -> None:
        with contextlib.suppress(OSError), outside:
            secured = outside
            if self._context is not None:
                secured = self._context.wrap_socket(outside, server_side=True)
            with secured, socket.create_connection(("127.0.0.1", self._behind)) as inside:
                self._open += [secured, inside]
                back = _start(partial(_pass_on, inside, secured, bytearray()))
                _pass_on(secured, inside, self.seen)
                back.join()


def _pass_on(source: socket.socket, target: socket.socket, seen: bytearray) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            seen += data
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
