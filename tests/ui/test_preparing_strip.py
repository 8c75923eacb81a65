"""What the strip says of a model that is being prepared."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from mmsearch_desktop.domain import Progress, Stage
from mmsearch_desktop.ui.preparing import PreparingState
from mmsearch_desktop.ui.preparing_strip import PreparingStrip

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

HALF = Progress(Stage.EMBEDDING, 1204, 3120, per_second=40.2, seconds_left=48.0)


@pytest.mark.parametrize(
    ("state", "title", "numbers"),
    [
        (
            PreparingState("MagicLens base", "Visualized BGE", HALF),
            "Preparing 3,120 photos for MagicLens base; searching with Visualized BGE meanwhile",
            "1,204 of 3,120  ·  40 photos/s  ·  48 s left",
        ),
        (
            PreparingState("MagicLens base", "Visualized BGE"),
            "Opening MagicLens base; searching with Visualized BGE meanwhile",
            "",
        ),
        (
            PreparingState("MagicLens base", "Visualized BGE", HALF, paused=True),
            "Paused: preparing MagicLens base; searching with Visualized BGE meanwhile",
            "1,204 of 3,120  ·  40 photos/s  ·  48 s left",
        ),
        (
            PreparingState("MagicLens base", "Visualized BGE", held="the disk is full"),
            "MagicLens base is not prepared further: the disk is full; searching with Visualized"
            " BGE meanwhile",
            "",
        ),
        (
            PreparingState("A", "B", Progress(Stage.EMBEDDING, 0, 1, per_second=0.25)),
            "Preparing 1 photo for A; searching with B meanwhile",
            "0 of 1  ·  0.2 photos/s",
        ),
        (
            PreparingState("A", "B", Progress(Stage.REBUILDING, 5, None)),
            "Opening A; searching with B meanwhile",
            "",
        ),
    ],
    ids=["runs", "opens", "paused", "held", "slow", "index"],
)
def test_where_it_stands_is_said(
    state: PreparingState, title: str, numbers: str, qtbot: QtBot
) -> None:
    strip = PreparingStrip()
    qtbot.addWidget(strip)
    strip.show_state(state, give_way=False)
    assert (strip.title.text(), strip.numbers.text()) == (title, numbers)
    assert strip.isVisible()


def test_it_hides_for_the_folders_and_when_there_is_nothing_to_do(qtbot: QtBot) -> None:
    strip = PreparingStrip()
    qtbot.addWidget(strip)
    strip.show_state(PreparingState("A", "B", HALF), give_way=True)
    assert strip.isHidden()
    strip.show_state(PreparingState("A", "B", HALF), give_way=False)
    assert not strip.isHidden()
    strip.show_state(PreparingState(), give_way=False)
    assert strip.isHidden()


def test_the_buttons_say_what_the_person_wants(qtbot: QtBot) -> None:
    strip = PreparingStrip()
    qtbot.addWidget(strip)
    strip.show_state(PreparingState("A", "B", HALF), give_way=False)
    for button, signal in (
        (strip.pause_button, strip.pause_wanted),
        (strip.cancel_button, strip.cancel_wanted),
        (strip.now_button, strip.now_wanted),
    ):
        with qtbot.waitSignal(signal):
            button.click()
    strip.show_state(PreparingState("A", "B", HALF, paused=True), give_way=False)
    assert strip.pause_button.accessibleName() == "Go on with preparing"
    with qtbot.waitSignal(strip.resume_wanted):
        strip.pause_button.click()


@pytest.mark.parametrize("width", [340, 560, 960])
def test_nothing_widens_the_window(width: int, qtbot: QtBot) -> None:
    strip = PreparingStrip()
    qtbot.addWidget(strip)
    strip.show_state(PreparingState("A model of a long name", "Another one", HALF), give_way=False)
    strip.resize(width, 90)
    assert strip.minimumSizeHint().width() <= width


@pytest.mark.parametrize("width", [340, 420, 560])
def test_its_words_have_the_height_they_need_and_no_more(width: int, qtbot: QtBot) -> None:
    around = QWidget()
    qtbot.addWidget(around)
    strip, column = PreparingStrip(), QVBoxLayout(around)
    column.addStretch(1)
    column.addWidget(strip)
    strip.show_state(PreparingState("A model of a long name", "Another one", HALF), give_way=False)
    around.resize(1000, 400)
    around.show()
    for now in (width, 1000, width):  # what one width needs is no more than a memory at another
        around.resize(now, 400)
        for label in (strip.title, strip.numbers):
            qtbot.waitUntil(partial(_fits, label))
        qtbot.waitUntil(lambda: strip.height() == strip.minimumSizeHint().height())


def _fits(label: QLabel) -> bool:
    """Whether it is as high as its words are at its width; one line may have more."""
    room, metrics = QRect(0, 0, label.width(), 1000), label.fontMetrics()
    if not label.wordWrap():
        return label.height() >= metrics.height()
    needed = metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, label.text()).height()
    return needed <= label.height() < needed + metrics.height()
