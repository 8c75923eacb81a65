"""The list of files that could not be indexed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtTest import QAbstractItemModelTester

from mmsearch_desktop.domain import Problem
from mmsearch_desktop.ui.problems_dialog import ProblemsDialog

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

CUT = Problem(Path("/photos/a/cut.jpg"), "the file is cut off; copy it again from where it came")
RAW = Problem(Path("/photos/b/raw.nef"), "RAW photos are not supported yet; export it as JPEG")
EMPTY = Problem(Path("/photos/a/empty.png"), "the file is empty")


@pytest.fixture
def dialog(qtbot: QtBot) -> ProblemsDialog:
    made = ProblemsDialog()
    qtbot.addWidget(made)
    made.show_problems([CUT, RAW])
    made.show()
    return made


def test_the_whole_reason_of_the_chosen_row_can_be_read(dialog: ProblemsDialog) -> None:
    dialog.table.selectRow(1)
    assert dialog.detail.text() == f"{RAW.path}\n{RAW.reason}"


def test_what_is_looked_at_stays_while_more_are_found(dialog: ProblemsDialog) -> None:
    dialog.table.selectRow(1)
    dialog.show_problems([CUT, EMPTY, RAW])
    assert dialog.table.currentIndex().row() == 2
    assert dialog.detail.text().startswith(str(RAW.path))
    dialog.show_problems([CUT])
    assert dialog.detail.text() == ""


def test_the_same_list_again_changes_nothing(dialog: ProblemsDialog, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(dialog.model.modelReset):
        dialog.show_problems([CUT, RAW])


def test_counts_are_said_and_buttons_are_off_without_problems(dialog: ProblemsDialog) -> None:
    assert dialog.intro.text().startswith("2 files could not be indexed.")
    dialog.show_problems([CUT])
    assert dialog.intro.text().startswith("1 file could not be indexed.")
    dialog.show_problems([])
    assert "could be indexed" in dialog.intro.text()
    assert not dialog.copy_button.isEnabled()


def test_the_list_can_be_copied_and_its_files_shown(dialog: ProblemsDialog, qtbot: QtBot) -> None:
    with qtbot.waitSignal(dialog.copy_wanted) as copied:
        dialog.copy_button.click()
    assert copied.args == [f"{CUT.path}\t{CUT.reason}\n{RAW.path}\t{RAW.reason}"]
    dialog.table.selectRow(1)
    with qtbot.waitSignal(dialog.show_wanted) as shown:
        dialog.show_button.click()
    assert shown.args == [RAW.path]


def test_the_model_keeps_qts_rules(dialog: ProblemsDialog) -> None:
    QAbstractItemModelTester(dialog.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    dialog.show_problems([EMPTY, RAW])
    dialog.show_problems([])
