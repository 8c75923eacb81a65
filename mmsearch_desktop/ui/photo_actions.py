"""What can be done with a photo outside the window: open it, show where it lies, copy it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.ui.pictures_in import full_image
from mmsearch_desktop.ui.results_model import WrittenPaths, written
from mmsearch_desktop.ui.wording import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PySide6.QtGui import QImage

    from mmsearch_desktop.ui.background import Worker
    from mmsearch_desktop.ui.desktop import Desktop


class PhotoActions(QObject):
    """Never writes to a photo. Whatever looks at the disk happens on the worker."""

    done = Signal(str)  # a sentence for the status bar
    failed = Signal(str)

    def __init__(self, worker: Worker, desktop: Desktop) -> None:
        super().__init__()
        self._worker = worker
        self._desktop = desktop

    def open_photo(self, path: Path) -> None:
        def open_it() -> None:
            if not self._desktop.open_file(path):
                self.failed.emit(f"No program was found that opens {path.name}.")

        self._if_there(path, open_it)

    def show_in_folder(self, path: Path) -> None:
        def show_it() -> None:
            if not self._desktop.show_in_folder(path):
                self.failed.emit(f"No file manager was found to show {path}.")

        self._if_there(path, show_it)

    def copy_paths(self, paths: Sequence[Path]) -> None:
        def copy(done: WrittenPaths) -> None:
            self._desktop.copy_paths(done)
            self.done.emit("Path copied" if done.count == 1 else f"{done.count:,} paths copied")

        self._worker.call(lambda: written(paths), on_result=copy, on_error=self._tell)

    def copy_text(self, text: str) -> None:
        self._desktop.copy_text(text)
        self.done.emit("List copied")

    def copy_image(self, path: Path) -> None:
        def copy(image: QImage) -> None:
            self._desktop.copy_image(path, image)
            self.done.emit(f"{path.name} copied")

        self._worker.call(lambda: full_image(path), on_result=copy, on_error=self._tell)

    def _if_there(self, path: Path, act: Callable[[], None]) -> None:
        """A drive that sleeps or is away may take long to say so."""

        def answer(there: bool) -> None:
            if there:
                act()
            else:
                self.failed.emit(f"{path} is not there. Its drive may be away, or it was moved.")

        self._worker.call(path.exists, on_result=answer, on_error=self._tell)

    def _tell(self, error: Exception) -> None:
        self.failed.emit(in_words(error))
