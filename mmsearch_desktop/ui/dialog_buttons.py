"""The row at the bottom of a dialog: Cancel, and what it is there for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QPushButton

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog


def dialog_buttons(dialog: QDialog, accept: str) -> QHBoxLayout:
    """They reject and accept the dialog; Enter does the latter."""
    cancel, main = QPushButton("Cancel"), QPushButton(accept, default=True)
    main.setProperty("role", "main")
    cancel.clicked.connect(dialog.reject)
    main.clicked.connect(dialog.accept)
    row = QHBoxLayout()
    row.addStretch(1)
    row.addWidget(cancel)
    row.addWidget(main)
    return row
