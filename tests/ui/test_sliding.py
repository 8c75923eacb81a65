"""Cells slide to their new places: only as painted, and only where motion is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPersistentModelIndex, QPoint
from PySide6.QtWidgets import QProxyStyle, QStyle

from mmsearch_desktop.ui.results_model import ResultsModel
from mmsearch_desktop.ui.results_view import ResultsView
from tests.ui.photos_made_up import hits, moved, photos

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pytestqt.qtbot import QtBot


class Motion(QProxyStyle):
    """A style that wants movements of so many milliseconds."""

    def __init__(self, milliseconds: int) -> None:
        super().__init__("Fusion")
        self._milliseconds = milliseconds

    def styleHint(self, hint: QStyle.StyleHint, *rest: Any) -> int:  # noqa: N802 - Qt's name
        if hint == QStyle.StyleHint.SH_Widget_Animation_Duration:
            return self._milliseconds
        return super().styleHint(hint, *rest)


@pytest.fixture
def model(qapp: object) -> ResultsModel:
    return ResultsModel()


@pytest.fixture
def view(qtbot: QtBot, model: ResultsModel) -> Iterator[ResultsView]:
    shown = ResultsView()
    style = Motion(200)
    shown.setStyle(style)
    shown.setModel(model)
    shown.resize(800, 600)
    qtbot.addWidget(shown)
    with qtbot.waitExposed(shown):
        shown.show()
    yield shown
    style.setParent(shown)


def turn_round(model: ResultsModel) -> None:
    """The first three hits in the opposite order."""
    shown = model.hits
    first = [shown[2], shown[1], shown[0]]
    model.update_hits([*(moved(hit, rank) for rank, hit in enumerate(first, start=1)), *shown[3:]])


def test_they_start_where_they_were_and_end_in_their_places(
    view: ResultsView, model: ResultsModel, qtbot: QtBot
) -> None:
    model.show_hits(hits(6))
    place = view.visualRect(model.index(0)).topLeft() - view.visualRect(model.index(2)).topLeft()
    before = view.viewport().grab().toImage()
    turn_round(model)
    slide = view._slide
    assert slide.is_running
    assert slide.offset(2) == place
    assert slide.offset(0) == -place
    assert slide.offset(1) == slide.offset(4) == QPoint()
    assert set(slide.with_moving(range(6))) == set(range(6))
    assert view.viewport().grab().toImage() != before  # the badges say their new places
    qtbot.waitUntil(lambda: not slide.is_running)
    assert slide.offset(2) == QPoint()


def test_a_second_order_goes_on_from_where_they_are(view: ResultsView, model: ResultsModel) -> None:
    model.show_hits(hits(6))
    turn_round(model)
    painted = view.visualRect(model.index(2)).topLeft() + view._slide.offset(2)
    kept = QPersistentModelIndex(model.index(2))
    turn_round(model)
    now = view.visualRect(kept).topLeft() + view._slide.offset(kept.row())
    assert (now - painted).manhattanLength() <= 60  # a frame or two may have passed


def test_without_motion_they_are_there_at_once(view: ResultsView, model: ResultsModel) -> None:
    still = Motion(0)
    view.setStyle(still)
    model.show_hits(hits(6))
    turn_round(model)
    assert not view._slide.is_running
    still.setParent(view)


def test_other_rows_end_it(view: ResultsView, model: ResultsModel) -> None:
    model.show_hits(hits(6))
    turn_round(model)
    model.show_photos(photos(4))
    assert not view._slide.is_running
    model.prepend(photos(2, start=10))
    assert not view._slide.is_running


def test_far_rows_jump(view: ResultsView, model: ResultsModel) -> None:
    shown = hits(1000)
    model.show_hits(shown)
    model.update_hits([shown[-1], *shown[:-1]])
    assert len(view._slide._ways) <= 300
    assert not view.viewport().grab().isNull()
