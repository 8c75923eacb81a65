"""The window: which page it shows, what is dropped on it, its menus and dialogs, and its end."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtWidgets import QFileDialog, QMainWindow, QWidget

from mmsearch_desktop.domain import LibraryProblem, WeightsMissing
from mmsearch_desktop.models.judge_offers import JUDGES, SAMPLE_JUDGE
from mmsearch_desktop.models.offers import OFFERS, SAMPLE, Offer
from mmsearch_desktop.settings import Settings
from mmsearch_desktop.ui import judging_connections, wording
from mmsearch_desktop.ui.about import AboutDialog, licences_folder, read_parts
from mmsearch_desktop.ui.details_desk import DetailsDesk
from mmsearch_desktop.ui.drops import Drops
from mmsearch_desktop.ui.fetching import Fetching
from mmsearch_desktop.ui.folders_desk import FoldersDesk
from mmsearch_desktop.ui.menus import Entry, ShortcutsDialog, build_menus
from mmsearch_desktop.ui.models_desk import ModelsDesk, choose_folder
from mmsearch_desktop.ui.photo_actions import PhotoActions
from mmsearch_desktop.ui.pictures_in import Given, Received, read
from mmsearch_desktop.ui.sample_desk import SampleDesk
from mmsearch_desktop.ui.search_desk import SearchDesk
from mmsearch_desktop.ui.server_desk import ServerDesk
from mmsearch_desktop.ui.settings_dialog import SettingsDialog
from mmsearch_desktop.ui.spaces_desk import SpacesDesk
from mmsearch_desktop.ui.switching_desk import SwitchingDesk
from mmsearch_desktop.ui.watching import WatchingDesk
from mmsearch_desktop.ui.window_parts import lay_out, make_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import (
        QCloseEvent,
        QKeyEvent,
        QResizeEvent,
    )

    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.search.samples import Samples
    from mmsearch_desktop.ui.desktop import Desktop
    from mmsearch_desktop.ui.engine import Engine, Ready
    from mmsearch_desktop.ui.preferences import Preferences
    from mmsearch_desktop.ui.theme import Appearance
    from mmsearch_desktop.ui.thumbnail_loader import ThumbnailLoader

_NARROW_PIXELS = 760
_GEOMETRY = "window_geometry"  # kept with the settings, as a name of the window's own


class MainWindow(QMainWindow):
    """Everything slow is asked of workers; `start` sets it going after the window is shown."""

    def __init__(
        self,
        engine: Engine,
        preferences: Preferences,
        appearance: Appearance,
        desktop: Desktop,
        *,
        models_folder: Path,
        folders: Sequence[Path] = (),
        samples: Samples | None = None,
    ) -> None:
        """`folders`: to be indexed as soon as that can be done. `samples`: what may be tried."""
        super().__init__()
        self._engine, self._preferences, self._appearance = engine, preferences, appearance
        self._loader: ThumbnailLoader | None = None
        self._is_ready = self._model_missing = False
        self._models_shown = False  # asked for, or needed
        self._library_in_trouble = False
        self._panel_wanted: bool | None = None  # None: as the width allows
        settings = preferences.settings
        self.parts = make_parts(settings.mode, settings.thumbnail_pixels, models_folder)
        self.folders = FoldersDesk(self.parts, engine, preferences, self)
        self.search = SearchDesk(self.parts, engine, preferences)
        self.judging = judging_connections.make_judging(
            self.parts, engine, preferences, self.search
        )
        self.details = DetailsDesk(self.parts, preferences, engine.housekeeping)
        fetching = Fetching(engine.models)
        self.models = ModelsDesk(self.parts.models_page, fetching, engine.services, preferences)
        self.switching = SwitchingDesk(
            self.parts, engine, preferences, folders=self.folders, search=self.search
        )
        self.spaces = SpacesDesk(self.parts, engine, self.switching, self)
        self.samples = SampleDesk(
            samples, self.parts, engine, preferences,
            folders=self.folders, search=self.search, models=self.models, switching=self.switching,
        )  # fmt: skip
        self.photo_actions = PhotoActions(engine.housekeeping, desktop)
        self.watching = WatchingDesk(self.parts, self.folders, on=settings.watch_folders)
        self.drops = Drops(self, self.parts)
        self._put_together()
        self.server = ServerDesk(
            self.parts, engine, preferences,
            folders=self.folders, search=self.search, switching=self.switching,
        )  # fmt: skip
        self.server.prepare_wanted.connect(self._prepare_again)
        for folder in folders:
            self.folders.add(folder)
        self._restore_geometry(settings)
        self._renew_page()

    # -- starting, and another model -------------------------------------------------------

    def start(self) -> None:
        """Open the library, then the model. Returns at once."""
        self.parts.query_bar.words.setFocus()
        self.models.renew()
        self._open_library()

    def report(self, error: Exception) -> None:
        """Tell of an error, expected or not: quietly, in the window."""
        self.parts.messages.complain(wording.in_words(error))

    def _open_library(self) -> None:
        self._library_in_trouble = False
        self._renew_page()
        self.parts.status.tell("Opening the library…")
        self._engine.open_library(self._preferences.library_folder)

    def _library_opened(self, library: Library) -> None:
        from mmsearch_desktop.library.decoders import picture_of
        from mmsearch_desktop.ui.thumbnail_loader import ThumbnailLoader

        self._loader = ThumbnailLoader(library.thumbnails, make_missing=picture_of)
        self._loader.limit_to(self._preferences.settings.thumbnails_bytes)
        self.folders.photos_went.connect(self._loader.try_again)  # or came, with their drive
        self.parts.results_model.set_loader(self._loader)
        self.folders.open(library)
        self.watching.open(library)
        self.search.open(library.catalogue)
        if library.notices:
            self.parts.messages.complain(" ".join(library.notices))
        self._prepare()

    def _library_failed(self, error: Exception) -> None:
        self._library_in_trouble = True
        self.parts.trouble.show_trouble(wording.trouble_title(error), wording.in_words(error))
        self.parts.status.tell("")
        self._renew_page()

    def _prepare(self) -> None:
        self.parts.status.show_model("Getting the model ready…")
        self._engine.prepare(self._preferences.embedder)

    def _prepare_again(self) -> None:
        """Another model is wanted, or its files have come: leave the one before."""
        self._models_shown = self._model_missing = self._is_ready = False
        self.switching.leave()
        self.folders.stop()
        self.search.stop()
        self.judging.make_room()
        self._prepare()
        self._renew_page()

    def _model_ready(self, ready: Ready) -> None:
        self._models_shown = self._models_shown and self._is_ready  # another one took its place
        self._is_ready, self._model_missing = True, False
        self.parts.status.show_model(f"{_title_of(ready.embedder.name)}  ·  {ready.device}")
        self.models.renew("")
        self.search.start(ready)
        self.folders.start(ready)
        self._renew_page()

    def _model_not_ready(self, error: Exception) -> None:
        if isinstance(error, LibraryProblem):  # the model is there, its index is not
            self.parts.status.show_model("No search")
            self.parts.messages.complain(wording.in_words(error), "Try again", self._prepare_again)
            return
        self._model_missing = True
        self.parts.status.show_model("No model")
        is_offer = any(offer.name == self._preferences.embedder for offer in OFFERS)
        plain = is_offer and isinstance(error, WeightsMissing)  # the page itself says the rest
        self.models.renew(wording.MODEL_NEEDED if plain else wording.in_words(error))
        self._renew_page()

    def _model_came(self, offer: Offer) -> None:
        if not self._is_ready and offer.name == self._preferences.embedder:
            self._prepare_again()
        else:
            self.parts.messages.tell(f"{offer.title} is on this computer now.")

    # -- what is dropped, pasted or chosen -------------------------------------------------

    def receive(self, given: Given) -> None:
        """Look at it on a worker, then add folders, search with a picture, or with words."""
        self._engine.housekeeping.call(lambda: read(given), self._received, self.report)

    def search_with(self, path: Path) -> None:
        self.receive(Given(paths=(path,)))

    def _received(self, received: Received) -> None:
        for folder in received.folders:
            self.add_folder(folder)
        if received.picture is not None:
            self.parts.query_bar.set_picture(received.picture)
        if received.words:
            self.parts.query_bar.set_words(received.words)
        if received.notices:
            self.parts.messages.complain(" ".join(received.notices))

    def add_folder(self, folder: Path) -> None:
        self._leave_models_if_ready()
        self.folders.add(folder)
        self.samples.warn_of(folder)

    def _choose_folder(self) -> None:
        choose_folder(QFileDialog(self, "Add a folder of photos"), self.add_folder)

    def _choose_picture(self) -> None:
        chooser = QFileDialog(self, "Search with a picture")
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.fileSelected.connect(lambda name: self.search_with(Path(name)))
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()

    # -- pages and dialogs -----------------------------------------------------------------

    def _renew_page(self) -> None:
        page, notices = self._right_page(), self.parts.notices
        self.parts.pages.setCurrentWidget(page)
        notices.setVisible(bool(notices.text()) and page is self.parts.results)

    def _right_page(self) -> QWidget:
        parts = self.parts
        if self._library_in_trouble:
            return parts.trouble
        if self._models_shown or (self._model_missing and not self._may_try_samples()):
            return parts.models_page
        is_empty = parts.results_model.rowCount() == 0 and self.folders.facts.photos == 0
        return parts.drop_zone if is_empty and self.search.nothing_is_asked else parts.results

    def _may_try_samples(self) -> bool:
        """At the very first, when the start page says more than that of the models."""
        return self.samples.may_be_tried and self.search.nothing_is_asked

    def show_models(self) -> None:
        self.models.renew()
        self._models_shown = True
        self._renew_page()
        self.parts.models_page.back_button.setFocus()

    def _leave_models(self) -> None:
        self._models_shown = self._model_missing = False
        self._renew_page()

    def _go_back(self) -> None:
        if self.parts.pages.currentWidget() is self.parts.models_page:
            self._leave_models()
        else:
            self.parts.query_bar.clear()

    def _leave_models_if_ready(self) -> None:
        """Without a model the page stays: it says what everything waits for."""
        self._models_shown = self._models_shown and not self._is_ready
        self._renew_page()

    def _choose_scope(self) -> None:
        self.search.ask_again()
        self._leave_models()

    def show_settings(self) -> None:
        shipped = self.models.shipped
        embedders = [(offer.name, offer.title) for offer in (*OFFERS, *shipped(SAMPLE))]
        judges = [(offer.name, offer.title) for offer in (*JUDGES, *shipped(SAMPLE_JUDGE))]
        note = judging_connections.note(self.judging)
        dialog = SettingsDialog(
            self._preferences.effective, embedders, self, judges=judges, judging_note=note
        )
        dialog.chosen.connect(self.apply_settings)
        self.server.attend(dialog)
        dialog.open()

    def apply_settings(self, chosen: Settings) -> None:
        before = self._preferences.effective
        names = [field.name for field in dataclasses.fields(Settings) if field.compare]
        different = {name for name in names if getattr(chosen, name) != getattr(before, name)}
        if not different:
            return
        changes = {name: getattr(chosen, name) for name in different - {"embedder"}}
        self._preferences.change(**changes)
        self._appearance.choose(chosen.theme)
        self.parts.results.set_picture_pixels(chosen.thumbnail_pixels)
        self.models.renew()
        if self._loader is not None and "thumbnails_gigabytes" in different:
            self._loader.limit_to(chosen.thumbnails_bytes)
        if "library" in different:
            self._library_chosen()
        if "embedder" in different:
            self.switching.choose(chosen.embedder)
        self.judging.choices_changed(different)
        self.watching.switch(on=chosen.watch_folders)
        if different & {"limit", "show_query_picture"}:
            self.search.ask_again()

    def _library_chosen(self) -> None:
        if self._library_in_trouble:
            self._open_library()
        else:
            self.parts.messages.tell("The other library folder is used from the next start.")

    def _show_shortcuts(self) -> None:
        ShortcutsDialog(self._menus(), self).open()

    def show_about(self) -> None:
        AboutDialog(read_parts(licences_folder()), self).open()

    # -- how it is put together ------------------------------------------------------------

    def _put_together(self) -> None:
        self.setWindowTitle("mmsearch-desktop")
        self.setCentralWidget(lay_out(self.parts))
        self.setStatusBar(self.parts.status)
        build_menus(self, self._menus())
        self._connect_parts()
        self._connect_desks()
        self._connect_photo_actions()

    def _menus(self) -> Sequence[tuple[str, Sequence[Entry]]]:
        bar = self.parts.query_bar
        file = (
            Entry("&Add folder…", self._choose_folder, "Ctrl+O"),
            Entry("&Rescan all folders", self.folders.rescan_as_asked, "F5"),
            Entry(),
            Entry("&Settings…", self.show_settings, "Ctrl+,"),
            Entry(),
            Entry("&Quit", self.close, "Ctrl+Q"),
        )
        search = (
            Entry("To the &words", bar.focus_words, "Ctrl+L", also="Ctrl+F"),
            Entry("With a picture &file…", self._choose_picture, "Ctrl+Shift+O"),
            Entry("&Paste", bar.words.paste_anything, "Ctrl+V"),
            Entry("&Days of the photos", bar.days.open_menu, "Ctrl+D"),
            Entry("&Clear", bar.clear, "Ctrl+Shift+Backspace"),
            Entry(),
            *judging_connections.entries(self.judging),
        )
        view = (
            Entry("&Folders", self._toggle_panel, "F9"),
            Entry("&Details", self.details.toggle, "F4"),
            Entry("&Models", self.show_models, "Ctrl+M"),
            Entry("&Problems", self.folders.problems.show, "Ctrl+P"),
        )
        about = (
            Entry("&Shortcuts", self._show_shortcuts, "F1"),
            Entry(),
            Entry("&About mmsearch-desktop", self.show_about),
        )
        return (("&File", file), ("&Search", search), ("&View", view), ("&Help", about))

    def _connect_parts(self) -> None:
        parts = self.parts
        parts.drop_zone.choose_wanted.connect(self._choose_folder)
        parts.panel.add_wanted.connect(self._choose_folder)
        parts.panel.scope_chosen.connect(self._choose_scope)
        parts.panel.models_wanted.connect(self.show_models)
        parts.panel.settings_wanted.connect(self.show_settings)
        parts.query_bar.given.connect(self.receive)
        parts.query_bar.file_wanted.connect(self._choose_picture)
        parts.query_bar.sidebar_toggled.connect(self._toggle_panel)
        parts.query_bar.left_downwards.connect(parts.results.setFocus)
        self.drops.dropped.connect(self.receive)
        parts.trouble.retry_wanted.connect(self._open_library)
        parts.trouble.other_wanted.connect(self.show_settings)
        parts.models_page.back_wanted.connect(self._leave_models)
        parts.results.search_with_requested.connect(self.search_with)
        parts.results.text_typed.connect(parts.query_bar.type_words)
        parts.results.picture_pixels_changed.connect(self._keep_picture_size)

    def _connect_desks(self) -> None:
        engine, folders, models = self._engine, self.folders, self.models
        self.samples.models_wanted.connect(self.show_models)
        self.samples.photos_wanted.connect(self._leave_models_if_ready)
        self.samples.failed.connect(self.report)
        status, messages = self.parts.status, self.parts.messages
        engine.library_opened.connect(self._library_opened)
        engine.library_failed.connect(self._library_failed)
        engine.rebuilding.connect(lambda progress: status.show_model(wording.rebuilding(progress)))
        engine.ready.connect(self._model_ready)
        engine.not_ready.connect(self._model_not_ready)
        folders.changed.connect(self._renew_page)
        folders.photos_came.connect(self.search.browsing.add)
        folders.photos_went.connect(self.search.photos_went)
        self.search.changed.connect(self._renew_page)
        self.search.asked.connect(self._leave_models_if_ready)
        models.model_came.connect(self._model_came)
        models.model_came.connect(self.samples.model_came)
        judging_connections.connect_models(self.judging, models, self._preferences)
        models.embedder_wanted.connect(self.switching.choose)
        self.switching.changed.connect(models.renew)
        self.switching.at_once.connect(self._prepare_again)
        self.switching.room_wanted.connect(self.judging.make_room)
        self.spaces.failed.connect(self.report)
        models.told.connect(messages.tell)
        models.fetching_told.connect(status.show_fetching)
        models.folder_made.connect(self.photo_actions.open_photo)
        models.failed.connect(self.report)
        models.doubtful.connect(
            lambda error, act: messages.complain(wording.in_words(error), "Use it anyway", act)
        )
        self._preferences.not_saved.connect(self.report)

    def _connect_photo_actions(self) -> None:
        actions, results = self.photo_actions, self.parts.results
        results.open_requested.connect(actions.open_photo)
        results.show_in_folder_requested.connect(actions.show_in_folder)
        results.copy_path_requested.connect(actions.copy_paths)
        results.copy_image_requested.connect(actions.copy_image)
        self.parts.panel.show_wanted.connect(actions.show_in_folder)
        self.folders.problems.show_wanted.connect(actions.show_in_folder)
        self.folders.problems.copy_wanted.connect(actions.copy_text)
        actions.done.connect(self.parts.status.tell)
        actions.failed.connect(self.parts.messages.complain)

    # -- sizes -----------------------------------------------------------------------------

    def _keep_picture_size(self, pixels: int) -> None:
        self._preferences.change(thumbnail_pixels=pixels)

    def _toggle_panel(self) -> None:
        self._panel_wanted = not self.parts.panel.isVisible()
        self.parts.panel.setVisible(self._panel_wanted)

    def _restore_geometry(self, settings: Settings) -> None:
        self.setMinimumSize(560, 400)
        self.resize(QSize(1180, 780).boundedTo(self.screen().availableSize() * 0.94))
        stored = settings.other.get(_GEOMETRY)
        if isinstance(stored, str):
            self.restoreGeometry(QByteArray.fromBase64(stored.encode(errors="replace")))

    def _keep_geometry(self) -> None:
        encoded = base64.b64encode(bytes(self.saveGeometry().data())).decode()
        other = self._preferences.settings.other | {_GEOMETRY: encoded}
        self._preferences.change(other=other)

    # -- Qt's overrides --------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._panel_wanted is None:
            self.parts.panel.setVisible(self.width() >= _NARROW_PIXELS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._go_back()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Cancel, wait for the workers, close the stores: in this order, with the window gone."""
        self._keep_geometry()
        self.hide()
        self.models.fetching.cancel()
        self.server.close()
        self.judging.close()
        self.details.close()
        self.search.close()
        self.switching.close()
        self.watching.close()
        self.folders.close()
        if self._loader is not None:
            self.parts.results_model.set_loader(None)
            self._loader.close()
            self._loader = None
        self._engine.close()
        super().closeEvent(event)


def _title_of(model: str) -> str:
    return next((offer.title for offer in OFFERS if offer.name == model), model)
