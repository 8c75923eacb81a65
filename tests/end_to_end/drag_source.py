"""A small window from which a file or folder can be dragged: a file manager for tests.

Arguments: the path to drag. Any press of the mouse in it starts the drag; it lives on afterwards,
because the data are asked for when they are dropped.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel


class Source(QLabel):
    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self._path = path
        self.setWindowTitle("drag source")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(self._path))])
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)
        event.accept()


if __name__ == "__main__":
    application = QApplication(sys.argv)
    source = Source(Path(sys.argv[1]))
    source.setGeometry(20, 40, 160, 80)
    source.show()
    sys.exit(application.exec())
