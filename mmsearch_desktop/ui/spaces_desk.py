"""Carries out what is asked for in the list of spaces: use one, remove one after asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from mmsearch_desktop.models.offers import size_text
from mmsearch_desktop.ui import wording
from mmsearch_desktop.ui.spaces_list import SpaceState, SpaceUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmsearch_desktop.library.spaces import KeptSpace
    from mmsearch_desktop.ui.engine import Engine
    from mmsearch_desktop.ui.switching_desk import SwitchingDesk
    from mmsearch_desktop.ui.window_parts import WindowParts

_PATIENCE_MS = 1000


class SpacesDesk(QObject):
    """Reads the spaces anew when the page of models is shown, and when one comes or goes."""

    failed = Signal(object)  # Exception

    def __init__(
        self, parts: WindowParts, engine: Engine, switching: SwitchingDesk, window: QWidget
    ) -> None:
        super().__init__(window)
        self._parts, self._engine, self._switching = parts, engine, switching
        self._window = window
        spaces = parts.models_page.spaces
        spaces.use_wanted.connect(lambda kept: switching.choose(kept.name.choice))
        spaces.removal_wanted.connect(self.confirm_removal)
        switching.changed.connect(self.renew)
        parts.pages.currentChanged.connect(self._renew_if_shown)
        self._later = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._later.timeout.connect(self._renew_if_shown)
        switching.preparing.changed.connect(self._renew_soon)

    def renew(self) -> None:
        library, services = self._engine.library, self._engine.services
        if library is None:
            return
        self._engine.housekeeping.call(
            lambda: (services.kept_spaces(library), len(library.catalogue.content_ids())),
            lambda found: self._show(*found),
            self.failed.emit,
        )

    def _renew_if_shown(self) -> None:
        if self._parts.pages.currentWidget() is self._parts.models_page:
            self.renew()

    def _renew_soon(self) -> None:
        """One row counts up; within a second, however often this is called."""
        if not self._later.isActive():
            self._later.start()

    def confirm_removal(self, kept: KeptSpace) -> None:
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(wording.shown(f"Remove what was prepared for “{kept.name.title}”?"))
        told = (
            f"This frees {size_text(kept.size_bytes)}. To search with this model again, all"
            f" {wording.photos(kept.photos)} have to be prepared anew. The photos are not touched."
        )
        box.setInformativeText(wording.shown(told))
        box.setWindowTitle("Remove what was prepared")
        remove = box.addButton("&Remove", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton("&Keep", QMessageBox.ButtonRole.RejectRole))
        remove.clicked.connect(lambda: self.remove(kept))
        box.open()

    def remove(self, kept: KeptSpace) -> None:
        """On the worker of indexing, which alone writes to indexes."""
        library, services = self._engine.library, self._engine.services
        if library is None or self._use_of(kept) is not SpaceUse.KEPT:
            return
        serving = self._switching.serving
        space = None if serving is None else serving.embedder.space
        self._engine.indexing.call(
            lambda: services.remove_space(kept.space, library, space),
            lambda _: self._removed(kept),
            self.failed.emit,
        )

    def _removed(self, kept: KeptSpace) -> None:
        freed = size_text(kept.size_bytes)
        self._parts.messages.tell(f"What was prepared for {kept.name.title} is removed ({freed}).")
        self.renew()

    def _show(self, kept: Sequence[KeptSpace], photos: int) -> None:
        states = [SpaceState(one, self._use_of(one), photos) for one in kept]
        self._parts.models_page.spaces.show_spaces(states)

    def _use_of(self, kept: KeptSpace) -> SpaceUse:
        serving, preparing = self._switching.serving, self._switching.preparing
        if serving is not None and serving.embedder.space == kept.space:
            return SpaceUse.SERVING
        ready = preparing.ready
        is_next = ready is not None and ready.embedder.space == kept.space
        if is_next or (preparing.choice and preparing.choice == kept.name.choice):
            return SpaceUse.PREPARED
        return SpaceUse.KEPT
