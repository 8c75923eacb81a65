"""What the desktop does for the window: opens a photo, shows a file in its folder, holds copies.

Sources: freedesktop's FileManager1 interface; `explorer /select,`; `open -R`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QProcess, QUrl
from PySide6.QtDBus import QDBusConnection, QDBusMessage
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage

from mmsearch_desktop.ui.results_model import WrittenPaths, mime_data_of

if TYPE_CHECKING:
    from pathlib import Path


class Desktop:
    """The person's own desktop; the tests have one that only remembers."""

    def open_file(self, path: Path) -> bool:
        """Open it with the program the person chose for such files. False where none is."""
        return QDesktopServices.openUrl(QUrl(path.as_uri()))

    def show_in_folder(self, path: Path) -> bool:
        """Open the folder with the file marked where the file manager can do that."""
        if sys.platform == "win32":
            return _start("explorer", "/select,", str(path))
        if sys.platform == "darwin":
            return _start("open", "-R", str(path))
        return _ask_file_manager(path) or self.open_file(path if path.is_dir() else path.parent)

    def copy_paths(self, paths: WrittenPaths) -> None:
        """As text, one a line, and as files."""
        QGuiApplication.clipboard().setMimeData(mime_data_of(paths))

    def copy_image(self, path: Path, image: QImage) -> None:
        """As picture data and as the file."""
        mime = QMimeData()
        mime.setImageData(image)
        mime.setUrls([QUrl(path.as_uri())])
        QGuiApplication.clipboard().setMimeData(mime)

    def copy_text(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)


def _start(program: str, *arguments: str) -> bool:
    started = QProcess.startDetached(program, list(arguments))
    # the stubs say bool, Qt for Python returns (started, process id)
    return bool(started[0]) if isinstance(started, tuple) else bool(started)


def _ask_file_manager(path: Path) -> bool:
    bus = QDBusConnection.sessionBus()
    service = "org.freedesktop.FileManager1"
    if not bus.isConnected():
        return False
    known = bus.interface()
    if not known.isServiceRegistered(service).value() and (
        service not in known.activatableServiceNames().value()
    ):
        return False
    call = QDBusMessage.createMethodCall(
        service, "/org/freedesktop/FileManager1", service, "ShowItems"
    )
    call.setArguments([[path.as_uri()], ""])
    return bool(bus.send(call))
