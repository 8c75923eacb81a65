"""A Milvus server in memory, that can go and come back, and a library that may lie there."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import LibraryProblem, Progress, ServerGone, Stage, VectorSpace
from mmsearch_desktop.library.milvus_server import ServerFacts
from tests.library.memory_index import MemoryIndex
from tests.ui.windows import QuickLibrary

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mmsearch_desktop.library.catalogue import Catalogue
    from mmsearch_desktop.library.server_address import Server

ADDRESS = "nas.local:19530"


class ServedIndex(MemoryIndex):
    """Lies on a server, and is asked there."""

    def __init__(self, space: VectorSpace, server: MemoryServer) -> None:
        super().__init__(space)
        self._server = server

    def search(
        self, vector: NDArray[np.float32], limit: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        self._server.answer()
        return super().search(vector, limit, among=among)

    def insert(self, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        self._answer()
        super().insert(ids, vectors)

    def reconcile(
        self, catalogue: Catalogue, *, thorough: bool = True
    ) -> Generator[Progress, None, None]:
        self._answer()
        yield from super().reconcile(catalogue, thorough=thorough or not self.checked)

    def _answer(self) -> None:
        try:
            self._server.answer()
        except ServerGone:
            self.checked = False
            raise

    def close(self) -> None:
        """What is there stays there."""


@dataclass
class MemoryServer:
    token: str = ""
    is_there: bool = True
    looked: int = 0
    indexes: dict[VectorSpace, ServedIndex] = field(default_factory=dict)
    steps: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1000))

    def answer(self) -> None:
        if not self.is_there:
            raise ServerGone(f"The Milvus server {ADDRESS} does not answer.")

    def look_at(self, server: Server, _library: Path) -> ServerFacts:
        self.looked += 1
        if server.address != ADDRESS:
            raise ServerGone(f"The Milvus server {server.address} cannot be reached.")
        self.answer()
        if server.token != self.token:
            raise LibraryProblem(f"The Milvus server {ADDRESS} refuses the token.")
        rows = sum(index.count() for index in self.indexes.values())
        return ServerFacts("v2.3.5", server.security, 4.2, rows)

    def index(self, space: VectorSpace) -> ServedIndex:
        self.answer()
        return self.indexes.setdefault(space, ServedIndex(space, self))


class ServedLibrary(QuickLibrary):
    """Its vectors are in memory: on the server above, or here."""

    def __init__(self, folder: Path, there: MemoryServer) -> None:
        super().__init__(folder)
        self.there = there
        self.here: dict[VectorSpace, MemoryIndex] = {}

    def open_index(self, space: VectorSpace) -> MemoryIndex:  # type: ignore[override] # see above
        return self._index_at(space, self.server)

    def _index_at(self, space: VectorSpace, server: Server | None) -> MemoryIndex:
        if server is not None:
            return self.there.index(space)
        return self.here.setdefault(space, MemoryIndex(space))

    def moving(self, server: Server | None) -> Generator[Progress, None, None]:
        with self.indexing:
            for space in self.catalogue.spaces():
                index = self._index_at(space, server)
                ids = self.catalogue.embedded_ids(space)
                yield Progress(Stage.REBUILDING, 0, len(ids))
                self.there.steps.acquire(timeout=30)
                yield from index.reconcile(self.catalogue)
            self.server = server
            if server is not None:
                self.here.clear()

    def leave_server(self, _server: Server) -> int:
        self.there.answer()
        self.there.indexes.clear()
        return 1


def services(library: Path, there: MemoryServer) -> dict[str, object]:
    """For a window on such a library."""
    return {
        "open_library": lambda _folder: ServedLibrary(library, there),
        "look_at_server": there.look_at,
    }
