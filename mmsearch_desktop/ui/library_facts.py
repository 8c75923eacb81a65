"""What the window shows of the library beside photos: its folders, counts and problems."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from mmsearch_desktop.domain import Folder, Problem
    from mmsearch_desktop.library.catalogue import Catalogue
    from mmsearch_desktop.ui.background import Worker

_PATIENCE_MS = 1000
_DRIVES_MS = 5000  # how often it is looked whether drives have come or gone


@dataclass(frozen=True, slots=True)
class LibraryFacts:
    folders: tuple[Folder, ...] = ()
    photos: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def away(self) -> frozenset[int]:
        """The folders whose drives are not there, and the drives below folders that are not."""
        return frozenset(
            place.id for folder in self.folders for place in folder.places if not place.connected
        )


class FactsReader(QObject):
    """Reads them from the catalogue on its worker; many wishes in a second are one reading."""

    read = Signal(object)  # LibraryFacts
    failed = Signal(object)  # Exception

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker
        self._catalogue: Catalogue | None = None
        self._reading = False
        self._again = False
        self._later = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._later.timeout.connect(self.now)
        self._away: list[int] = []
        self._looking = False
        self.drives = QTimer(self, interval=_DRIVES_MS)
        self.drives.timeout.connect(self._look_at_drives)

    def start(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.now()
        self.drives.start()

    def stop(self) -> None:
        self._catalogue = None
        self._later.stop()
        self.drives.stop()

    def soon(self) -> None:
        """Within a second, however often this is called."""
        if not self._later.isActive():
            self._later.start()

    def now(self) -> None:
        catalogue = self._catalogue
        if catalogue is None:
            return
        if self._reading:
            self._again = True
            return
        self._reading = True
        self._worker.call(lambda: _facts(catalogue), on_result=self._tell, on_error=self._fail)

    def _look_at_drives(self) -> None:
        """Where one has come or gone, everything is read again."""
        catalogue = self._catalogue
        if catalogue is not None and not self._looking:
            self._looking = True
            self._worker.call(catalogue.away, self._compare, self._fail)

    def _compare(self, away: list[int]) -> None:
        self._looking = False
        if away != self._away:
            self.now()

    def _tell(self, facts: LibraryFacts) -> None:
        self._reading = False
        self._away = sorted(facts.away)
        self.read.emit(facts)
        if self._again:
            self._again = False
            self.now()

    def _fail(self, error: Exception) -> None:
        self._reading = self._again = self._looking = False
        self.failed.emit(error)


def _facts(catalogue: Catalogue) -> LibraryFacts:
    return LibraryFacts(
        folders=tuple(_with_new_place(folder, catalogue) for folder in catalogue.folders()),
        photos=catalogue.photo_count(),
        problems=tuple(catalogue.problems()),
    )


def _with_new_place(folder: Folder, catalogue: Catalogue) -> Folder:
    if folder.connected or not folder.photos:
        return folder
    return dataclasses.replace(folder, moved_to=catalogue.folder_table.moved_to(folder.id))
