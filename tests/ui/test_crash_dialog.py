"""The dialog about an error: the report is read before it is copied, and names stay out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from mmsearch_desktop.ui.crash_dialog import CrashDialog

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def dialog(qtbot: QtBot) -> CrashDialog:
    made = CrashDialog(lambda names: "Eve.jpg is bad" if names else "<photo> is bad")
    made.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, on=False)
    qtbot.addWidget(made)
    made.show()
    return made


def test_names_are_shown_only_when_asked_for(dialog: CrashDialog) -> None:
    assert dialog.text.toPlainText() == "<photo> is bad"
    dialog.names.click()
    assert dialog.text.toPlainText() == "Eve.jpg is bad"


def test_what_is_shown_is_what_is_copied(dialog: CrashDialog, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog.copy_wanted) as copied:
        dialog.copy_button.click()
    assert copied.args == ["<photo> is bad"]
    assert dialog.copy_button.text() == " Copied"
    dialog.names.click()  # another text, not copied yet
    assert "Copy" in dialog.copy_button.text()


def test_it_counts(dialog: CrashDialog) -> None:
    dialog.show_counts(1, 0)
    assert not dialog.counts.isVisible()
    dialog.show_counts(1200, 0)
    assert dialog.counts.text() == "It has happened 1,200 times."
    dialog.show_counts(1, 2)
    assert dialog.counts.text() == "2 other errors came after it; they are in the log."


def test_escape_goes_on(dialog: CrashDialog, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog.finished), qtbot.assertNotEmitted(dialog.quit_wanted):
        QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_enter_goes_on(dialog: CrashDialog, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog.accepted):
        QTest.keyClick(dialog.go_on_button, Qt.Key.Key_Return)


def test_quitting_closes_it(dialog: CrashDialog, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog.quit_wanted):
        dialog.quit_button.click()
    assert dialog.result() == QDialog.DialogCode.Rejected
    assert not dialog.isVisible()


def test_without_a_window_there_is_nothing_to_go_on_with(qtbot: QtBot) -> None:
    made = CrashDialog(lambda _names: "", may_go_on=False)
    qtbot.addWidget(made)
    made.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, on=False)
    made.show()
    assert not made.go_on_button.isVisible()
    assert "cannot be opened" in made.sentence.text()


def test_small_it_keeps_its_sentences_whole(dialog: CrashDialog, qtbot: QtBot) -> None:
    dialog.show_counts(3, 1)
    dialog.resize(dialog.minimumSize())
    needed = dialog.sentence.heightForWidth(dialog.sentence.width())
    qtbot.waitUntil(lambda: dialog.sentence.height() >= needed)
