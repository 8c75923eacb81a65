"""The models page and what carries out its wishes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import DownloadFailed, Progress, Stage, WeightsUnknown
from mmsearch_desktop.models.offers import OFFERS, Offer
from mmsearch_desktop.settings import Settings
from mmsearch_desktop.ui.background import Worker
from mmsearch_desktop.ui.engine import standard_services
from mmsearch_desktop.ui.fetching import Fetching
from mmsearch_desktop.ui.models_desk import ModelsDesk
from mmsearch_desktop.ui.models_page import ModelsPage, OfferCard, OfferState
from mmsearch_desktop.ui.preferences import Overrides, Preferences

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

BASE, M3 = OFFERS[0], OFFERS[1]
Fetch = Callable[[Offer, object, bool], Iterator[Progress]]


class Hub:
    """Gives an offer in three steps, or fails as it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls: list[tuple[str, object, bool]] = []
        self.here: set[str] = set()
        self.closed_early = False

    def fetch(self, offer: Offer, source: object, agreed: bool) -> Iterator[Progress]:
        self.calls.append((offer.name, source, agreed))
        try:
            for step in range(1, 4):
                yield Progress(Stage.DOWNLOADING, step * 10**9, 3 * 10**9, seconds_left=30.0)
                if self.error is not None and not agreed:
                    raise self.error
        except GeneratorExit:
            self.closed_early = True
            raise
        self.here.add(offer.name)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def desk(hub: Hub, qtbot: QtBot, tmp_path: Path) -> Iterator[ModelsDesk]:
    services = dataclasses.replace(
        standard_services(tmp_path),
        is_installed=lambda offer: offer.name in hub.here,
        download=hub.fetch,
        import_folder=hub.fetch,
    )
    worker = Worker("models")
    page = ModelsPage(tmp_path)
    qtbot.addWidget(page)
    saved: list[Settings] = []
    preferences = Preferences(Settings(), Overrides(), saved.append)
    made = ModelsDesk(page, Fetching(worker), services, preferences)
    made.renew("A model is needed.")
    page.show()
    yield made
    worker.close()


def card(desk: ModelsDesk, offer: Offer = BASE) -> OfferCard:
    return desk.page.cards[offer.name]


def test_every_offer_says_size_licence_languages_and_what_it_is_bad_at(desk: ModelsDesk) -> None:
    from PySide6.QtWidgets import QLabel

    for offer in OFFERS:
        shown = " ".join(label.text() for label in card(desk, offer).findChildren(QLabel))
        for fact in (offer.title, offer.licence, offer.languages, offer.good_at, offer.bad_at):
            assert fact in shown
        assert "MB" in shown or "GB" in shown


def test_which_file_goes_where_is_shown_when_asked(desk: ModelsDesk, tmp_path: Path) -> None:
    assert card(desk).where.isVisible()  # the chosen one, whose files are missing
    card(desk).where_button.click()
    assert not card(desk).where.isVisible()
    desk.renew()
    assert not card(desk).where.isVisible()
    assert not card(desk, M3).where.isVisible()
    for file in BASE.files:
        assert file.local in card(desk).where.text()
    assert str(tmp_path / BASE.name) in card(desk).where.text()


def test_a_download_shows_how_far_it_is_and_ends_installed(
    desk: ModelsDesk, hub: Hub, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(desk.model_came) as came:
        with qtbot.waitSignal(desk.fetching.progressed):
            card(desk).download_button.click()
        assert card(desk).bar.isVisible()
        assert not card(desk, M3).download_button.isEnabled()
    assert came.args == [BASE]
    assert hub.calls == [(BASE.name, False, False)]
    assert not card(desk).bar.isVisible()
    assert not card(desk).download_button.isVisible()
    assert card(desk).state.text() == "In use"
    assert card(desk, M3).download_button.isEnabled()


def test_progress_is_said_in_bytes_and_time(desk: ModelsDesk) -> None:
    progress = Progress(Stage.DOWNLOADING, 500_000_000, 2 * 10**9, seconds_left=90.0)
    desk.page.show_progress(BASE, progress)
    assert card(desk).numbers.text() == "500 MB of 2.00 GB  ·  2 min left"
    assert card(desk).bar.value() == 250
    desk.page.show_progress(BASE, None)
    assert card(desk).import_button.isEnabled()


def test_a_download_can_be_cancelled_and_asked_for_again(
    desk: ModelsDesk, hub: Hub, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(desk.fetching.progressed):
        card(desk).download_button.click()
    assert card(desk).bar.isVisible()
    card(desk).cancel_button.click()
    qtbot.waitUntil(lambda: hub.closed_early)
    assert not card(desk).bar.isVisible()
    with qtbot.waitSignal(desk.model_came):
        card(desk).download_button.click()


def test_a_failed_download_is_reported_and_can_be_repeated(
    desk: ModelsDesk, hub: Hub, qtbot: QtBot
) -> None:
    hub.error = DownloadFailed("The network is away. Try again later.")
    with qtbot.waitSignal(desk.failed) as failed:
        card(desk).download_button.click()
    assert failed.args == [hub.error]
    assert card(desk).download_button.isEnabled()


def test_an_unknown_edition_is_used_once_the_person_agrees(
    desk: ModelsDesk, hub: Hub, qtbot: QtBot
) -> None:
    hub.error = WeightsUnknown("model.pth is another edition.")
    with qtbot.waitSignal(desk.doubtful) as doubtful:
        card(desk).download_button.click()
    assert doubtful.args is not None
    with qtbot.waitSignal(desk.model_came):
        doubtful.args[1]()
    assert hub.calls[-1][2] is True


def test_files_are_imported_from_a_folder(
    desk: ModelsDesk, hub: Hub, tmp_path: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(desk.model_came):
        desk.import_from(M3, tmp_path / "stick")
    assert hub.calls == [(M3.name, tmp_path / "stick", False)]
    assert card(desk, M3).use_button.isVisible()


def test_another_model_is_asked_for_and_shown_while_it_is_prepared(
    desk: ModelsDesk, hub: Hub, qtbot: QtBot
) -> None:
    hub.here = {BASE.name, M3.name}
    desk.renew()
    with qtbot.waitSignal(desk.embedder_wanted) as wanted:
        card(desk, M3).use_button.click()
    assert wanted.args == [M3.name]
    desk._preferences.change(next_embedder=M3.name)
    desk.renew()
    assert card(desk, M3).state.text() == "Being prepared"
    assert card(desk).state.text() == "In use"
    desk._preferences.change(embedder=M3.name)
    desk.renew()
    assert card(desk, M3).state.text() == "In use"
    assert card(desk).use_button.isVisible()


def test_offline_downloads_cannot_be_asked_for(desk: ModelsDesk) -> None:
    desk.page.offline.click()
    assert not card(desk).download_button.isEnabled()
    assert card(desk).import_button.isEnabled()
    desk.page.offline.click()
    assert card(desk).download_button.isEnabled()


def test_files_put_there_by_hand_are_found(desk: ModelsDesk, hub: Hub, qtbot: QtBot) -> None:
    with qtbot.waitSignal(desk.told):
        desk.page.check_button.click()
    hub.here = {BASE.name}
    with qtbot.waitSignal(desk.model_came):
        desk.page.check_button.click()


def test_the_folder_for_the_files_is_made_and_opened(
    desk: ModelsDesk, tmp_path: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(desk.folder_made) as made:
        card(desk).folder_button.click()
    assert made.args == [tmp_path / BASE.name]
    assert (tmp_path / BASE.name).is_dir()


def test_a_folder_that_cannot_be_made_is_told(
    desk: ModelsDesk, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / BASE.name).write_text("in the way", encoding="utf-8")
    with qtbot.waitSignal(desk.failed):
        card(desk).folder_button.click()


def test_how_far_it_is_can_be_told_elsewhere_too(desk: ModelsDesk, qtbot: QtBot) -> None:
    told: list[str] = []
    desk.fetching_told.connect(told.append)
    with qtbot.waitSignal(desk.model_came):
        card(desk).download_button.click()
    title = BASE.title
    assert told == [f"Getting {title}: {share} %" for share in (33, 66, 100)] + [""]


def test_a_model_of_ones_own_is_named(desk: ModelsDesk) -> None:
    assert not desk.page.elsewhere.isVisible()
    desk._preferences.change(embedder="/models/mine")
    desk.renew()
    assert desk.page.elsewhere.text() == "The model in the folder /models/mine is chosen."


@pytest.mark.parametrize("width", [420, 560, 1000])
def test_nothing_is_cut_off_in_a_narrow_window(desk: ModelsDesk, width: int, qtbot: QtBot) -> None:
    desk.page.resize(width, 600)
    body = desk.page.widget()
    assert body is not None
    qtbot.waitUntil(lambda: desk.page.viewport().width() >= body.width())


def test_the_state_says_what_is_missing(qtbot: QtBot, tmp_path: Path) -> None:
    made = OfferCard(BASE, tmp_path)
    qtbot.addWidget(made)
    made.show_state(OfferState(BASE, installed=False, in_use=True), offline=False)
    assert made.state.text() == "Chosen, files missing"
    made.show_state(OfferState(BASE, installed=True, in_use=False), offline=False)
    assert made.state.text() == "On this computer"
