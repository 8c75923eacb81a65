"""A Milvus server that holds the vector index in place of this computer.

Nothing goes there but content ids, vectors, and the name of each collection, which tells the
library's own id and the vector space's: no path, no file name, no words, no date. What is there can
be made again from the catalogue at any time, so that a server that is gone, emptied or left costs
nothing but the time to fill another.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mmsearch_desktop.domain import LibraryProblem, ServerGone, VectorSpace
from mmsearch_desktop.library.library_id import known_id
from mmsearch_desktop.library.server_address import Security, Server, server_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mmsearch_desktop.library.server_wire import Wire

__all__ = ["Security", "Server", "ServerEngine", "ServerFacts", "Shelf", "look_at", "server_of"]

_log = logging.getLogger("mmsearch.library")
_T = TypeVar("_T")

READ_SECONDS = 8.0
WRITE_SECONDS = 60.0  # a server under load may also have many wait; a write may be repeated
_COUNT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What was found at an address."""

    version: str  # as the server gives it, such as v2.3.5
    security: Security
    milliseconds: float  # for one question and its answer
    rows: int | None  # of this library there; None: not asked, or not to be told


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one library has on one server: a collection for each of its vector spaces."""

    server: Server
    library: str  # its id, twelve hexadecimal digits

    @property
    def prefix(self) -> str:
        return f"mmsearch_{self.library}_"

    def collection(self, space: VectorSpace) -> str:
        return f"{self.prefix}{space.key}"

    def drop(self, space: VectorSpace | None = None) -> int:
        """Drop the collection of a space, or all of this library's; how many there were."""
        from mmsearch_desktop.library import server_wire

        client, wire = server_wire.connected(self.server)
        try:
            with wire.allowing(WRITE_SECONDS):
                wanted = self.prefix if space is None else self.collection(space)
                found = [name for name in client.list_collections() if name.startswith(wanted)]
                for name in found:
                    client.drop_collection(name, timeout=WRITE_SECONDS)
        except server_wire.wire_errors() as error:
            raise server_wire.in_words(self.server, wire, error) from error
        finally:
            client.close()
        return len(found)


class ServerEngine:
    """One collection on a server, behind the calls of `MilvusEngine`.

    A call that fails connects again, once, and is repeated: every write here may be, and one that
    was started anew has to be told to load the collection, or make it. ServerGone after that,
    within some ten seconds; the next call tries again by itself.
    """

    upserts = True  # a server keeps two rows of an id that is inserted twice
    counts_on_disk = False
    batch_bytes = 4_000_000

    def __init__(self, server: Server, collection: str, *, prepare: Callable[[Any], None]) -> None:
        self.server, self.collection = server, collection
        self.name = f"Milvus server {server.address}"
        self.opened = 0
        self.closed = False
        self._prepare = prepare
        self._lock = threading.RLock()
        self._client: Any = None
        self._wire: Wire | None = None
        self._tried = 0
        self._failure: LibraryProblem | None = None  # of the last try

    @property
    def quick_reading(self) -> dict[str, str]:
        """Sees all that this program wrote, and waits for nothing else."""
        return {"consistency_level": "Session"}

    def open(self) -> None:
        """ServerGone, or LibraryProblem: it will not have us."""
        with self._lock:
            self._connect()

    def reopen(self, *, seen: int) -> None:
        """Connect again, unless that was done since `opened` was `seen`."""
        with self._lock:
            if self.opened == seen and not self.closed:
                self._connect()

    def close(self) -> None:
        with self._lock:
            self.closed = True
            self._let_go_of(self._client)

    def start_empty(self) -> None:
        """Drop the collection, and make it anew."""
        self.write(self._made_anew)

    def _made_anew(self, client: Any) -> None:
        client.drop_collection(self.collection, timeout=WRITE_SECONDS)
        self._prepare(client)

    def read(self, call: Callable[[Any], _T]) -> _T:
        return self._persisting(call, READ_SECONDS)

    def write(self, call: Callable[[Any], object]) -> None:
        self._persisting(call, WRITE_SECONDS)

    def flush(self, _collection: str) -> None:
        """A server does so by itself; asked for, it takes seconds."""

    def stored_rows(self, _collection: str) -> int | None:
        return None

    def require_space(self, _pending_bytes: int) -> None:
        """The server's disk is its own affair: it refuses the write."""

    # -- inside ----------------------------------------------------------------------------

    def _persisting(self, call: Callable[[Any], _T], seconds: float) -> _T:
        seen = self.opened
        try:
            return self._call(call, seconds)
        except LibraryProblem as error:
            if self.closed or isinstance(error.__cause__, TimeoutError):  # one wait is enough
                raise
            _log.info("%s", error)
            self.reopen(seen=seen)
            return self._call(call, seconds)

    def _call(self, call: Callable[[Any], _T], seconds: float) -> _T:
        from mmsearch_desktop.library import server_wire

        client, wire = self._connected()
        try:
            with wire.allowing(seconds):
                return call(client)
        except server_wire.wire_errors() as error:
            problem = server_wire.in_words(self.server, wire, error)
            if isinstance(problem, ServerGone):
                self._let_go_of(client)
            raise problem from (TimeoutError() if wire.timed_out else error)

    def _connected(self) -> tuple[Any, Wire]:
        tried = self._tried
        with self._lock:
            if self.closed:
                raise LibraryProblem(f"{self.name}: the index is closed. Open the library again.")
            if self._client is None or self._wire is None:
                if self._tried != tried and self._failure is not None:
                    raise type(self._failure)(str(self._failure))  # another thread has just tried
                self._connect()
            assert self._wire is not None  # noqa: S101 - `_connect` raises otherwise
            return self._client, self._wire

    def _connect(self) -> None:
        from mmsearch_desktop.library import server_wire

        self._let_go_of(self._client)
        self._tried += 1
        try:
            client, wire = server_wire.connected(self.server)
            try:
                with wire.allowing(WRITE_SECONDS):
                    self._prepare(client)
            except server_wire.wire_errors() as error:
                client.close()
                raise server_wire.in_words(self.server, wire, error) from error
        except LibraryProblem as error:
            self._failure = error
            raise
        self._client, self._wire, self._failure = client, wire, None
        self.opened += 1

    def _let_go_of(self, client: Any) -> None:
        """Unless another thread has a new one already."""
        from mmsearch_desktop.library import server_wire

        with self._lock:
            if client is None or client is not self._client:
                return
            self._client = self._wire = None
        with contextlib.suppress(*server_wire.wire_errors()):
            client.close()


# --------------------------------------------------------------------------- before it is used


def look_at(server: Server, library: Path | None = None) -> ServerFacts:
    """Try it, within 10 s; `library` is the folder of the library whose rows are counted.

    ServerGone: it cannot be reached. LibraryProblem: the token is refused, the certificate is not
    trusted, or it is no Milvus. Each names the address, the fact and the remedy.
    """
    from mmsearch_desktop.library import server_wire

    client, wire = server_wire.connected(server)
    own = None if library is None else known_id(library)
    try:
        with wire.allowing(_COUNT_SECONDS):
            started = time.monotonic()
            version = str(client.get_server_version(timeout=_COUNT_SECONDS))
            milliseconds = 1000 * (time.monotonic() - started)
            names = client.list_collections(timeout=_COUNT_SECONDS)  # as a token may not do
            rows = None if library is None else 0
            if own is not None:
                rows = _rows(client, [n for n in names if n.startswith(Shelf(server, own).prefix)])
    except server_wire.wire_errors() as error:
        raise server_wire.in_words(server, wire, error) from error
    finally:
        client.close()
    return ServerFacts(version, server.security, milliseconds, rows)


def _rows(client: Any, collections: list[str]) -> int | None:
    """How many these hold; None where one is not loaded, which is not worth the wait."""
    from mmsearch_desktop.library import server_wire

    try:
        found = [
            client.query(one, filter="", output_fields=["count(*)"], timeout=_COUNT_SECONDS)
            for one in collections[:3]
        ]
    except server_wire.wire_errors():
        return None
    return sum(int(rows[0]["count(*)"]) for rows in found) if len(collections) <= 3 else None
