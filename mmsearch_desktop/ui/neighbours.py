"""Two windows on one library: the second finds the first, gives it what it was given, shows it.

The first listens under a name made of the library's folder; whoever may write to the library may
ring there. One line goes each way: JSON with paths, and an answer. A first that hangs is still
connected to by the system, so that only an answer counts.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication

from mmsearch_desktop.domain import LibraryBusy
from mmsearch_desktop.library.milvus_engine import socket_folder
from mmsearch_desktop.ui.pictures_in import Given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.ui.engine import Engine
    from mmsearch_desktop.ui.main_window import MainWindow
    from mmsearch_desktop.ui.preferences import Preferences

_log = logging.getLogger("mmsearch.app")
_ANSWER = b"here\n"
_MOST_BYTES = 1_000_000  # of a line; paths of thousands of folders
_PATIENCE_MS = 5000


class Doorbell(QObject):
    """What the window that has the library open listens to."""

    rung = Signal(object)  # tuple[Path, ...]: what the other window was given

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._welcome)

    def listen(self, library: Path) -> None:
        """Only for whoever holds the library: what a killed one left there is taken away."""
        name = _name_of(library)
        QLocalServer.removeServer(name)
        if not self._server.listen(name):
            _log.warning("other windows cannot find this one (%s)", self._server.errorString())

    def close(self) -> None:
        self._server.close()

    def _welcome(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.setReadBufferSize(_MOST_BYTES)
            socket.readyRead.connect(lambda socket=socket: self._hear(socket))
            socket.disconnected.connect(socket.deleteLater)
            self._hear(socket)

    def _hear(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() >= _MOST_BYTES:
                socket.abort()
            return
        try:
            paths = tuple(Path(path) for path in json.loads(bytes(socket.readLine().data())))
        except (ValueError, TypeError):
            socket.abort()
            return
        socket.write(_ANSWER)
        socket.disconnectFromServer()
        self.rung.emit(paths)


class Ring(QObject):
    """One try to reach the window that has a library open; ends with one of its signals."""

    answered = Signal()
    silent = Signal()

    def __init__(
        self,
        library: Path,
        paths: Sequence[Path] = (),
        *,
        patience_ms: int = _PATIENCE_MS,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._message = json.dumps([os.path.abspath(path) for path in paths]).encode() + b"\n"  # noqa: PTH100 - links stay
        self._over = False
        self._socket = QLocalSocket(self)
        self._socket.connected.connect(lambda: self._socket.write(self._message))
        self._socket.readyRead.connect(self._hear)
        self._socket.errorOccurred.connect(lambda _: self._end(self.silent))
        QTimer.singleShot(patience_ms, self, lambda: self._end(self.silent))
        QTimer.singleShot(0, self, lambda: self._socket.connectToServer(_name_of(library)))

    def _hear(self) -> None:
        if self._socket.canReadLine():
            right = bytes(self._socket.readLine().data()) == _ANSWER
            self._end(self.answered if right else self.silent)

    def _end(self, how: object) -> None:
        if not self._over:
            self._over = True
            how.emit()  # type: ignore[attr-defined] # one of the two signals above
            self.deleteLater()


class Neighbours(QObject):
    """Makes a window findable while it has the library, or finds the one that has."""

    def __init__(
        self,
        window: MainWindow,
        engine: Engine,
        preferences: Preferences,
        given: Sequence[Path] = (),
        *,
        patience_ms: int = _PATIENCE_MS,
    ) -> None:
        """`given`: folders and pictures named on the command line."""
        super().__init__(window)
        self._window, self._preferences = window, preferences
        self._given, self._patience_ms = tuple(given), patience_ms
        self._doorbell = Doorbell(self)
        self._doorbell.rung.connect(self._receive)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._doorbell.close)
        engine.library_opened.connect(self._listen)
        engine.library_failed.connect(self._find_first)
        window.parts.trouble.first_wanted.connect(self._show_first)

    def _listen(self, library: Library) -> None:
        self._doorbell.listen(library.folder)

    def _receive(self, paths: tuple[Path, ...]) -> None:
        if paths:
            self._window.receive(Given(paths=paths))
        bring_to_front(self._window)

    def _find_first(self, error: Exception) -> None:
        """Give it what this window was given, which then has nothing to do any more."""
        if not isinstance(error, LibraryBusy):
            return
        if self._given:
            self._ring(self._given).answered.connect(self._window.close)
            return
        # it is there if somebody listens; whether it answers is seen when it is asked for
        if _is_heard(self._preferences.library_folder):
            self._window.parts.trouble.offer_first()

    def _show_first(self) -> None:
        ring = self._ring(())
        ring.answered.connect(self._window.close)
        ring.silent.connect(self._window.parts.trouble.first_is_silent)

    def _ring(self, paths: Sequence[Path]) -> Ring:
        folder = self._preferences.library_folder
        return Ring(folder, paths, patience_ms=self._patience_ms, parent=self)


def bring_to_front(window: MainWindow) -> None:
    """Where the system does not let a program do that by itself, its entry in the bar blinks."""
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()
    QApplication.alert(window)


def _is_heard(library: Path) -> bool:
    socket = QLocalSocket()
    socket.connectToServer(_name_of(library))
    heard = socket.waitForConnected(500)  # on this computer: at once, or never
    socket.abort()
    return heard


def _name_of(library: Path) -> str:
    """The same for every spelling of the folder; on Windows a name, elsewhere a socket's path."""
    folder = os.fsencode(os.path.realpath(library))
    name = f"mmsearch-{hashlib.sha256(folder).hexdigest()[:16]}"
    return name if sys.platform == "win32" else str(socket_folder() / f"{name}.window")
