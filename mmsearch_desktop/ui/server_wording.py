"""What the window says of a Milvus server: where the vectors are, how safe the way there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import ServerGone
from mmsearch_desktop.library.server_address import Security
from mmsearch_desktop.ui import wording

if TYPE_CHECKING:
    from mmsearch_desktop.library.milvus_server import ServerFacts
    from mmsearch_desktop.library.server_address import Server

LEAVES = (
    "Off unless you turn it on. The vectors of your photos then leave this computer: numbers that a"
    " model made of them, and what a search asks for as such numbers. Photos, names, paths and"
    " dates never do."
)
GONE = "the Milvus server does not answer"
GONE_HELD = f"{GONE}. Indexing goes on by itself when it does"
MOVING = "the vectors are being moved"
MOVING_HELD = f"{MOVING}. Indexing goes on by itself afterwards"
SEARCHING_WAITS = "Searching waits for the Milvus server."
_SHORT = {
    Security.VERIFIED: "verified",
    Security.OPEN: "not verified",
    Security.LOCAL: "on this computer",
}
_MARKS = {Security.VERIFIED: "lock", Security.OPEN: "lock-open", Security.LOCAL: "computer"}
_OPEN = (
    "The connection is not encrypted: whoever is on the way to it can read and change what is"
    " sent, the token too. Turn TLS on where the server has it."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a server, for the eye: a mark, a few words, and the rest."""

    mark: str  # the name of an icon
    title: str
    text: str
    is_doubtful: bool


def place(server: Server | None) -> str:
    return "this computer" if server is None else server.address


@dataclass(frozen=True, slots=True)
class ServerState:
    """For the status line."""

    address: str
    mark: str  # the name of an icon
    word: str
    tip: str

    @property
    def text(self) -> str:
        return f"Milvus server {self.address}  ·  {self.word}"

    @property
    def short(self) -> str:
        return f"Milvus {self.word}"


def state(server: Server, trouble: str = "") -> ServerState:
    """`trouble`: what is the matter with it, in few words."""
    security = server.security
    if trouble:
        return ServerState(server.address, "problem", trouble, "")
    return ServerState(
        server.address, _MARKS[security], _SHORT[security], _safety(server, security)
    )


def found(server: Server, facts: ServerFacts) -> Finding:
    """It answers."""
    security = facts.security
    parts = [f"Milvus {facts.version} answers in {facts.milliseconds:.0f} ms."]
    parts.append(_safety(server, security))
    if facts.rows:
        parts.append(f"It holds {facts.rows:,} vectors of this library.")
    title = {
        Security.VERIFIED: "Verified",
        Security.OPEN: "Not verified",
        Security.LOCAL: "Not verified: a server on this computer",
    }[security]
    return Finding(_MARKS[security], title, " ".join(parts), security is Security.OPEN)


def not_found(error: Exception) -> Finding:
    title = "Does not answer" if isinstance(error, ServerGone) else "Cannot be used"
    return Finding("problem", title, wording.in_words(error), is_doubtful=True)


def gone(error: Exception) -> str:
    """For the message bar."""
    return (
        f"{wording.in_words(error)} Photos can be browsed meanwhile; it is tried again by itself."
    )


def _safety(server: Server, security: Security) -> str:
    if security is Security.VERIFIED:
        return (
            f"The connection is encrypted, and the server's certificate was checked{_by(server)}."
        )
    if security is Security.LOCAL:
        return "The connection is not encrypted, and does not leave this computer."
    return _OPEN


def _by(server: Server) -> str:
    if server.certificate is None:
        return " by this system's authorities"
    return f" by {wording.shown(server.certificate.name)}"
