"""A library: one folder with catalogue, thumbnails and vector indexes, for one program at a time.

library.lock        held while the library is open
holder.json         who holds it, for a message to whoever comes second
catalogue.sqlite    the truth (and -wal, -shm beside it)
backups/, damaged/  copies of the catalogue; see backups.py
thumbnails/         can be made again from the photos
index/              can be made again from the catalogue
spaces.json         names of the models that made the vectors; see spaces.py
library-id.json     only where a Milvus server holds the indexes instead; see library_id.py
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mmsearch_desktop.domain import LibraryBusy, LibraryDamaged, LibraryProblem, VectorSpace
from mmsearch_desktop.library.backups import Backups, Restored
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.library.holding import LibraryLock
from mmsearch_desktop.library.index_files import delete_files, files_bytes
from mmsearch_desktop.library.library_id import own_id
from mmsearch_desktop.library.milvus_engine import RESERVE_BYTES, require_space
from mmsearch_desktop.library.milvus_server import Shelf
from mmsearch_desktop.library.seals import Seals
from mmsearch_desktop.library.tables import VERSION
from mmsearch_desktop.library.thumbnails import Thumbnails
from mmsearch_desktop.library.vectors import MilvusIndex, index_file

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from mmsearch_desktop.domain import Progress
    from mmsearch_desktop.library.server_address import Server

_log = logging.getLogger("mmsearch.library")


class Library:
    """Everything kept about the photos. Opening is quick; only `open_index` loads anything heavy.

    Close it when nothing uses it any more; a context manager does.
    """

    def __init__(
        self, folder: Path, *, server: Server | None = None, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        """Open or create. LibraryBusy, LibraryDamaged, NoSpace, LibraryProblem.

        `server` holds the indexes in place of the folder; nobody speaks to it before `open_index`.
        `reserve_bytes` must stay free on its disk; NoSpace is raised before less is left.
        """
        self.folder = _made_private(folder)
        self.server = server
        self.indexing = threading.Lock()  # held by whoever adds or forgets photos
        self.notices: tuple[str, ...] = ()  # what the person should know of how it was opened
        self._reserve_bytes = reserve_bytes
        self._opening = threading.Lock()
        self._indexes: dict[VectorSpace, MilvusIndex] = {}
        self._closed = False
        self._lock = LibraryLock(self.folder)
        try:
            file = self.folder / "catalogue.sqlite"
            self._seals = Seals(file)
            self._backups = Backups(file, version=VERSION)
            self.catalogue = self._open_catalogue(file)
            self.thumbnails = Thumbnails(
                self.folder / "thumbnails", irreplaceable=self.catalogue.out_of_reach
            )
        except BaseException:
            self._lock.release()
            raise

    def _open_catalogue(self, file: Path) -> Catalogue:
        """A damaged one is put aside for the newest good backup, or for an empty one."""
        try:
            self._backups.require_sound()
            self._backups.make_before_upgrade()
            return Catalogue(file)
        except LibraryDamaged as error:
            _log.info("%s", error)
            restored = self._backups.restore()
        catalogue = Catalogue(file)
        for folder in restored.folders:
            catalogue.add_folder(folder)
        self.notices = (_restored_in_words(restored),)
        _log.warning("%s", self.notices[0])
        return catalogue

    def open_index(self, space: VectorSpace) -> MilvusIndex:
        """The index of one space, one for all who ask. Slow (1 to 5 s): call it on a worker.

        Run its `reconcile` once before trusting it; `add_folder` does so by itself. ServerGone
        where a server holds it and does not answer: all but searching goes on without it.
        """
        with self._opening:
            if self._closed:
                raise LibraryProblem(f"{self.folder}: the library is closed. Open it again.")
            if space not in self._indexes or self._indexes[space].closed:
                self._indexes[space] = self._opened(space, self.server)
            return self._indexes[space]

    def _opened(self, space: VectorSpace, server: Server | None) -> MilvusIndex:
        if server is not None:
            return MilvusIndex(self.shelf(server), space)
        folder = self.folder / "index"
        looked_through = self._seals.taken_from(index_file(folder, space))
        return MilvusIndex(
            folder, space, reserve_bytes=self._reserve_bytes, looked_through=looked_through
        )

    # -- on a server -----------------------------------------------------------------------

    def shelf(self, server: Server) -> Shelf:
        """What this library has there, or would have."""
        try:
            return Shelf(server, own_id(self.folder))
        except OSError as error:
            raise LibraryProblem(
                f"{self.folder}: the library's id cannot be written ({error.strerror or error})."
                " Give yourself the right to write there."
            ) from error

    def moving(self, server: Server | None) -> Generator[Progress, None, None]:
        """Fill the indexes at another place from the catalogue, then use those; None: the folder.

        Nothing is embedded. The old ones serve until all of the new are whole; whoever holds one
        asks `open_index` again after the end. Ended early, or by an error, nothing has changed and
        what was filled waits for the next time. What the folder held is deleted at the end; what
        a server held stays until `leave_server`. Also from a server that is gone.
        LibraryBusy while photos are added; ServerGone, NoSpace, LibraryProblem.
        """
        if server == self.server:
            return
        if not self.indexing.acquire(blocking=False):
            raise LibraryBusy(f"{self.folder} is being indexed. Wait for it, or cancel it first.")
        new: dict[VectorSpace, MilvusIndex] = {}
        try:
            for space in self._spaces_to_move():
                new[space] = self._opened(space, server)
                yield from new[space].reconcile(self.catalogue)
            for index in new.values():  # what came while others were filled
                yield from index.reconcile(self.catalogue, thorough=False)
            old = self._switch_to(server, new)
            new = {}
            for index in old.values():
                index.close()
            if server is not None:
                for space in {*self.catalogue.spaces(), *old}:
                    delete_files(index_file(self.folder / "index", space))
        finally:
            for index in new.values():
                index.close()
            self.indexing.release()

    def _spaces_to_move(self) -> list[VectorSpace]:
        """Those with vectors, and those in use."""
        with_vectors = (s for s in self.catalogue.spaces() if self.catalogue.embedded_count(s))
        return list(dict.fromkeys([*self._indexes, *with_vectors]))

    def _switch_to(
        self, server: Server | None, new: dict[VectorSpace, MilvusIndex]
    ) -> dict[VectorSpace, MilvusIndex]:
        """The old ones, which nobody is given any more."""
        with self._opening:
            if self._closed:
                raise LibraryProblem(f"{self.folder}: the library is closed. Open it again.")
            old, self._indexes, self.server = self._indexes, new, server
            return old

    def leave_server(self, server: Server) -> int:
        """Drop all that this library has on a server it does not use; how many collections.

        ServerGone, LibraryProblem: they stay there, and do no harm but take room.
        """
        if self.server is not None and self.server.address == server.address:
            raise LibraryProblem(
                f"The library is searched on {server.address}. Move it back to this computer first."
            )
        return self.shelf(server).drop()

    # -- files -----------------------------------------------------------------------------

    def index_bytes(self, space: VectorSpace) -> int:
        """What the index of a space takes on the disk."""
        return files_bytes(index_file(self.folder / "index", space))

    def drop_index(self, space: VectorSpace) -> None:
        """Close the index of a space and delete it; nothing may use it any more."""
        with self._opening:
            index = self._indexes.pop(space, None)
            if index is not None:
                index.close()
            delete_files(index_file(self.folder / "index", space))
            if self.server is not None:
                self._drop_on(self.server, space)

    def _drop_on(self, server: Server, space: VectorSpace) -> None:
        try:
            self.shelf(server).drop(space)
        except LibraryProblem as error:  # it takes room there, and is wiped when used again
            _log.warning("%s; %s stays there", error, self.shelf(server).collection(space))

    def back_up(self) -> None:
        """Keep a copy of the catalogue unless there is one of today; slow, and may fail quietly.

        `close` makes one by itself where photos came or went.
        """
        if self._backups.is_due() and self.catalogue.folders():
            self._backups.make()

    def require_space(self, pending_bytes: int = 0) -> None:
        """NoSpace unless the disk has room for this much and the reserve."""
        require_space(self.folder, pending_bytes, self._reserve_bytes)

    def missing_bytes(self) -> int:
        """How much has to be freed before storing can well go on; 0: nothing. LibraryProblem."""
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise LibraryProblem(
                f"{self.folder} cannot be reached ({error.strerror or error}). Connect its drive."
            ) from error
        return max(0, self._reserve_bytes + self._reserve_bytes // 10 - free)

    def close(self) -> None:
        """Indexes first, for they are healed from the catalogue; the lock last."""
        with self._opening:
            if self._closed:
                return
            self._closed = True
            try:
                for index in self._indexes.values():
                    index.close()
                if self.catalogue.changes:
                    self._backups.make()
                self.catalogue.close()
                if self.server is None:  # what lies on a server, others may have changed
                    self._seals.set_(
                        (index_file(self.folder / "index", space), index.looked_through)
                        for space, index in self._indexes.items()
                        if index.is_equal and index.looked_through is not None
                    )
            finally:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _restored_in_words(restored: Restored) -> str:
    kept = f" The damaged file is kept: {restored.damaged}." if restored.damaged else ""
    if restored.day is not None:
        return (
            f"The library's catalogue was damaged and was restored from its backup of"
            f" {restored.day}. Its folders are to be looked through again, which makes up for what"
            f" came later. Your photos are untouched.{kept}"
        )
    then = (
        "Its folders are known and have to be indexed again."
        if restored.folders
        else "Add your folders again."
    )
    return (
        "The library's catalogue was damaged and there was no backup of it yet, so that the library"
        f" begins empty. {then} Your photos are untouched.{kept}"
    )


def _made_private(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(os.path.realpath(folder))
    except FileExistsError as error:
        raise LibraryProblem(f"{folder} is a file. Choose a folder for the library.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LibraryProblem(
            f"The library folder {folder} cannot be made ({reason}). Choose another one."
        ) from error
