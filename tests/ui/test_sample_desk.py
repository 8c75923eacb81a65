"""The first run: the sample photos by one click, questions to try, and the label of their model."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from mmsearch_desktop.domain import Embedder, Mode, Progress, Stage, WeightsMissing
from mmsearch_desktop.models.offers import SAMPLE_LABEL, Offer
from mmsearch_desktop.search.samples import Example, Samples
from mmsearch_desktop.settings import Settings
from tests.fakes import ColourEmbedder, flat_picture
from tests.ui import qt_events
from tests.ui.windows import Rig, is_idle, page, save, shown_names, shows_hits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image
    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

REAL = "bge-visualized-base-en"


class Held(ColourEmbedder):
    """Embeds pictures once it may."""

    def __init__(self, may_embed: threading.Event) -> None:
        super().__init__(batch_size=2, revision=REAL)
        self._may_embed = may_embed

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        assert self._may_embed.wait(30)
        return super().embed_pictures(pictures)


class Models:
    """The sample model is always here, the real one once it was fetched."""

    def __init__(self) -> None:
        self.here = {"sample"}
        self.opened: list[str] = []
        self.may_embed = threading.Event()
        self.may_embed.set()

    def open(self, choice: str) -> Embedder:
        if choice not in self.here:
            raise WeightsMissing(f"{choice} is not installed.")
        self.opened.append(choice)
        if choice == REAL:
            return Held(self.may_embed)
        return ColourEmbedder(batch_size=2, revision=choice)

    def download(self, offer: Offer, _offline: bool, _agreed: bool) -> Iterator[Progress]:
        yield Progress(Stage.DOWNLOADING, 1, 2)
        self.here.add(offer.name)


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    photos = tmp_path / "resources" / "sample_photos"
    photos.mkdir(parents=True)
    for colour in ("red", "green", "blue"):
        save(flat_picture(colour), photos / f"{colour}.jpg")
    examples = (Example("blue", photos / "red.jpg"), Example("green"))
    return Samples(photos, "sample", "sample-judge", examples)


@pytest.fixture
def fresh(rig: Rig, models: Models, samples: Samples, qtbot: QtBot) -> Iterator[MainWindow]:
    """An empty library on a computer without a model."""
    rig.samples, rig.open_embedder = samples, models.open
    rig.services = {
        "is_installed": lambda offer: offer.name in models.here,
        "download": models.download,
    }
    with rig.window() as window:
        qtbot.waitUntil(lambda: window.parts.status.model.text() != "")
        qtbot.waitUntil(lambda: window.parts.status.model.text() != "Getting the model ready…")
        yield window


@pytest.fixture
def tried(fresh: MainWindow, qtbot: QtBot) -> MainWindow:
    """After the one click."""
    QTest.mouseClick(fresh.parts.drop_zone.samples.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: is_idle(fresh) and len(shown_names(fresh)) == 3)
    qtbot.waitUntil(fresh.parts.samples.chip_line.isVisible)
    return fresh


def test_an_empty_library_without_a_model_offers_the_sample_photos(fresh: MainWindow) -> None:
    assert page(fresh) is fresh.parts.drop_zone
    assert fresh.parts.drop_zone.samples.isVisible()
    assert not fresh.parts.drop_zone.samples.pictures.pixmap().isNull()
    assert not fresh.parts.samples.isVisible()


def test_one_click_indexes_them_with_their_own_model(
    tried: MainWindow, rig: Rig, models: Models
) -> None:
    assert models.opened == ["sample"]
    assert (rig.saved[-1].embedder, rig.saved[-1].judge) == ("sample", "sample-judge")
    assert page(tried) is tried.parts.results
    assert sorted(shown_names(tried)) == ["blue.jpg", "green.jpg", "red.jpg"]
    row = tried.parts.panel.scopes.item(1)
    assert (row.text(), tried.parts.panel.scopes.count()) == ("Sample photos", 2)


def test_their_model_is_labelled_wherever_its_results_are_shown(
    tried: MainWindow, qtbot: QtBot
) -> None:
    line = tried.parts.samples.label_line
    assert SAMPLE_LABEL in [label.text() for label in line.findChildren(QLabel)]
    assert line.isVisible()
    tried.parts.query_bar.set_words("blue")
    qtbot.waitUntil(lambda: shows_hits(tried))
    assert line.isVisible()
    tried.show_models()
    assert not line.isVisible()


def test_a_chip_puts_picture_and_words_into_the_query(tried: MainWindow, qtbot: QtBot) -> None:
    with qtbot.waitSignal(tried.search.answered) as answered:
        tried.parts.samples.chips[0].click()
    query = answered.args[0].query
    assert (query.words, query.picture.name, query.mode) == ("blue", "red.jpg", Mode.COMPOSED)
    assert tried.parts.query_bar.words.text() == "blue"
    assert tried.parts.query_bar.chip.isVisible()
    assert sorted(shown_names(tried)) == ["blue.jpg", "green.jpg"]
    with qtbot.waitSignal(tried.search.answered):
        tried.parts.samples.chips[1].click()
    assert shown_names(tried)[0] == "green.jpg"
    assert not tried.parts.query_bar.chip.isVisible()


def test_an_example_is_asked_of_the_sample_photos_whatever_folder_is_chosen(
    tried: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    tried.add_folder(photos)
    qtbot.waitUntil(lambda: is_idle(tried) and tried.parts.panel.scopes.count() == 3)
    tried.parts.panel.choose(photos)
    with qtbot.waitSignal(tried.search.answered):
        tried.parts.samples.chips[1].click()
    assert tried.parts.panel.scope is None


def test_own_photos_are_not_taken_without_a_warning(
    tried: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    qt_events.drop(tried, qt_events.files([photos]))
    qtbot.waitUntil(tried.parts.messages.isVisible)
    said = tried.parts.messages.text.text()
    assert "holiday: the sample model understands only the drawn sample pictures" in said
    assert tried.parts.messages.action.text() == "Get it (394 MB)"


def test_one_click_gets_the_real_model_and_uses_it(
    tried: MainWindow, rig: Rig, models: Models, qtbot: QtBot
) -> None:
    QTest.mouseClick(tried.parts.samples.model_button, Qt.MouseButton.LeftButton)
    assert page(tried) is tried.parts.models_page  # where one sees how far it is
    qtbot.waitUntil(lambda: models.opened == ["sample", REAL])
    qtbot.waitUntil(lambda: page(tried) is tried.parts.results and is_idle(tried))
    qtbot.waitUntil(lambda: rig.saved[-1].embedder == REAL)
    qtbot.waitUntil(lambda: rig.saved[-1].judge == Settings().judge)
    assert not tried.parts.samples.label_line.isVisible()
    assert tried.parts.samples.chip_line.isVisible()  # the sample photos are still there


def test_the_sample_model_serves_until_the_real_one_is_prepared(
    tried: MainWindow, rig: Rig, models: Models, qtbot: QtBot
) -> None:
    models.may_embed.clear()
    models.here.add(REAL)
    tried.samples.get_real_model()
    qtbot.waitUntil(lambda: models.opened == ["sample", REAL])
    tried.samples.get_real_model()  # impatience begins nothing anew
    tried.parts.query_bar.set_words("blue")
    qtbot.waitUntil(lambda: shows_hits(tried) and shown_names(tried)[:1] == ["blue.jpg"])
    assert (rig.saved[-1].embedder, rig.saved[-1].next_embedder) == ("sample", REAL)
    assert tried.parts.samples.label_line.isVisible()
    models.may_embed.set()
    qtbot.waitUntil(lambda: rig.saved[-1].embedder == REAL)
    qtbot.waitUntil(lambda: not tried.parts.samples.label_line.isVisible())
    assert models.opened == ["sample", REAL]


def test_a_real_model_that_came_otherwise_is_one_click_away(
    tried: MainWindow, rig: Rig, models: Models, qtbot: QtBot
) -> None:
    tried.models.download(_offer("bge-vl-base"))
    qtbot.waitUntil(lambda: tried.parts.messages.action.text() == "Use it")
    assert rig.saved[-1].embedder == "sample"
    tried.parts.messages.action.click()
    qtbot.waitUntil(lambda: models.opened == ["sample", "bge-vl-base"])


def test_a_real_model_that_is_here_is_used_instead_of_fetched(
    tried: MainWindow, models: Models, qtbot: QtBot
) -> None:
    models.here.add(REAL)
    tried.samples.get_real_model()
    qtbot.waitUntil(lambda: models.opened == ["sample", REAL])


def test_the_sample_folder_is_removed_like_any_other_and_offered_again(
    tried: MainWindow, qtbot: QtBot
) -> None:
    tried.folders.remove(tried.folders.facts.folders[0])
    qtbot.waitUntil(lambda: page(tried) is tried.parts.drop_zone)
    assert tried.parts.drop_zone.samples.button.isEnabled()
    assert not tried.parts.samples.isVisible()
    tried.parts.drop_zone.samples.button.click()
    qtbot.waitUntil(lambda: is_idle(tried) and len(shown_names(tried)) == 3)


def test_own_photos_without_a_model_lead_to_the_page_of_models(
    fresh: MainWindow, photos: Path, models: Models, qtbot: QtBot
) -> None:
    qt_events.drop(fresh, qt_events.files([photos]))
    qtbot.waitUntil(lambda: page(fresh) is fresh.parts.models_page)
    assert models.opened == []


def test_with_a_real_model_the_sample_photos_are_indexed_by_it(
    rig: Rig, samples: Samples, models: Models, qtbot: QtBot
) -> None:
    models.here.add(REAL)
    rig.samples, rig.open_embedder = samples, models.open
    with rig.window() as window:
        qtbot.waitUntil(lambda: window.folders.indexing.state.prepared)
        window.parts.drop_zone.samples.button.click()
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
        qtbot.waitUntil(window.parts.samples.chip_line.isVisible)
        assert models.opened == [REAL]
        assert not window.parts.samples.label_line.isVisible()


def test_a_build_without_samples_offers_none(
    rig: Rig, models: Models, photos: Path, qtbot: QtBot
) -> None:
    models.here.add(REAL)
    rig.open_embedder = models.open
    with rig.window() as window:
        qtbot.waitUntil(lambda: window.folders.indexing.state.prepared)
        assert page(window) is window.parts.drop_zone
        assert not window.parts.drop_zone.samples.isVisible()
        window.add_folder(photos)
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
        assert not window.parts.samples.isVisible()


def test_the_sample_model_is_on_the_page_of_models_only_where_it_is_here(
    tried: MainWindow, models: Models
) -> None:
    tried.show_models()
    card = tried.parts.models_page.cards["sample"]
    assert card.state.text() == "In use"
    assert not card.download_button.isVisible()
    assert not card.where_button.isVisible()
    assert "Understands only the drawn sample pictures" in card.offer.good_at
    assert "sample-judge" not in tried.parts.models_page.cards


def _offer(name: str) -> Offer:
    from mmsearch_desktop.models.offers import offer_named

    return offer_named(name)
