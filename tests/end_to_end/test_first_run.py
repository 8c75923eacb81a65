"""The first run on a fresh computer, with the sample model that ships: by clicks, and by command.

The window is the program's own with all that belongs to it: workers, stores, index and model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from mmsearch_desktop import app, cli
from mmsearch_desktop.models.offers import SAMPLE_LABEL
from mmsearch_desktop.search.samples import find_samples
from mmsearch_desktop.settings import models_folder
from mmsearch_desktop.ui.engine import standard_services
from mmsearch_desktop.ui.results_model import HIT_ROLE
from tests.test_app import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QWidget
    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.domain import Hit, Results
    from mmsearch_desktop.ui.main_window import MainWindow

pytestmark = [
    pytest.mark.skipif(find_samples() is None, reason="no sample model is here"),
    pytest.mark.timeout(900),
]
_PATIENCE_MS = 300_000  # of a very busy machine; an idle one needs 10 seconds


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    made = app.make_window(application, Options(), standard_services(models_folder()))
    made.resize(1180, 780)
    made.show()
    made.start()
    yield made
    made.close()
    made.deleteLater()


def test_from_an_empty_library_to_the_leopard_phone_case_by_two_clicks(
    window: MainWindow, qtbot: QtBot
) -> None:
    parts = window.parts
    qtbot.waitUntil(lambda: parts.status.model.text() == "No model", timeout=_PATIENCE_MS)
    qtbot.waitUntil(parts.drop_zone.samples.button.isVisible)
    _click(parts.drop_zone.samples.button)
    qtbot.waitUntil(lambda: _is_done(window), timeout=_PATIENCE_MS)
    assert parts.samples.label_line.isVisible()
    chip = parts.samples.chips[0]
    assert chip.text().strip() == "phone case with this"
    answers: list[Results] = []
    window.search.answered.connect(answers.append)
    _click(chip)
    qtbot.waitUntil(lambda: bool(answers), timeout=_PATIENCE_MS)
    best = [hit.photo.path.stem for hit in _hits(window)[:3]]
    assert best[0].startswith("leopard phone case")
    similar = _hits(window)[0].similarities
    assert None not in (similar.words, similar.picture, similar.together)


def test_the_command_shows_the_same_without_a_window(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--hits", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(SAMPLE_LABEL)
    best = [line.split("  ")[-1] for line in out.splitlines() if line.endswith(".jpg")]
    assert len(best) == 3
    assert best[0].startswith("leopard phone case")
    assert best[1].startswith("blue striped mug")
    assert best[2] == "city at night.jpg"


def _click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def _is_done(window: MainWindow) -> bool:
    samples = find_samples()
    assert samples is not None
    count = len(list(samples.photos.iterdir()))
    state = window.folders.indexing.state
    return not state.has_work and window.parts.results_model.rowCount() == count


def _hits(window: MainWindow) -> list[Hit]:
    model = window.parts.results_model
    return [model.index(row).data(HIT_ROLE) for row in range(model.rowCount())]
