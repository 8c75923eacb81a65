"""A whole window on a library of its own, with an embedder that sees colours and a quick index."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.settings import Settings, models_folder
from mmsearch_desktop.ui.desktop import Desktop
from mmsearch_desktop.ui.engine import Engine, Services, standard_services
from mmsearch_desktop.ui.main_window import MainWindow
from mmsearch_desktop.ui.preferences import Overrides, Preferences
from mmsearch_desktop.ui.results_model import PATH_ROLE
from mmsearch_desktop.ui.theme import Appearance
from tests.fakes import ColourEmbedder, flat_picture
from tests.library.memory_index import MemoryIndex
from tests.ui import qt_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from PIL import Image
    from PySide6.QtGui import QImage

    from mmsearch_desktop.domain import Embedder, VectorSpace
    from mmsearch_desktop.search.samples import Samples


class QuickLibrary(Library):
    """A real library, but for its index, which is quick to open."""

    def open_index(self, space: VectorSpace) -> MemoryIndex:  # type: ignore[override] # see above
        return MemoryIndex(space)


class RememberingDesktop(Desktop):
    """Opens nothing; remembers what it was to open."""

    def __init__(self) -> None:
        self.opened: list[Path] = []
        self.shown: list[Path] = []
        self.image: QImage | None = None

    def open_file(self, path: Path) -> bool:
        self.opened.append(path)
        return True

    def show_in_folder(self, path: Path) -> bool:
        self.shown.append(path)
        return True


@dataclass
class Rig:
    """How the window is made; a test changes what it is about."""

    library: Path
    # a folder is watched only where that is what a test is about
    settings: Settings = field(default_factory=lambda: Settings(watch_folders=False))
    open_embedder: Callable[[str], Embedder] = lambda _choice: ColourEmbedder(batch_size=2)
    services: dict[str, object] = field(default_factory=dict)  # instead of the real ones
    folders: Sequence[Path] = ()
    samples: Samples | None = None
    overrides: Overrides = field(default_factory=Overrides)
    desktop: RememberingDesktop = field(default_factory=RememberingDesktop)
    saved: list[Settings] = field(default_factory=list)

    @contextmanager
    def window(self) -> Iterator[MainWindow]:
        """Shown and started; closed at the end as a person would."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        preferences = Preferences(self.settings, self.overrides, self.saved.append)
        window = MainWindow(
            Engine(self._services()),
            preferences,
            Appearance(application, self.settings.theme),
            self.desktop,
            models_folder=models_folder(),
            folders=self.folders,
            samples=self.samples,
        )
        window.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, on=False)
        window.show()
        window.start()
        try:
            yield window
        finally:
            window.close()
            window.deleteLater()

    def _open_embedder(self, choice: str) -> Embedder:
        return self.open_embedder(choice)  # asked each time: a test may change it meanwhile

    def _services(self) -> Services:
        ours: dict[str, object] = {
            "open_library": lambda _folder: QuickLibrary(self.library),
            "open_embedder": self._open_embedder,
            "device_name": lambda: "processor",
            "require_room": lambda _choice: None,
            "give_memory_back": lambda: None,
        }
        real = standard_services(models_folder())
        return dataclasses.replace(real, **(ours | self.services))  # type: ignore[arg-type]


def coloured_photos(folder: Path, *colours: str) -> list[Path]:
    """One photo of each colour, named after it; PNG, so that the colours are exact."""
    folder.mkdir(parents=True, exist_ok=True)
    return [save(flat_picture(colour), folder / f"{colour}.png") for colour in colours]


def save(picture: Image.Image, path: Path) -> Path:
    picture.save(path)
    return path


def shown_names(window: MainWindow) -> list[str]:
    model = window.parts.results_model
    return [model.index(row).data(PATH_ROLE).name for row in range(model.rowCount())]


def shows_hits(window: MainWindow) -> bool:
    return window.parts.results_model.shows_hits


def is_idle(window: MainWindow) -> bool:
    """Ready, and nothing is being indexed."""
    state = window.folders.indexing.state
    return state.prepared and not state.has_work


def page(window: MainWindow) -> QWidget:
    shown = window.parts.pages.currentWidget()
    assert shown is not None
    return shown


def type_words(window: MainWindow, words: str) -> None:
    window.parts.query_bar.words.setFocus()
    window.parts.query_bar.words.selectAll()
    qt_events.type_text(window.parts.query_bar.words, words)
