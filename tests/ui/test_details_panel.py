"""The details panel: the photo the person is at, what is known of it, growing as it comes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage

from mmsearch_desktop.domain import Check, Hit, Standing, Verdict
from mmsearch_desktop.ui.details_panel import DetailsPanel
from mmsearch_desktop.ui.verdict_wording import OWN_WORDS
from tests.fakes import flat_picture
from tests.ui import qt_events
from tests.ui.judged_windows import (
    Bench,
    TastefulJudge,
    ask,
    give_judge,
    is_judged,
    wait_for_photos,
)
from tests.ui.photos_made_up import hit, moved, photo
from tests.ui.windows import Rig, save, shown_names

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

CHECKS = (
    Check("the whole request", 0.95),
    Check("phone case", 0.97),
    Check("no stripes", 0.31),
    Check("a <b>bold</b> claim", None),
)
VERDICT = Verdict(0.9, "", "Phi-3 Vision", Standing.JUDGED, 2.0, CHECKS, "It is <i>a case</i>.")


@pytest.fixture
def panel(qtbot: QtBot) -> DetailsPanel:
    made = DetailsPanel()
    qtbot.addWidget(made)
    made.resize(320, 800)
    made.show()
    return made


def judged(verdict: Verdict | None) -> Hit:
    return dataclasses.replace(hit(2), verdict=verdict)


def test_a_judged_hit_in_full(panel: DetailsPanel) -> None:
    panel.show_entry(moved(judged(VERDICT), 1))
    assert panel.name.text() == "photo 000002.jpg"
    assert "4032 × 3024 pixels" in panel.facts.text()
    assert panel.match.numbers.text() == "words 0.31 · picture 0.87 · together 0.64"
    assert panel.match.place.text() == "Hit 1 by the judge, 2 by the search"
    verdict = panel.verdict
    assert verdict.headline.text() == "90 % match, judged by Phi-3 Vision"
    shown = [(bar.claim.text(), bar.answer.text(), bar.bar.value()) for bar in verdict.checks]
    assert shown == [
        ("the whole request", "yes 95 %", 95),
        ("phone case", "yes 97 %", 97),
        ("no stripes", "no 69 %", 31),
        ("a ‹b›bold‹/b› claim", "no answer", 0),
    ]
    assert verdict.checks[1].accessibleName() == "phone case: yes 97 %"
    assert verdict.words_title.text() == OWN_WORDS
    assert verdict.words.text() == "“It is ‹i›a case‹/i›.”"
    assert verdict.words.textFormat() is Qt.TextFormat.PlainText


def test_what_grows_is_shown_in_place(panel: DetailsPanel) -> None:
    states = (
        (None, "Not judged"),
        (Verdict(None, "", "P", Standing.WAITING), "Not judged yet"),
        (Verdict(None, "", "P", Standing.JUDGING), "Being judged by P…"),
        (Verdict(None, "Not judged: gone", "P", Standing.FAILED), "Not judged: gone"),
        (Verdict(None, "", "P", Standing.FAILED), "Not judged"),
        (dataclasses.replace(VERDICT, words=""), "90 % match, judged by Phi-3 Vision"),
    )
    for verdict, headline in states:
        panel.show_entry(judged(verdict))
        assert panel.verdict.headline.text() == headline
        assert not panel.verdict.words.isVisible()
    panel.show_entry(judged(VERDICT))
    assert panel.verdict.words.isVisible()
    panel.show_entry(judged(dataclasses.replace(VERDICT, checks=CHECKS[:1])))
    assert not any(bar.isVisible() for bar in panel.verdict.checks)


def test_texts_are_bounded(panel: DetailsPanel) -> None:
    long = Verdict(None, "word " * 9999, "j" * 999, Standing.UNSURE, words="word " * 9999)
    panel.show_entry(judged(long))
    assert len(panel.verdict.headline.text()) <= 600
    assert len(panel.verdict.words.text()) <= 302


def test_a_photo_of_the_library_has_no_judgement(panel: DetailsPanel) -> None:
    panel.show_entry(photo(3))
    assert panel.name.text() == "photo 000003.jpg"
    assert not panel.match.isVisible()
    assert not panel.verdict.isVisible()
    panel.show_entry(None)
    assert panel.name.text().startswith("Choose a photo")


def test_a_long_name_does_not_widen_it(panel: DetailsPanel) -> None:
    panel.show_entry(photo(1, "x" * 240 + ".jpg"))
    assert panel.minimumSizeHint().width() < 300
    assert panel.width() == 320


@pytest.mark.parametrize("size", [(400, 300), (10, 5000), (5000, 10)])
def test_pictures_of_any_shape(panel: DetailsPanel, size: tuple[int, int]) -> None:
    panel.show_entry(photo(1))
    panel.picture.show_shape(*size)
    panel.picture.show_image(_image(*size))
    assert 1 <= panel.picture.heightForWidth(300) <= 345
    assert not panel.grab().isNull()


def _image(width: int, height: int) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    return image


# --------------------------------------------------------------------------- in the window


def shown_colour(window: MainWindow) -> QColor:
    image = window.parts.details.picture.image
    return image.pixelColor(image.rect().center()) if not image.isNull() else QColor()


def test_a_key_shows_it_beside_the_photos_and_it_is_remembered(
    rig: Rig, window: MainWindow, qtbot: QtBot
) -> None:
    panel = window.parts.details
    assert not panel.isVisible()
    qt_events.press(window, Qt.Key.Key_F4)
    qtbot.waitUntil(panel.isVisible)
    assert rig.saved[-1].details_shown
    window.show_models()
    assert not panel.isVisible()
    window.parts.models_page.back_wanted.emit()
    assert panel.isVisible()
    panel.close_button.click()
    assert not panel.isVisible()
    assert not rig.saved[-1].details_shown


def test_it_follows_the_current_photo_and_shows_it_large(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    big = save(flat_picture("orange", (1200, 900)), tmp_path / "holiday" / "z orange.png")
    window.folders.rescan_all()
    qtbot.waitUntil(lambda: len(shown_names(window)) == 4)
    window.details.toggle()
    assert window.parts.details.name.text().startswith("Choose a photo")
    view = window.parts.results
    row = shown_names(window).index(big.name)
    view.setCurrentIndex(view.model().index(row, 0))
    assert window.parts.details.name.text() == big.name
    qtbot.waitUntil(lambda: window.parts.details.picture.image.width() >= 300)
    assert shown_colour(window) == QColor("orange")
    big.unlink()
    view.setCurrentIndex(view.model().index((row + 1) % 4, 0))
    view.setCurrentIndex(view.model().index(row, 0))
    qtbot.waitUntil(lambda: "not there any more" in window.parts.details.trouble.text())


def test_it_grows_while_the_hit_is_judged(rig: Rig, tmp_path: Path, qtbot: QtBot) -> None:
    judge = TastefulJudge(allowed=0)
    give_judge(rig, tmp_path / "photos", Bench(judge=lambda _: judge))
    rig.settings = dataclasses.replace(rig.settings, details_shown=True)
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red, yellow")
        section = window.parts.details.verdict
        qtbot.waitUntil(lambda: section.headline.text() == "Being judged by Colour judge…")
        judge.allowed = 1
        qtbot.waitUntil(lambda: "% match" in section.headline.text())
        claims = [bar.claim.text() for bar in section.checks]
        assert claims == ["the whole request", "red", "yellow"]
        judge.allowed = 100
        qtbot.waitUntil(lambda: is_judged(window))
        assert section.words.text() == "“It shows a colour.”"
        assert window.parts.details.name.text() == shown_names(window)[0]
        window.judging.order.toggle()
        assert window.parts.details.name.text() == shown_names(window)[0]
