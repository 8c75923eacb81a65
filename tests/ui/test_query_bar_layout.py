"""How the query bar uses its room: one height, and the words can always be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QApplication

from mmsearch_desktop.settings import Theme
from mmsearch_desktop.ui.pictures_in import picture_from_file
from mmsearch_desktop.ui.query_bar import QueryBar
from mmsearch_desktop.ui.theme import Appearance
from tests.fakes import flat_picture
from tests.ui.windows import save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def bar(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> Iterator[QueryBar]:
    """With words and a chip, dressed as in the window."""
    appearance = Appearance(qapp, Theme.LIGHT)
    made = QueryBar()
    qtbot.addWidget(made)
    made.show()
    red = save(flat_picture("red"), tmp_path / "a picture with a long name.png")
    made.set_picture(picture_from_file(red))
    made.set_words("the same bag, but in red")
    yield made
    appearance.deleteLater()


def test_the_field_is_as_high_with_a_picture_as_without(bar: QueryBar, qtbot: QtBot) -> None:
    bar.resize(1000, bar.sizeHint().height())
    with_chip = bar.sizeHint().height()
    bar.set_picture(None)
    qtbot.waitUntil(lambda: not bar.chip.isVisible())
    assert bar.sizeHint().height() == with_chip


@pytest.mark.parametrize("width", [1000, 700, 600, 500, 400])
def test_the_words_keep_their_room(bar: QueryBar, width: int, qtbot: QtBot) -> None:
    bar.resize(width, bar.sizeHint().height())
    qtbot.waitUntil(lambda: bar.width() == width)
    QApplication.processEvents()
    assert bar.words.width() >= 90
    assert bar.chip.width() == bar.chip.sizeHint().width()  # whole, not squeezed
    assert bar.chip.name.isVisible() == (width >= 720)
    assert bar.mode_chooser.isVisible()
    beside = bar.mode_chooser.geometry().top() < bar.field.geometry().bottom()
    assert beside == (width >= 540)
