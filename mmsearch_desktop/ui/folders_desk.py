"""Carries out what is asked for with folders: add, index, pause, rescan, remove, problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from mmsearch_desktop.domain import (
    Folder,
    IndexSummary,
    LibraryProblem,
    ModelProblem,
    NoSpace,
    Progress,
    ServerGone,
)
from mmsearch_desktop.ui import server_wording, wording
from mmsearch_desktop.ui.indexing import Indexing, IndexingState, Within
from mmsearch_desktop.ui.library_facts import FactsReader, LibraryFacts
from mmsearch_desktop.ui.problems_dialog import ProblemsDialog
from mmsearch_desktop.ui.space_watch import SpaceWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.ui.engine import Engine, Ready
    from mmsearch_desktop.ui.preferences import Preferences
    from mmsearch_desktop.ui.window_parts import WindowParts

_BACKUP_MS = 30_000  # after opening: by then what the person waits for is there


class FoldersDesk(QObject):
    """Owns indexing, and what is known of the library's folders."""

    changed = Signal()  # counts or the state of indexing
    photos_came = Signal(object)  # tuple[Photo, ...]
    photos_went = Signal()  # or moved, so that a list of photos is out of date

    def __init__(
        self, parts: WindowParts, engine: Engine, preferences: Preferences, window: QWidget
    ) -> None:
        super().__init__(window)
        self._parts, self._engine, self._preferences = parts, engine, preferences
        self._window = window
        self._library: Library | None = None
        self._ready: Ready | None = None
        self._added: set[Path] = set()  # by the person, who waits to hear of them
        self._rescanned: set[Path] = set()  # likewise
        self.facts = LibraryFacts()
        self.problems = ProblemsDialog(window)
        settings = preferences.settings
        self.indexing = Indexing(
            engine.indexing, paused=settings.indexing_paused, left_over=settings.indexing_left_over
        )
        self.reader = FactsReader(engine.housekeeping)
        self.space = SpaceWatch(engine.housekeeping)
        self._backup = QTimer(self, singleShot=True, interval=_BACKUP_MS)
        self._connect()
        parts.strip.show_state(self.indexing.state)

    def open(self, library: Library) -> None:
        self._library = library
        self.reader.start(library.catalogue)
        self._backup.start()

    def start(self, ready: Ready) -> None:
        """Go on with the folders that wait, and look for changes in all the others."""
        self._ready = ready
        self._start_indexing()
        self.rescan_all()

    def stop(self) -> None:
        """Leave the index alone until the next `start`; nothing is forgotten."""
        self._ready = None
        self.indexing.stop()

    def close(self) -> None:
        if self.indexing.state.paused:
            self._remember_pause()
        self.stop()
        self._backup.stop()
        self.space.stop()
        self.reader.stop()
        self.problems.close()

    def add(self, folder: Path) -> None:
        """Because the person asked for it: they are told how it ended, whatever it was."""
        self._added.add(folder)
        self.rescan(folder)

    def rescan(self, folder: Path) -> None:
        """The same for a folder that is known, and need not be said to be empty."""
        self._rescanned.add(folder)
        self.indexing.add(folder)

    def rescan_all(self) -> None:
        """Look at all folders again whose drives are there now."""
        self._look_at_all(self.indexing.add)

    def look_again(self, changed: Mapping[Path, Within]) -> None:
        """Because something happened in some, perhaps after they were looked through just now.

        By folder of the library: the folders below it, or itself, in which photos came, changed or
        went; None: any. Nothing is done before `start`, which looks at all.
        """
        if self.indexing.state.prepared:
            self._look_at_all(lambda folder: self._look_if_changed(folder, changed))

    def _look_if_changed(self, folder: Path, changed: Mapping[Path, Within]) -> None:
        if folder in changed:
            self.indexing.add_again(folder, changed[folder])

    def rescan_as_asked(self) -> None:
        """The same, with word of it for the person who asked."""
        self._look_at_all(self.rescan)

    def _look_at_all(self, look: Callable[[Path], None]) -> None:
        def look_at_connected(folders: Sequence[Folder]) -> None:
            for folder in folders:
                if folder.connected:
                    look(folder.path)
            self.reader.now()

        if self._library is not None:
            catalogue = self._library.catalogue
            self._engine.housekeeping.call(catalogue.folders, look_at_connected, self._tell)

    def confirm_removal(self, folder: Folder) -> None:
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"Remove “{wording.name_of(folder.path)}” from the library?")
        told = (
            f"Its {wording.photos(folder.photos)} will no longer be found here. The photos "
            f"themselves in {folder.path} are not touched."
        )
        box.setInformativeText(wording.shown(told))
        box.setWindowTitle("Remove folder")
        remove = box.addButton("&Remove", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton("&Keep", QMessageBox.ButtonRole.RejectRole))
        remove.clicked.connect(lambda: self.remove(folder))
        box.open()

    def remove(self, folder: Folder) -> None:
        """Take it out of the library. Indexing stands still for that moment."""
        library, forget = self._library, self._engine.services.forget_folder
        if library is None:
            return
        index = self._ready.index if self._ready is not None else None
        self.indexing.forget(folder.path)
        self.indexing.stop()
        self._engine.indexing.call(
            lambda: forget(folder.id, library, index),
            on_result=lambda _: self._removed(),
            on_error=self._removal_failed,
        )

    def _removed(self) -> None:
        self._start_indexing()
        self.reader.now()
        self.photos_went.emit()

    def _removal_failed(self, error: Exception) -> None:
        self._start_indexing()
        self._tell(error)

    def _tell(self, error: Exception) -> None:
        self._parts.messages.complain(wording.in_words(error))

    def _start_indexing(self) -> None:
        add_folder, ready = self._engine.services.add_folder, self._ready
        if ready is not None:
            self.indexing.start(
                lambda folder, within: add_folder(
                    folder, ready.library, ready.index, ready.embedder, within
                )
            )

    def _connect(self) -> None:
        parts = self._parts
        parts.panel.rescan_wanted.connect(self.rescan)
        parts.panel.removal_wanted.connect(self.confirm_removal)
        parts.strip.pause_wanted.connect(self._pause)
        parts.strip.resume_wanted.connect(self._resume)
        parts.strip.cancel_wanted.connect(self._cancel)
        parts.status.problems_button.clicked.connect(self.problems.show)
        self.problems.retry_wanted.connect(self._retry)
        self.indexing.changed.connect(self._show_indexing)
        self.indexing.advanced.connect(self._advance)
        self.indexing.finished.connect(self._finish)
        self.indexing.failed.connect(self._fail)
        self.indexing.settled.connect(self._settle)
        self.reader.read.connect(self._show_facts)
        self.reader.failed.connect(self._tell)
        self.space.missing.connect(lambda missing: self.indexing.hold(wording.disk_full(missing)))
        self.space.there.connect(self.indexing.release)
        self._backup.timeout.connect(self._back_up)

    def _back_up(self) -> None:
        """On the worker that indexes, which can best spare a second."""
        if self._library is not None:
            self._engine.indexing.call(self._library.back_up, lambda _: None, self._tell)

    def _pause(self) -> None:
        self.indexing.pause()
        self._remember_pause()

    def _remember_pause(self) -> None:
        left_over = self.indexing.state.not_searchable
        self._preferences.change(indexing_paused=True, indexing_left_over=left_over)

    def _resume(self) -> None:
        self._preferences.change(indexing_paused=False, indexing_left_over=0)
        self.space.stop()
        self.indexing.resume()

    def _cancel(self) -> None:
        """Say what that means: the folders stay, and are looked at again at the next start."""
        self.space.stop()
        stopped = self.indexing.cancel()
        self._preferences.change(indexing_paused=False, indexing_left_over=0)
        self.reader.now()
        if stopped:
            self._parts.messages.tell(wording.cancelled(stopped), "Go on", self._adding(*stopped))

    def _retry(self) -> None:
        self.problems.close()
        self.rescan_as_asked()

    def _show_indexing(self, state: IndexingState) -> None:
        self._parts.strip.show_state(state)
        self.changed.emit()

    def _advance(self, progress: Progress) -> None:
        if progress.photos:
            self.space.it_went_on()
            self.photos_came.emit(progress.photos)
        if progress.photos or progress.problems:
            self.reader.soon()

    def _finish(self, folder: Path, summary: IndexSummary) -> None:
        self.reader.now()
        added, asked = folder in self._added, folder in self._rescanned
        self._added.discard(folder)
        self._rescanned.discard(folder)
        if summary.photos == 0 and not summary.unreadable and added:
            self._parts.messages.tell(f"{folder}: no photos were found in it. {wording.FORMATS}")
        elif summary.indexed or summary.removed or summary.moved or asked:
            again = summary.indexed > 0 and self._parts.results_model.shows_hits
            hint = "  ·  Enter in the words searches these too" if again else ""
            self._parts.status.tell(wording.summary(folder, summary) + hint)
        if summary.removed or summary.moved:
            self.photos_went.emit()

    def _settle(self) -> None:
        self.reader.now()
        self.photos_went.emit()  # or came

    def _fail(self, folder: Path, error: Exception) -> None:
        self.reader.now()
        if isinstance(error, NoSpace) and self._library is not None:
            self.indexing.hold(wording.disk_full(0), folder)
            self.space.start(self._library)  # it goes on by itself
            return
        if isinstance(error, ServerGone):
            self.indexing.hold(server_wording.GONE_HELD, folder)  # likewise
            return
        action, remedy = "Try again", self._adding(folder)
        if isinstance(error, LibraryProblem | ModelProblem):
            # the next folder would fail as well; nothing is lost by waiting
            self.indexing.pause()
            self.indexing.add(folder)
            action, remedy = "Go on", self.indexing.resume
        self._parts.messages.complain(wording.in_words(error), action, remedy)

    def _adding(self, *folders: Path) -> Callable[[], None]:
        def add_them() -> None:
            for folder in folders:
                self.add(folder)

        return add_them

    def _show_facts(self, facts: LibraryFacts) -> None:
        before, self.facts = self.facts, facts
        if before.away != facts.away and before.folders:
            self.photos_went.emit()  # or came: with their drive
            back = before.away - facts.away
            for folder in facts.folders:
                if not back.isdisjoint(place.id for place in folder.places):
                    self.indexing.add(folder.path)  # it may have changed meanwhile
        self._parts.panel.show_folders(facts.folders, facts.photos)
        self._parts.status.show_problem_count(len(facts.problems))
        self.problems.show_problems(facts.problems)
        self.changed.emit()
