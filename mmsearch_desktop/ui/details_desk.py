"""Keeps the details panel on the photo that the person is at, and loads its picture large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QObject, Qt, QTimer
from PySide6.QtGui import QImage

from mmsearch_desktop.ui import wording
from mmsearch_desktop.ui.results_model import HIT_ROLE, PHOTO_ROLE

if TYPE_CHECKING:
    from mmsearch_desktop.domain import Hit, Photo
    from mmsearch_desktop.ui.background import Task, Worker
    from mmsearch_desktop.ui.preferences import Preferences
    from mmsearch_desktop.ui.window_parts import WindowParts

_PAUSE_MS = 120  # photos that are only passed by are not read


class DetailsDesk(QObject):
    """Shows the current photo, or the first hit where none is chosen; nothing while hidden.

    The panel is shown beside the photos only, and only if the person wants it.
    """

    def __init__(self, parts: WindowParts, preferences: Preferences, worker: Worker) -> None:
        super().__init__()
        self._parts, self._preferences = parts, preferences
        self._panel, self._model, self._view = parts.details, parts.results_model, parts.results
        self._worker = worker
        self._loading: Task | None = None
        self._shown = ""  # sha256 of the photo whose picture is shown, or being loaded
        self._is_large = self._is_closed = False
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._load)
        model, view = self._model, self._view
        parts.pages.currentChanged.connect(self._show_or_hide)
        parts.query_bar.details_toggled.connect(self.toggle)
        self._panel.close_wanted.connect(self.toggle)
        view.selectionModel().currentChanged.connect(self.renew)
        model.modelReset.connect(self.renew)
        model.layoutChanged.connect(self.renew)
        model.rowsInserted.connect(self.renew)
        model.rowsRemoved.connect(self.renew)
        model.dataChanged.connect(self._changed)
        self._show_or_hide()

    def toggle(self) -> None:
        """Show or hide the panel, now and next time."""
        self._preferences.change(details_shown=not self._preferences.settings.details_shown)
        self._show_or_hide()

    def renew(self) -> None:
        """Show what the person is at now."""
        if self._panel.isHidden() or self._is_closed:
            return
        index = self._index()
        entry: Hit | Photo | None = index.data(HIT_ROLE) or index.data(PHOTO_ROLE)
        self._panel.show_entry(entry)
        self._show_picture(index)

    def close(self) -> None:
        """Show nothing new from now on."""
        self._is_closed = True
        self._forget()

    def _show_or_hide(self) -> None:
        beside_photos = self._parts.pages.currentWidget() is self._view
        self._panel.setVisible(beside_photos and self._preferences.settings.details_shown)
        if self._panel.isHidden():
            self._forget()
        else:
            self.renew()

    def _index(self) -> QModelIndex:
        current = self._view.currentIndex()
        if current.isValid() or not self._model.shows_hits:
            return current
        return self._model.index(0)

    def _changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if first.row() <= self._index().row() <= last.row():
            self.renew()

    def _show_picture(self, index: QModelIndex) -> None:
        photo = index.data(PHOTO_ROLE)
        if photo is None:
            self._forget()
            return
        if photo.sha256 != self._shown:
            self._forget()
            self._shown = photo.sha256
            self._panel.show_trouble("")
            self._panel.picture.show_shape(photo.width, photo.height)
            self._panel.picture.show_image(QImage())
            self._pause.start()
        small = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(small, QImage) and not self._is_large:
            self._panel.picture.show_image(small)

    def _forget(self) -> None:
        self._pause.stop()
        if self._loading is not None:
            self._loading.cancel()
            self._loading = None
        self._shown, self._is_large = "", False

    def _load(self) -> None:
        photo = self._index().data(PHOTO_ROLE)
        if photo is not None and not self._panel.isHidden():
            side = self._panel.picture_pixels
            self._loading = self._worker.call(
                lambda: _large(photo, side), self._show_large, self._tell_trouble
            )

    def _show_large(self, image: QImage) -> None:
        self._is_large = True
        self._panel.picture.show_image(image)

    def _tell_trouble(self, error: Exception) -> None:
        """The thumbnail stays."""
        self._panel.show_trouble(f"The photo itself cannot be shown. {wording.in_words(error)}")


def _large(photo: Photo, side_pixels: int) -> QImage:
    """So wide and at most as high and a little more. Runs on the worker."""
    from PIL import Image

    from mmsearch_desktop.library.decoders import picture_of
    from mmsearch_desktop.ui.thumbnail_loader import image_of

    picture = picture_of(photo, model_side_pixels=side_pixels // 2)
    picture.thumbnail((side_pixels, round(side_pixels * 1.2)), Image.Resampling.LANCZOS)
    return image_of(picture)
