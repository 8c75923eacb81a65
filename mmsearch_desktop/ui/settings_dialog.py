"""What the person can set, edited in a dialog that does not stop the window."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from mmsearch_desktop.settings import Settings, Theme
from mmsearch_desktop.ui.dialog_buttons import dialog_buttons
from mmsearch_desktop.ui.judging_settings import JudgingSettings
from mmsearch_desktop.ui.results_view import LARGEST_PICTURE, SMALLEST_PICTURE
from mmsearch_desktop.ui.server_settings import ServerSettings
from mmsearch_desktop.ui.theme import plain_label

if TYPE_CHECKING:
    from collections.abc import Sequence

_THEMES = {Theme.SYSTEM: "As the desktop", Theme.LIGHT: "Light", Theme.DARK: "Dark"}


class SettingsDialog(QDialog):
    """Tells the changed settings when they are accepted; keeps nothing itself.

    Where the vectors are is no part of them: they have to be moved before that is so.
    """

    chosen = Signal(object)  # Settings

    def __init__(
        self,
        settings: Settings,
        embedders: Sequence[tuple[str, str]],
        parent: QWidget | None = None,
        *,
        judges: Sequence[tuple[str, str]] = (),
        judging_note: str = "",
    ) -> None:
        """`embedders`: name and label of what can be chosen; a folder may be typed as well.

        So with `judges`; `judging_note` says how judging would go here.
        """
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings = settings
        self.judging = JudgingSettings(judges, judging_note)
        self.server = ServerSettings()
        self._make_controls(embedders)
        self._build()
        self._show_settings(settings)

    def settings(self) -> Settings:
        """The settings as the controls say."""
        library = self.library.text().strip()
        typed = self.embedder.currentText().strip()
        known = self.embedder.findText(typed)
        embedder = self.embedder.itemData(known) if known >= 0 else typed
        return dataclasses.replace(
            self.judging.settings(self._settings),
            library="" if library == str(Settings().library_folder) else library,
            embedder=embedder or self._settings.embedder,
            offline=self.offline.isChecked(),
            theme=Theme(self.theme.currentData()),
            thumbnail_pixels=self.thumbnail_pixels.value(),
            thumbnails_gigabytes=self.thumbnails_gigabytes.value(),
            limit=self.limit.value(),
            show_query_picture=self.show_query_picture.isChecked(),
            watch_folders=self.watch_folders.isChecked(),
        )

    def accept(self) -> None:
        if not self.server.is_sound():
            self._tabs.setCurrentWidget(self.server)
            return
        self.chosen.emit(self.settings())
        super().accept()

    def _make_controls(self, embedders: Sequence[tuple[str, str]]) -> None:
        self.library = QLineEdit()
        self.library.setAccessibleName("Folder of the library")
        self.browse = QPushButton("C&hange…")
        self.browse.setAccessibleName("Change the folder of the library")
        self.browse.clicked.connect(self._choose_library)
        self.embedder = QComboBox(editable=True)
        self.embedder.setAccessibleName("Model")
        self.embedder.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for name, label in embedders:
            self.embedder.addItem(label, name)
        self.theme = QComboBox()
        self.theme.setAccessibleName("Colours")
        for theme, label in _THEMES.items():
            self.theme.addItem(label, theme.value)
        self.thumbnail_pixels = QSlider(Qt.Orientation.Horizontal)
        self.thumbnail_pixels.setMinimumHeight(28)
        self.thumbnail_pixels.setRange(SMALLEST_PICTURE, LARGEST_PICTURE)
        self.thumbnail_pixels.setAccessibleName("Size of the thumbnails")
        self.thumbnails_gigabytes = QSpinBox(minimum=1, maximum=1000, suffix=" GB")
        self.thumbnails_gigabytes.setAccessibleName("Space for thumbnails")
        self.thumbnails_gigabytes.setToolTip(
            "1 GB holds those of about 50,000 photos. Others are drawn again when they are shown."
        )
        self.thumbnails_gigabytes.lineEdit().setTextMargins(7, 0, 0, 0)
        self.limit = QSpinBox(minimum=1, maximum=1000)
        self.limit.setAccessibleName("Photos shown for a search")
        self.limit.lineEdit().setTextMargins(7, 0, 0, 0)  # a style sheet cannot reach it
        self.offline = QCheckBox("&Offline: never fetch anything, even when asked to")
        self.show_query_picture = QCheckBox("Show the &query picture and its copies among the hits")
        self.watch_folders = QCheckBox("Watch &folders for new photos")

    def _build(self) -> None:
        library = QHBoxLayout()
        library.setSpacing(8)
        library.addWidget(self.library, 1)
        library.addWidget(self.browse)
        general = QWidget()
        form = QFormLayout(general)
        form.setContentsMargins(2, 16, 2, 2)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignVCenter)
        form.setVerticalSpacing(12)
        form.setHorizontalSpacing(16)
        form.addRow("&Library", library)
        form.labelForField(library).setBuddy(self.library)  # type: ignore[attr-defined] # a QLabel
        note = "Used from the next start. Photos stay where they are."
        form.addRow("", plain_label(note, "Muted"))
        form.addRow("&Model", self.embedder)
        form.addRow("&Colours", self.theme)
        form.addRow("&Thumbnails", self.thumbnail_pixels)
        form.addRow("Thumbnail s&pace", self.thumbnails_gigabytes)
        form.addRow("&Hits shown", self.limit)
        form.addRow("", self.show_query_picture)
        form.addRow("", self.watch_folders)
        form.addRow("", self.offline)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 20, 22, 18)
        column.setSpacing(18)
        tabs = self._tabs = QTabWidget(documentMode=True)
        tabs.addTab(general, "Search and &window")
        tabs.addTab(self.judging, "&Judging")
        tabs.addTab(self.server, "Vector &index")
        column.addWidget(tabs)
        column.addLayout(dialog_buttons(self, "&Save"))
        self.setMinimumWidth(600)

    def _show_settings(self, settings: Settings) -> None:
        self.judging.show_settings(settings)
        self.server.show_settings(settings)
        self.library.setText(str(settings.library_folder))
        known = self.embedder.findData(settings.embedder)
        if known >= 0:
            self.embedder.setCurrentIndex(known)
        else:
            self.embedder.setEditText(settings.embedder)
        self.theme.setCurrentIndex(self.theme.findData(settings.theme.value))
        self.thumbnail_pixels.setValue(settings.thumbnail_pixels)
        self.thumbnails_gigabytes.setValue(settings.thumbnails_gigabytes)
        self.limit.setValue(settings.limit)
        self.offline.setChecked(settings.offline)
        self.show_query_picture.setChecked(settings.show_query_picture)
        self.watch_folders.setChecked(settings.watch_folders)

    def _choose_library(self) -> None:
        chooser = QFileDialog(self, "Folder of the library", self.library.text())
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.fileSelected.connect(lambda chosen: self.library.setText(str(Path(chosen))))
        chooser.open()
