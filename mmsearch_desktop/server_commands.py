"""What the command line says and does about the Milvus server that may hold the vectors."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from mmsearch_desktop import settings
from mmsearch_desktop.domain import LibraryProblem
from mmsearch_desktop.terminal import PROGRAM, busy, put, safe, tell, watched

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from mmsearch_desktop.library.milvus_server import Server, ServerFacts
    from mmsearch_desktop.library.stores import Library

WHAT_LEAVES = "Vectors leave this computer; photos, their names and their folders do not."
_LONGEST_TOKEN = 4096


def server() -> Server | None:
    """The one that is set. LibraryProblem where what is set is no address."""
    from mmsearch_desktop.library.milvus_server import server_of

    return server_of(settings.load())


def opened(folder: Path) -> Library:
    """The library there, with its vectors where they are set to be."""
    from mmsearch_desktop.library.stores import Library

    return Library(folder, server=server())


def run(options: argparse.Namespace, library: Path) -> int:
    """One of show, use and local; the exit status."""
    actions: dict[str, Callable[[argparse.Namespace, Path], int]] = {
        "show": _show,
        "use": _use,
        "local": _local,
    }
    return actions[options.action or "show"](options, library)


def _show(_: argparse.Namespace, library: Path) -> int:
    current = server()
    if current is None:
        put("The vectors are on this computer. No Milvus server is used.")
        return 0
    _put_facts(current, _looked_at(current, library))
    return 0


def _use(options: argparse.Namespace, library: Path) -> int:
    """Checked first, filled next, and only then set."""
    from mmsearch_desktop.library.milvus_server import Server

    token = settings.load_server_token() if options.token_file is None else _read(options)
    tls = options.tls or options.certificate is not None
    wanted = Server.of(options.address, token=token, tls=tls, certificate=options.certificate)
    facts = _looked_at(wanted, library)
    tell(WHAT_LEAVES)
    old = _move(library, wanted)
    if options.token_file is not None:
        settings.save_server_token(token)
    _set(
        milvus_address=wanted.address,
        milvus_tls=wanted.tls,
        milvus_certificate=str(wanted.certificate or ""),
    )
    _put_facts(wanted, dataclasses.replace(facts, rows=None))
    if old is not None and old.address != wanted.address:
        tell(f"What {old.address} holds of this library stays there; nothing needs it.")
    return 0


def _local(options: argparse.Namespace, library: Path) -> int:
    old = _move(library, None)
    _set(milvus_address="", milvus_tls=False, milvus_certificate="")
    put("The vectors are on this computer. No Milvus server is used.")
    if old is not None and options.drop:
        with opened(library) as there:
            dropped = there.leave_server(old)
        put(f"Dropped from {old.address}: {dropped} of this library's collections.")
    elif old is not None:
        tell(
            f"What {old.address} holds of this library stays there; nothing needs it. To have it"
            f" dropped: {PROGRAM} server use {old.address}, then server local --drop"
        )
    settings.save_server_token("")
    return 0


def _move(folder: Path, target: Server | None) -> Server | None:
    """Fill the index at the new place, where there is a library. The old server."""
    old = server()
    if (folder / "catalogue.sqlite").is_file():
        with opened(folder) as library:
            watched(library.moving(target), "photos")
    return old


def _looked_at(there: Server, library: Path) -> ServerFacts:
    from mmsearch_desktop.library.milvus_server import look_at

    with busy(f"Asking {there.address}"):
        return look_at(there, library)


def _put_facts(there: Server, facts: ServerFacts) -> None:
    put(f"Milvus server {safe(there.address)}: {safe(facts.version)}, {facts.milliseconds:.0f} ms")
    put(security_in_words(there))
    if facts.rows is not None:
        put(f"It holds {facts.rows:,} vectors of this library.")


def security_in_words(there: Server) -> str:
    """A sentence that says how safe the way there is."""
    from mmsearch_desktop.library.milvus_server import Security

    if there.security is Security.VERIFIED:
        by = "this system's authorities" if there.certificate is None else safe(there.certificate)
        return f"Verified: encrypted, and its certificate was checked (by {by})."
    if there.security is Security.LOCAL:
        return "Not encrypted; it does not leave this computer."
    return "NOT VERIFIED: not encrypted; anyone on the way can read and change what is sent."


def _read(options: argparse.Namespace) -> str:
    """The token: one line of a file, or of standard input."""
    name = options.token_file
    try:
        if str(name) == "-":
            text = sys.stdin.readline(_LONGEST_TOKEN)
        else:
            with name.open(encoding="utf-8") as file:
                text = file.readline(_LONGEST_TOKEN)
    except UnicodeDecodeError:
        raise LibraryProblem(f"{name} is no text. Name a file with the token alone.") from None
    token = text.strip()
    if not token or not token.isprintable():
        raise LibraryProblem(f"{name} holds no token in its first line. Put it there, alone.")
    return token


def _set(**changes: object) -> None:
    settings.save(dataclasses.replace(settings.load(), **changes))  # type: ignore[arg-type]  # names of fields
