"""A library: one folder with catalogue, thumbnails and vector indexes, for one program at a time.

library.lock        held while the library is open
catalogue.sqlite    the truth (and -wal, -shm beside it)
thumbnails/         can be made again from the photos
index/              can be made again from the catalogue
"""

from __future__ import annotations

import errno
import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

import filelock

from mmsearch_desktop.domain import LibraryBusy, LibraryProblem, NoSpace, VectorSpace
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.library.milvus_engine import RESERVE_BYTES, require_space
from mmsearch_desktop.library.thumbnails import Thumbnails
from mmsearch_desktop.library.vectors import MilvusIndex

if TYPE_CHECKING:
    from types import TracebackType


_log = logging.getLogger("mmsearch.library")


class Library:
    """Everything kept about the photos. Opening is quick; only `open_index` loads anything heavy.

    Close it when nothing uses it any more; a context manager does.
    """

    def __init__(self, folder: Path, *, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Open or create. LibraryBusy, LibraryDamaged, NoSpace, LibraryProblem.

        `reserve_bytes` must stay free on its disk; NoSpace is raised before less is left.
        """
        self.folder = _made_private(folder)
        self.indexing = threading.Lock()  # held by whoever adds or forgets photos
        self._reserve_bytes = reserve_bytes
        self._opening = threading.Lock()
        self._indexes: dict[VectorSpace, MilvusIndex] = {}
        self._closed = False
        self._lock = filelock.FileLock(
            self.folder / "library.lock", timeout=0, thread_local=False, mode=0o600
        )
        self._acquire()
        try:
            self._warn_if_lost(self.folder / "catalogue.sqlite")
            self.catalogue = Catalogue(self.folder / "catalogue.sqlite")
            self.thumbnails = Thumbnails(self.folder / "thumbnails")
        except BaseException:
            self._lock.release()
            raise

    def open_index(self, space: VectorSpace) -> MilvusIndex:
        """The index of one space, one for all who ask. Slow (1 to 5 s): call it on a worker.

        Run its `reconcile` once before trusting it; `add_folder` does so by itself.
        """
        with self._opening:
            if self._closed:
                raise LibraryProblem(f"{self.folder}: the library is closed. Open it again.")
            if space not in self._indexes or self._indexes[space].closed:
                self._indexes[space] = MilvusIndex(
                    self.folder / "index", space, reserve_bytes=self._reserve_bytes
                )
            return self._indexes[space]

    def require_space(self, pending_bytes: int = 0) -> None:
        """NoSpace unless the disk has room for this much and the reserve."""
        require_space(self.folder, pending_bytes, self._reserve_bytes)

    def close(self) -> None:
        """Indexes first, for they are healed from the catalogue; the lock last."""
        with self._opening:
            if self._closed:
                return
            self._closed = True
            try:
                for index in self._indexes.values():
                    index.close()
                self.catalogue.close()
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

    def _warn_if_lost(self, catalogue: Path) -> None:
        """An empty file is one too: it is what some file systems leave after a power cut."""
        if (self.folder / "index").is_dir() and not (
            catalogue.is_file() and catalogue.stat().st_size
        ):
            _log.warning(
                "%s is gone, though there is an index made from it. The library begins empty: put"
                " back a copy of the file, or add your folders again.",
                catalogue,
            )

    def _acquire(self) -> None:
        try:
            # a lock in a folder that cannot be written looks like one that is held
            tempfile.TemporaryFile(dir=self.folder).close()
            self._lock.acquire()
        except filelock.Timeout as error:
            raise LibraryBusy(
                f"The library {self.folder} is open in another window or command of this program."
                " Use that one, or close it first."
            ) from error
        except (OSError, NotImplementedError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace(
                    f"{self.folder}: the disk is full. Free some space, then try again."
                ) from error
            reason = getattr(error, "strerror", None) or error
            raise LibraryProblem(
                f"The library {self.folder} cannot be written ({reason}). Give yourself the right"
                " to write there, or choose another library folder."
            ) from error


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
