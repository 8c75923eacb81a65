"""Opens the library, the embedder and the index on workers, and closes them in order.

The window is shown before any of it: torch, transformers and Milvus are imported here, on a
worker, the first time they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import Embedder, Progress, Query, Results
from mmsearch_desktop.ui.background import Task, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.vectors import VectorIndex
    from mmsearch_desktop.models.offers import Offer


@dataclass(frozen=True, slots=True)
class Services:
    """What the window can have done; all of it slow, so all of it is called on workers."""

    open_library: Callable[[Path], Library]
    open_embedder: Callable[[str], Embedder]  # an offer's name, or a folder; ModelProblem
    device_name: Callable[[], str]  # where it runs
    add_folder: Callable[[Path, Library, VectorIndex, Embedder], Iterator[Progress]]
    retrieve: Callable[[Query, Library, VectorIndex, Embedder], Results]
    forget_folder: Callable[[int, Library, VectorIndex | None], None]
    is_installed: Callable[[Offer], bool]
    # the last bool: the person agrees to an edition that is not known here
    download: Callable[[Offer, bool, bool], Iterator[Progress]]  # the first bool: offline
    import_folder: Callable[[Offer, Path, bool], Iterator[Progress]]


def standard_services(models_folder: Path) -> Services:
    """The real ones, with weights in this folder."""
    return Services(
        open_library=_open_library,
        open_embedder=partial(_open_embedder, models_folder),
        device_name=_device_name,
        add_folder=_add_folder,
        retrieve=_retrieve,
        forget_folder=_forget_folder,
        is_installed=partial(_is_installed, models_folder),
        download=partial(_download, models_folder),
        import_folder=partial(_import_folder, models_folder),
    )


def _open_library(folder: Path) -> Library:
    from mmsearch_desktop.library.stores import Library

    return Library(folder)


def _open_embedder(models_folder: Path, choice: str) -> Embedder:
    from mmsearch_desktop.models import offers

    return offers.open_embedder(choice, models_folder=models_folder)


def _device_name() -> str:
    from mmsearch_desktop.models.device import best_device

    device = best_device()
    return "CPU" if device.kind == "cpu" else device.name


def _add_folder(
    folder: Path, library: Library, index: VectorIndex, embedder: Embedder
) -> Iterator[Progress]:
    from mmsearch_desktop.library import ingest

    return ingest.add_folder(folder, library, index, embedder)


def _retrieve(query: Query, library: Library, index: VectorIndex, embedder: Embedder) -> Results:
    from mmsearch_desktop.search import retrieve

    return retrieve.retrieve(query, library=library, index=index, embedder=embedder)


def _forget_folder(folder_id: int, library: Library, index: VectorIndex | None) -> None:
    from mmsearch_desktop.library import ingest

    ingest.forget_folder(folder_id, library, index)


def _is_installed(models_folder: Path, offer: Offer) -> bool:
    from mmsearch_desktop.models import offers

    return offers.installed(offer, models_folder)


def _download(models_folder: Path, offer: Offer, offline: bool, agreed: bool) -> Iterator[Progress]:
    from mmsearch_desktop.models import weights

    return weights.download(offer, models_folder, offline=offline, accept_unknown=agreed)


def _import_folder(
    models_folder: Path, offer: Offer, folder: Path, agreed: bool
) -> Iterator[Progress]:
    from mmsearch_desktop.models import weights

    return weights.import_folder(offer, folder, models_folder, accept_unknown=agreed)


@dataclass(frozen=True, slots=True)
class Ready:
    """All that indexing and searching need, open."""

    library: Library
    index: VectorIndex
    embedder: Embedder
    device: str  # where it runs, in words


class Engine(QObject):
    """Owns the workers and what is open; tells the window by signals.

    Searching has a worker of its own, so that it never waits for a step of indexing; opening the
    embedder runs there too, as there is nothing to search with before.
    """

    library_opened = Signal(object)  # Library
    library_failed = Signal(object)  # Exception
    rebuilding = Signal(object)  # Progress, where the index has to be brought up to date
    ready = Signal(object)  # Ready
    not_ready = Signal(object)  # Exception: no embedder

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.services = services
        self.housekeeping = Worker("housekeeping")
        self.searching = Worker("searching")
        self.indexing = Worker("indexing")
        self.models = Worker("models")
        self._library: Library | None = None
        self._preparation: Task | None = None

    @property
    def library(self) -> Library | None:
        return self._library

    def open_library(self, folder: Path) -> None:
        self.housekeeping.call(
            lambda: self.services.open_library(folder),
            on_result=self._library_is_open,
            on_error=self.library_failed.emit,
        )

    def prepare(self, choice: str) -> None:
        """Open this embedder and the index of its space; an older call not done yet is overtaken.

        The library keeps an index that was opened before, and closes all of them at its end.
        """
        library = self._library
        if library is None:
            return
        if self._preparation is not None:
            self._preparation.cancel()
        self._preparation = self.searching.run(
            lambda: _opened(self.services, library, choice),
            on_item=self._prepared,
            on_done=lambda: None,
            on_error=self.not_ready.emit,
        )

    def close(self) -> None:
        """End all work, then close the stores. The caller has cancelled its tasks."""
        for worker in (self.indexing, self.searching, self.models, self.housekeeping):
            worker.close()
        if self._library is not None:
            self._library.close()
            self._library = None

    def _library_is_open(self, library: Library) -> None:
        self._library = library
        self.library_opened.emit(library)

    def _prepared(self, item: Progress | Ready) -> None:
        if isinstance(item, Progress):
            self.rebuilding.emit(item)
        else:
            self.ready.emit(item)


def _opened(services: Services, library: Library, choice: str) -> Iterator[Progress | Ready]:
    embedder = services.open_embedder(choice)
    index = library.open_index(embedder.space)
    yield from index.reconcile(library.catalogue)
    yield Ready(library, index, embedder, services.device_name())
