"""The way to a Milvus server: looked at first, so that what is wrong can be said; then a client.

The client gets a channel of ours. pymilvus would else repeat a call that found nobody until its
time is over, connect again by itself (forgetting TLS), and tell the server this computer's name.

https://grpc.github.io/grpc/python/grpc.html, https://github.com/milvus-io/pymilvus
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from mmsearch_desktop.domain import LibraryProblem, ServerGone
from mmsearch_desktop.library.milvus_engine import imported_client_class, short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmsearch_desktop.library.server_address import Server

CONNECT_SECONDS = 3.0  # each for the machine, for TLS, and for Milvus
_GONE = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,  # its channel was closed by another thread
)
_REFUSED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_TOKEN_REMEDY = "Set the token that its keeper gave you (a key, or user:password)."  # noqa: S105
# where authorities lie, for a packaged Python that knows only the places of where it was made
_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Wire(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc has no types
    """Sees each call of one client: limits its time, and notes why it failed."""

    def __init__(self) -> None:
        self._local = threading.local()

    @contextlib.contextmanager
    def allowing(self, seconds: float) -> Iterator[None]:
        """No call of this thread takes longer; forgets what failed before."""
        self._local.seconds, self._local.failed = seconds, None
        yield

    @property
    def failed(self) -> tuple[grpc.StatusCode, str] | None:
        """What ended this thread's last call, where that was the wire, not Milvus."""
        found: tuple[grpc.StatusCode, str] | None = getattr(self._local, "failed", None)
        return found

    @property
    def timed_out(self) -> bool:
        return self.failed is not None and self.failed[0] is grpc.StatusCode.DEADLINE_EXCEEDED

    def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Any], details: Any, request: Any
    ) -> Any:
        if details.method.endswith("/Connect"):
            for name in ("host", "user", "local_time"):
                request.client_info.ClearField(name)
        most = getattr(self._local, "seconds", CONNECT_SECONDS)
        limited = _Details(details, min(details.timeout or most, most))
        call = continuation(limited, request)
        if call.code() not in (*_GONE, *_REFUSED):
            return call
        self._local.failed = (call.code(), call.details() or "")
        raise ConnectionError(call.details())  # no RpcError: that would be tried again


class _Details(grpc.ClientCallDetails):  # type: ignore[misc]  # grpc has no types
    """Those of a call, with another limit of time."""

    def __init__(self, before: Any, timeout: float) -> None:
        self.method, self.metadata, self.timeout = before.method, before.metadata, timeout
        self.credentials = before.credentials
        self.wait_for_ready = before.wait_for_ready
        self.compression = before.compression


def connected(server: Server) -> tuple[Any, Wire]:
    """A client, and the wire under it. ServerGone; LibraryProblem where waiting will not help."""
    authorities = _reach(server)
    wire = Wire()
    options = (
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),  # a new client tries at once
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 5_000),
    )
    if authorities is None:
        channel = grpc.insecure_channel(server.address, options)
    else:
        credentials = grpc.ssl_channel_credentials(authorities.encode())
        channel = grpc.secure_channel(server.address, credentials, options)
    with wire.allowing(CONNECT_SECONDS):
        try:
            client = imported_client_class()(
                f"tcp://{server.address}",
                token=server.token,
                timeout=CONNECT_SECONDS,
                dedicated=True,
                secure=server.tls,
                channel=grpc.intercept_channel(channel, wire),
            )
        except wire_errors() as error:
            channel.close()
            raise _not_connected(server, wire, error) from error
    return client, wire


def _not_connected(server: Server, wire: Wire, error: Exception) -> LibraryProblem:
    if "UNIMPLEMENTED" in str(error):
        return _no_milvus(server, "it does not know its calls")
    problem = in_words(server, wire, error)
    if isinstance(problem, ServerGone) and not server.tls and _speaks_tls(server):
        return LibraryProblem(
            f"The Milvus server {server.address} speaks TLS only. Turn TLS on, or write https://"
            " before its address."
        )
    return problem


def wire_errors() -> tuple[type[Exception], ...]:
    import pymilvus

    return (pymilvus.MilvusException, grpc.RpcError, RuntimeError, ValueError, OSError)


def in_words(server: Server, wire: Wire, error: Exception) -> LibraryProblem:
    """ServerGone where the server did not answer, else what it said."""
    code, details = wire.failed or (None, "")
    if code in _REFUSED:
        fact = "refuses the token" if server.token else "wants a token"
        return LibraryProblem(f"The Milvus server {server.address} {fact}. {_TOKEN_REMEDY}")
    if code is not None and ("http1" in details or "HTTP/2" in details):
        return _no_milvus(server, details)
    if code is not None:
        return ServerGone(
            f"The Milvus server {server.address} does not answer ({_plain(code, details)})."
            " See that it runs and can be reached. Nothing of the library is lost."
        )
    if isinstance(error, grpc.RpcError | ValueError):  # ValueError: the channel was closed
        return ServerGone(
            f"The Milvus server {server.address} cannot be spoken to now ({short(error)})."
            " Nothing of the library is lost."
        )
    return LibraryProblem(
        f"The Milvus server {server.address} refused ({short(error)}). Its own log says more;"
        " nothing of the library is lost."
    )


def _plain(code: grpc.StatusCode, details: str) -> str:
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "no answer in time"
    return details.splitlines()[0][:200] if details else code.name.lower()


def _no_milvus(server: Server, details: str) -> LibraryProblem:
    return LibraryProblem(
        f"{server.address} answers, but not as a Milvus server does ({details[:100]})."
        " Check the port: Milvus listens at 19530 unless it was told otherwise."
    )


# --------------------------------------------------------------------------- a look beforehand


def _reach(server: Server) -> str | None:
    """See that it is there and, with TLS, who it is. The authorities to trust, as PEM."""
    where = (server.host, server.port)
    try:
        with socket.create_connection(where, timeout=CONNECT_SECONDS) as plain:
            if not server.tls:
                return None
            context, authorities = _trusting(server.certificate)
            with context.wrap_socket(plain, server_hostname=server.host) as secured:
                if secured.selected_alpn_protocol() != "h2":
                    raise _no_milvus(server, "it speaks TLS, but no HTTP/2")
            return authorities
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(server, error) from error
    except ssl.SSLError as error:
        raise LibraryProblem(
            f"{server.address} does not speak TLS ({error.reason or error}). Turn TLS on there,"
            " or off here: then what is sent can be read on its way."
        ) from error
    except (OSError, UnicodeError) as error:
        raise ServerGone(
            f"The Milvus server {server.address} cannot be reached ({_unreached(error)})."
            " See that it runs, and that the address is right. Nothing of the library is lost."
        ) from error


def _trusting(certificate: Path | None) -> tuple[ssl.SSLContext, str]:
    """A context that checks, and the authorities it trusts, as PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    if certificate is not None:
        _load(context, certificate)
    else:
        context.load_default_certs()
        for place in map(Path, _AUTHORITIES):
            if not context.get_ca_certs() and place.is_file():
                _load(context, place)
    loaded = context.get_ca_certs(binary_form=True)
    return context, "".join(ssl.DER_cert_to_PEM_cert(one) for one in loaded)


def _load(context: ssl.SSLContext, certificate: Path) -> None:
    try:
        context.load_verify_locations(certificate)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = "it holds none" if isinstance(error, ssl.SSLError) else error
        raise LibraryProblem(
            f"{certificate}: no certificate can be read from it ({reason}). Choose the PEM file"
            " of the authority that signed the server's certificate."
        ) from error


def _untrusted(server: Server, error: ssl.SSLCertVerificationError) -> LibraryProblem:
    by = "this system's authorities" if server.certificate is None else str(server.certificate)
    return LibraryProblem(
        f"The certificate of {server.address} is not trusted ({error.verify_message}), going by"
        f" {by}. Nothing was sent. Choose the certificate file of the authority that signed it, if"
        " its keeper gave you one; else somebody may stand between you and the server."
    )


def _unreached(error: Exception) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return "no machine of that name is known here"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens at that port"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error)


def _speaks_tls(server: Server) -> bool:
    """Whether a server that was asked without TLS would answer with it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is said to it
    try:
        with (
            socket.create_connection((server.host, server.port), timeout=CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=server.host),
        ):
            return True
    except (OSError, ValueError):
        return False
