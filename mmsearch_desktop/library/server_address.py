"""Which Milvus server, and how safe the way to it is. Values only; nothing here connects.

https://milvus.io/docs/tls.md, https://milvus.io/docs/authenticate.md
"""

from __future__ import annotations

import enum
import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mmsearch_desktop.domain import LibraryProblem
from mmsearch_desktop.settings import Settings, load_server_token

DEFAULT_PORT = 19530
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
_EXAMPLE = "Write it like nas.local, nas.local:19530 or https://milvus.example.org:19530."


class Security(enum.StrEnum):
    """What protects the vectors and the token on their way."""

    VERIFIED = "verified"  # TLS, and the server's certificate was checked
    OPEN = "open"  # not encrypted, to another machine: anyone on the way can read and change it
    LOCAL = "local"  # not encrypted, and it does not leave this machine


@dataclass(frozen=True, slots=True)
class Server:
    """A Milvus server. With `tls` its certificate is always checked; there is no way round it."""

    address: str  # host:port, an IPv6 host in brackets
    token: str = field(default="", repr=False)  # a key, or user:password
    tls: bool = False
    certificate: Path | None = None  # PEM of the authority to trust; None: those of the system

    @classmethod
    def of(
        cls, text: str, *, token: str = "", tls: bool = False, certificate: Path | None = None
    ) -> Server:
        """Of what a person types; https:// means TLS. LibraryProblem where that is no address."""
        typed = text.strip()
        scheme, rest = _scheme_and_rest(typed)
        host, port = _host_and_port(typed, rest)
        if certificate is not None and not certificate.is_file():
            raise LibraryProblem(
                f"{certificate}: there is no such certificate file. Choose the PEM file of the"
                " authority that signed the server's certificate."
            )
        secure = tls or scheme == "https"
        return cls(f"{host}:{port}", token.strip(), secure, certificate if secure else None)

    @property
    def host(self) -> str:
        """Without brackets."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def security(self) -> Security:
        """What holds once a connection stands; with TLS none stands that was not verified."""
        if self.tls:
            return Security.VERIFIED
        return Security.LOCAL if _is_loopback(self.host) else Security.OPEN


def server_of(choices: Settings) -> Server | None:
    """The server that is set, with its token; None: the index is on this computer.

    LibraryProblem where what is set is no address.
    """
    if not choices.milvus_address.strip():
        return None
    certificate = choices.milvus_certificate.strip()
    return Server.of(
        choices.milvus_address,
        token=load_server_token(),
        tls=choices.milvus_tls,
        certificate=Path(certificate).expanduser() if certificate else None,
    )


def _scheme_and_rest(typed: str) -> tuple[str, str]:
    scheme, separator, rest = typed.partition("://")
    if not separator:
        return "", typed
    if scheme.lower() not in ("http", "https", "tcp"):
        raise LibraryProblem(f"“{typed}” begins with {scheme}://, which is no Milvus. {_EXAMPLE}")
    return scheme.lower(), rest


def _host_and_port(typed: str, rest: str) -> tuple[str, int]:
    if "@" in rest:  # not repeated in the message
        raise LibraryProblem(
            "An address must not hold a user or a password: it is shown and kept in plain text."
            " Give the host alone, and user:password as the token."
        )
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise LibraryProblem(f"“{typed}” is no address of a server ({error}). {_EXAMPLE}") from None
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise LibraryProblem(f"“{typed}” names more than a server. {_EXAMPLE}")
    return _checked_host(typed, host), DEFAULT_PORT if port is None else _checked_port(typed, port)


def _checked_host(typed: str, host: str) -> str:
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            host = ""
    if not _HOST.fullmatch(host):
        fact = f"“{typed}” is no address of a server" if typed else "No server is named"
        raise LibraryProblem(f"{fact}. {_EXAMPLE}")
    return host


def _checked_port(typed: str, port: int) -> int:
    if port == 0:
        raise LibraryProblem(f"“{typed}”: ports are numbers from 1 to 65535. {_EXAMPLE}")
    return port


def _is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
