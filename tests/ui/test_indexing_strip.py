"""What the strip says of indexing, and how many photos cannot be searched yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import Progress, Stage
from mmsearch_desktop.ui.indexing import IndexingState
from mmsearch_desktop.ui.indexing_strip import IndexingStrip

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

HOLIDAY = Path("/photos/holiday")
HALF = Progress(Stage.EMBEDDING, 120, 300, per_second=40.0, seconds_left=4.5)
FOUND = Progress(Stage.SCANNING, 1204)


@pytest.mark.parametrize(
    ("state", "title", "numbers"),
    [
        (
            IndexingState(HOLIDAY, HALF, prepared=True),
            "Indexing holiday",
            "120 of 300  ·  40 photos/s  ·  4 s left  ·  180 not searchable yet",
        ),
        (
            IndexingState(HOLIDAY, HALF, waiting=2, prepared=True),
            "Indexing holiday, 2 folders waiting",
            "120 of 300  ·  40 photos/s  ·  4 s left  ·  180 not searchable yet",
        ),
        (
            IndexingState(HOLIDAY, HALF, waiting=1, paused=True, prepared=True),
            "Paused: holiday, 1 folder waiting",
            "120 of 300  ·  180 not searchable yet",
        ),
        (IndexingState(HOLIDAY, FOUND), "Looking for photos in holiday", "1,204 photos found"),
        (IndexingState(waiting=1), "Waiting for the model: 1 folder to be indexed", ""),
        (
            IndexingState(waiting=3, paused=True, prepared=True, left_over=180),
            "Indexing is paused, 3 folders waiting",
            "180 not searchable yet",
        ),
        (
            IndexingState(paused=True, left_over=180),
            "Indexing is paused",
            "180 not searchable yet",
        ),
        (
            IndexingState(
                waiting=1, prepared=True, left_over=9, held="the disk is full. Free 7 MB"
            ),
            "Paused: the disk is full. Free 7 MB",
            "9 not searchable yet",
        ),
        (
            IndexingState(waiting=1, paused=True, prepared=True, held="the disk is full"),
            "Indexing is paused, 1 folder waiting",
            "",
        ),
    ],
    ids=[
        "runs",
        "others wait",
        "paused",
        "looks",
        "no model",
        "paused in an earlier run",
        "idle",
        "held",
        "both",
    ],
)
def test_where_it_stands_is_said(
    state: IndexingState, title: str, numbers: str, qapp: object
) -> None:
    strip = IndexingStrip()
    strip.show_state(state)
    assert (strip.title.text(), strip.numbers.text()) == (title, numbers)
    strip.hide()


def test_it_hides_where_there_is_nothing_to_do(qapp: object) -> None:
    strip = IndexingStrip()
    strip.show_state(IndexingState(HOLIDAY, HALF))
    assert not strip.isHidden()
    strip.show_state(IndexingState(prepared=True))
    assert strip.isHidden()


def test_a_long_name_is_left_out_in_the_middle_and_told_in_full_by_a_tip(qtbot: QtBot) -> None:
    name = "Summer holidays in the mountains with family and friends, second week" * 2
    strip = IndexingStrip()
    qtbot.addWidget(strip)
    strip.show_state(IndexingState(Path(name), HALF, waiting=2))
    strip.resize(900, 60)
    assert name in strip.title.toolTip()
    assert strip.minimumSizeHint().width() <= 900
    whole = strip.title.grab().toImage()
    strip.show_state(IndexingState(Path(name), HALF))
    assert strip.title.grab().toImage() != whole  # its end is seen: how many wait
