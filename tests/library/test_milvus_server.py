"""What is said and done where a Milvus server does not answer, or is none.

Those with servers that answer: test_servers.py.
"""

from __future__ import annotations

import http.server
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import LibraryProblem, ServerGone, Stage
from mmsearch_desktop.library.ingest import forget_folder
from mmsearch_desktop.library.milvus_server import Server, look_at
from mmsearch_desktop.library.spaces import fill_space
from mmsearch_desktop.library.stores import Library
from tests.fakes import ColourEmbedder
from tests.library.memory_index import MemoryIndex
from tests.library.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mmsearch_desktop.domain import Progress
    from mmsearch_desktop.library.catalogue import Catalogue


@pytest.fixture
def nobody() -> Iterator[Server]:
    """An address of this machine where nothing listens."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield Server.of(f"127.0.0.1:{kept.getsockname()[1]}")


def test_a_library_opens_without_its_server(tmp_path: Path, nobody: Server) -> None:
    with Library(tmp_path, server=nobody) as library:
        assert library.catalogue.photos() == []
        with pytest.raises(ServerGone, match=r"nothing listens.*Nothing of the library is lost"):
            library.open_index(ColourEmbedder().space)


def test_a_server_that_says_nothing_is_not_waited_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(ServerGone, match="no answer in time"):
            look_at(Server.of(f"127.0.0.1:{silent.getsockname()[1]}"))
        assert time.monotonic() - started < 60  # six, and what a busy machine adds


def test_what_is_no_milvus_is_told() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Mute) as other:
        serving = threading.Thread(target=other.serve_forever)
        serving.start()
        try:
            with pytest.raises(LibraryProblem, match=r"not as a Milvus server.*port") as caught:
                look_at(Server.of(f"127.0.0.1:{other.server_port}"))
        finally:
            other.shutdown()
            serving.join()
    assert not isinstance(caught.value, ServerGone)


class _Mute(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """Nothing."""


class GoneIndex(MemoryIndex):
    """On a server that can be gone; what it missed, it lacks until it is reconciled."""

    gone = False

    def insert(self, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        self._require()
        super().insert(ids, vectors)

    def remove(self, ids: Sequence[int]) -> None:
        self._require()
        super().remove(ids)

    def missing(self, ids: Sequence[int]) -> list[int]:
        self._require()
        return super().missing(ids)

    def reconcile(self, catalogue: Catalogue, *, thorough: bool = True) -> Iterator[Progress]:
        self._require()
        return super().reconcile(catalogue, thorough=thorough)

    def _require(self) -> None:
        if self.gone:
            self.checked = False
            raise ServerGone("the server is gone.")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Setting]:
    setting = Setting(tmp_path)
    setting.index = GoneIndex(setting.embedder.space)
    yield setting
    setting.library.close()


def _switch(here: Setting, *, gone: bool) -> None:
    assert isinstance(here.index, GoneIndex)
    here.index.gone = gone


def test_photos_go_on_into_the_catalogue_while_the_server_is_gone(here: Setting) -> None:
    here.write("red.png")
    here.add()
    for colour in ("blue", "green", "black"):
        here.write(f"{colour}.png", colour)
    (here.photos / "red.png").unlink()
    adding = here.start()
    next(adding)
    _switch(here, gone=True)
    with pytest.raises(ServerGone):
        list(adding)
    assert here.names == ["photos/black.png", "photos/blue.png", "photos/green.png"]
    assert here.index.count() == 1
    _switch(here, gone=False)
    summary = here.add()  # which also looks at the index
    assert (summary.indexed, summary.unchanged) == (0, 3)


def test_a_server_that_is_gone_from_the_start_stops_no_photo(here: Setting) -> None:
    here.write("red.png")
    _switch(here, gone=True)
    with pytest.raises(ServerGone):
        list(here.start())
    assert here.names == ["photos/red.png"]
    _switch(here, gone=False)
    here.add()


def test_a_folder_is_forgotten_without_the_server(here: Setting) -> None:
    here.write("red.png")
    here.add()
    _switch(here, gone=True)
    (folder,) = here.library.catalogue.folders()
    forget_folder(folder.id, here.library, here.index)
    assert here.names == []
    _switch(here, gone=False)
    list(here.index.reconcile(here.library.catalogue))
    assert here.index.count() == 0


def test_what_comes_back_in_time_is_caught_up_with_in_the_same_run(here: Setting) -> None:
    for number in range(3):
        here.write(f"{number}.png", width=8 + number)
    adding = here.start()
    next(adding)
    _switch(here, gone=True)
    for item in adding:
        if item.stage is Stage.EMBEDDING:
            _switch(here, gone=False)
    here.check()


def test_another_space_is_filled_while_the_server_is_gone(here: Setting) -> None:
    here.write("red.png")
    here.write("blue.png", "blue")
    here.add()
    other = ColourEmbedder(revision="another")
    index = GoneIndex(other.space)
    filling = fill_space(here.library, index, other)
    next(filling)
    index.gone = True
    with pytest.raises(ServerGone):
        list(filling)
    assert here.library.catalogue.embedded_count(other.space) == 2
    index.gone = False
    *_, last = fill_space(here.library, index, other)
    assert (last.done, index.count()) == (2, 2)
