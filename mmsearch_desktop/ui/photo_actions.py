"""What can be done with a photo outside the window: open it, show where it lies, copy it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.ui.pictures_in import full_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmsearch_desktop.ui.background import Worker
    from mmsearch_desktop.ui.desktop import Desktop


class PhotoActions(QObject):
    """Never writes to a photo. Reading one for the clipboard happens on the worker."""

    done = Signal(str)  # a sentence for the status bar
    failed = Signal(str)

    def __init__(self, worker: Worker, desktop: Desktop) -> None:
        super().__init__()
        self._worker = worker
        self._desktop = desktop

    def open_photo(self, path: Path) -> None:
        if self._is_there(path) and not self._desktop.open_file(path):
            self.failed.emit(f"No program was found that opens {path.name}.")

    def show_in_folder(self, path: Path) -> None:
        if self._is_there(path) and not self._desktop.show_in_folder(path):
            self.failed.emit(f"No file manager was found to show {path}.")

    def copy_paths(self, paths: Sequence[Path]) -> None:
        self._desktop.copy_paths(paths)
        self.done.emit("Path copied" if len(paths) == 1 else f"{len(paths)} paths copied")

    def copy_text(self, text: str) -> None:
        self._desktop.copy_text(text)
        self.done.emit("List copied")

    def copy_image(self, path: Path) -> None:
        def copied(image: object) -> None:
            self._desktop.copy_image(path, image)  # type: ignore[arg-type] # what full_image gave
            self.done.emit(f"{path.name} copied")

        self._worker.call(
            lambda: full_image(path),
            on_result=copied,
            on_error=lambda error: self.failed.emit(str(error)),
        )

    def _is_there(self, path: Path) -> bool:
        there = path.exists()
        if not there:
            self.failed.emit(f"{path} is not there. Its drive may be away, or it was moved.")
        return there
