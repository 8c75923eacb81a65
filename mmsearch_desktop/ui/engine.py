"""Opens the library, the embedder and the index on workers, and closes them in order.

The window is shown before any of it: torch, transformers and Milvus are imported here, on a
worker, the first time they are needed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import (
    Embedder,
    Hit,
    Judge,
    NoSpace,
    Progress,
    Query,
    Results,
    Strategy,
    VectorSpace,
)
from mmsearch_desktop.ui.background import Task, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator, Sequence
    from pathlib import Path

    from mmsearch_desktop.library.judgements import Judgements
    from mmsearch_desktop.library.milvus_server import ServerFacts
    from mmsearch_desktop.library.server_address import Server
    from mmsearch_desktop.library.spaces import KeptSpace
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.vectors import VectorIndex
    from mmsearch_desktop.models.judging_speed import Outlook
    from mmsearch_desktop.models.offers import Offer

_log = logging.getLogger("mmsearch.library")
_WORDS_TOKENS = 40  # of what a judge writes about one hit


@dataclass(frozen=True, slots=True)
class JudgingOrder:
    """What is to be judged, and how."""

    query: Query
    hits: Sequence[Hit]
    strategy: Strategy
    depth: int
    words: bool  # have the judge also write about each hit
    wanted: Callable[[], Sequence[int]]  # contents looked at now; called on the worker


@dataclass(frozen=True, slots=True)
class Services:
    """What the window can have done; all of it slow, so all of it is called on workers."""

    open_library: Callable[[Path], Library]
    open_embedder: Callable[[str], Embedder]  # an offer's name, or a folder; ModelProblem
    device_name: Callable[[], str]  # where it runs
    # the last: only of what lies directly in these folders of it
    add_folder: Callable[
        [Path, Library, VectorIndex, Embedder, Collection[Path] | None], Iterator[Progress]
    ]
    retrieve: Callable[[Query, Library, VectorIndex, Embedder], Results]
    forget_folder: Callable[[int, Library, VectorIndex | None], None]
    require_room: Callable[[str], None]  # DeviceOutOfMemory: no second model fits beside the first
    fill_space: Callable[[Library, VectorIndex, Embedder], Iterator[Progress]]
    kept_spaces: Callable[[Library], list[KeptSpace]]
    remove_space: Callable[[VectorSpace, Library, VectorSpace | None], None]  # the last serves
    give_memory_back: Callable[[], None]
    is_installed: Callable[[Offer], bool]
    # the last bool: the person agrees to an edition that is not known here
    download: Callable[[Offer, bool, bool], Iterator[Progress]]  # the first bool: offline
    import_folder: Callable[[Offer, Path, bool], Iterator[Progress]]
    # by an offer's name, or a folder; WeightsMissing, ModelProblem
    judge_outlook: Callable[[str], Outlook]
    opening_judge: Callable[[str], Generator[int, None, Judge]]  # yields the bytes read so far
    judge: Callable[[JudgingOrder, Judge, Judgements], Iterator[Hit]]  # as `rerank`
    look_at_server: Callable[[Server, Path], ServerFacts]  # ServerGone, LibraryProblem
    move_index: Callable[[Library, Server | None], Iterator[Progress]]  # as `Library.moving`
    leave_server: Callable[[Library, Server], int]


def standard_services(models_folder: Path) -> Services:
    """The real ones, with weights in this folder."""
    return Services(
        open_library=_open_library,
        open_embedder=partial(_open_embedder, models_folder),
        device_name=_device_name,
        add_folder=_add_folder,
        retrieve=_retrieve,
        forget_folder=_forget_folder,
        require_room=partial(_require_room, models_folder),
        fill_space=_fill_space,
        kept_spaces=_kept_spaces,
        remove_space=_remove_space,
        give_memory_back=_give_memory_back,
        is_installed=partial(_is_installed, models_folder),
        download=partial(_download, models_folder),
        import_folder=partial(_import_folder, models_folder),
        judge_outlook=partial(_judge_outlook, models_folder),
        opening_judge=partial(_opening_judge, models_folder),
        judge=_judge,
        look_at_server=_look_at_server,
        move_index=_move_index,
        leave_server=_leave_server,
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
    folder: Path,
    library: Library,
    index: VectorIndex,
    embedder: Embedder,
    within: Collection[Path] | None,
) -> Iterator[Progress]:
    from mmsearch_desktop.library import ingest

    return ingest.add_folder(folder, library, index, embedder, within)


def _retrieve(query: Query, library: Library, index: VectorIndex, embedder: Embedder) -> Results:
    from mmsearch_desktop.search import retrieve

    return retrieve.retrieve(query, library=library, index=index, embedder=embedder)


def _forget_folder(folder_id: int, library: Library, index: VectorIndex | None) -> None:
    from mmsearch_desktop.library import ingest

    ingest.forget_folder(folder_id, library, index)


def _require_room(models_folder: Path, choice: str) -> None:
    from mmsearch_desktop.models import room

    room.require_room(choice, models_folder=models_folder)


def _give_memory_back() -> None:
    from mmsearch_desktop.models import room

    room.give_memory_back()


def _fill_space(library: Library, index: VectorIndex, embedder: Embedder) -> Iterator[Progress]:
    from mmsearch_desktop.library import spaces

    return spaces.fill_space(library, index, embedder)


def _kept_spaces(library: Library) -> list[KeptSpace]:
    from mmsearch_desktop.library import spaces

    return spaces.kept_spaces(library)


def _remove_space(space: VectorSpace, library: Library, serving: VectorSpace | None) -> None:
    from mmsearch_desktop.library import spaces

    spaces.remove_space(space, library, serving=serving)


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


def _judge_outlook(models_folder: Path, choice: str) -> Outlook:
    from mmsearch_desktop.models import judging_speed

    return judging_speed.outlook(choice, models_folder=models_folder)


def _opening_judge(models_folder: Path, choice: str) -> Generator[int, None, Judge]:
    from mmsearch_desktop.models import judge_offers

    return judge_offers.opening_judge(choice, models_folder=models_folder)


def _judge(order: JudgingOrder, judge: Judge, cache: Judgements) -> Iterator[Hit]:
    from mmsearch_desktop.search.judging import Judging
    from mmsearch_desktop.search.rerank import rerank

    tokens = _WORDS_TOKENS if order.words else 0
    settings = Judging(strategy=order.strategy, depth=order.depth, words_tokens=tokens)
    return rerank(
        order.query, order.hits, judge, settings=settings, cache=cache, wanted=order.wanted
    )


def _look_at_server(server: Server, library: Path) -> ServerFacts:
    from mmsearch_desktop.library import milvus_server

    return milvus_server.look_at(server, library)


def _move_index(library: Library, target: Server | None) -> Iterator[Progress]:
    return library.moving(target)


def _leave_server(library: Library, server: Server) -> int:
    return library.leave_server(server)


@dataclass(frozen=True, slots=True)
class Ready:
    """All that indexing and searching need, open."""

    library: Library
    index: VectorIndex
    embedder: Embedder
    device: str  # where it runs, in words


class Engine(QObject):
    """Owns the workers and what is open; tells the window by signals.

    Searching has a worker of its own, so that it never waits for a step of indexing or judging;
    opening the embedder runs there too, as there is nothing to search with before.
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
        self.judging = Worker("judging")
        self.server = Worker("server")  # of its own: one that is gone is waited for
        self.place: Callable[[], Server | None] = lambda: None  # of the vectors; on a worker
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
            lambda: opened(self.services, library, choice, self.place),
            on_item=self._prepared,
            on_done=lambda: None,
            on_error=self.not_ready.emit,
        )

    def take(self, ready: Ready) -> None:
        """Search with what was opened elsewhere; what was being opened here is overtaken."""
        if self._preparation is not None:
            self._preparation.cancel()
        self.ready.emit(ready)

    def close(self) -> None:
        """End all work, then close the stores. The caller has cancelled its tasks."""
        for worker in (
            self.server, self.judging, self.indexing, self.searching, self.models, self.housekeeping
        ):  # fmt: skip
            worker.close()
        if self._library is not None:
            self._library.close()
            self._library = None

    def _library_is_open(self, library: Library) -> None:
        self._library = library
        self.library_opened.emit(library)

    def _prepared(self, item: Progress | Ready | None) -> None:
        if isinstance(item, Progress):
            self.rebuilding.emit(item)
        elif item is not None:
            self.ready.emit(item)


def opened(
    services: Services,
    library: Library,
    choice: str,
    place: Callable[[], Server | None] | None = None,
) -> Iterator[Progress | Ready | None]:
    """In steps (None: go on), so that a window closed meanwhile need not wait for all of it.

    `place`: of the vectors; None: as before. A server that is gone costs no opening of a model.
    """
    from mmsearch_desktop.library import spaces

    if place is not None:
        library.server = place()
        if library.server is not None:
            services.look_at_server(library.server, library.folder)
            yield None
    if _may_be_there(services, choice):
        services.device_name()  # imports torch
        yield None
    embedder = services.open_embedder(choice)
    yield None
    index = library.open_index(embedder.space)
    spaces.remember(library, embedder.space, spaces.SpaceName(embedder.name, choice))
    try:
        yield from index.reconcile(library.catalogue)
    except NoSpace as error:  # what is there can be searched; indexing says so, and waits
        _log.info("%s", error)
    yield Ready(library, index, embedder, services.device_name())


def _may_be_there(services: Services, choice: str) -> bool:
    """False where opening it will only say, and at once, which files are missing."""
    from mmsearch_desktop.models.offers import OFFERS

    return all(services.is_installed(offer) for offer in OFFERS if offer.name == choice)
