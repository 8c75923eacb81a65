"""Another model in the whole window: prepared while the one before answers, then it answers."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QMessageBox

from mmsearch_desktop.domain import DeviceOutOfMemory, ModelProblem, NoSpace, WeightsMissing
from mmsearch_desktop.settings import Settings
from tests.fakes import ColourEmbedder
from tests.ui.windows import (
    Rig,
    coloured_photos,
    is_idle,
    page,
    shown_names,
    shows_hits,
    type_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image
    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.domain import Embedder
    from mmsearch_desktop.ui.main_window import MainWindow
    from mmsearch_desktop.ui.preparing_strip import PreparingStrip

FIRST = Settings().embedder
_LONGEST_SECONDS = 30


class SecondEmbedder(ColourEmbedder):
    """Finds green photos by the word red. Embeds a picture each time `let_go` is released."""

    name = "Second"

    def __init__(self) -> None:
        super().__init__(revision="2", batch_size=1)
        self.let_go = threading.Semaphore(0)
        self.problem: Exception | None = None

    def open_all(self) -> None:
        self.let_go.release(1000)

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        self.let_go.acquire(timeout=_LONGEST_SECONDS)
        if self.problem is not None:
            raise self.problem
        return super().embed_pictures(pictures)

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        return super().embed_words([text.replace("red", "green") for text in words])


class Models:
    """Opens the first and the second model, or fails as it is told to."""

    def __init__(self) -> None:
        self.second = SecondEmbedder()
        self.opened: list[str] = []
        self.problem: Exception | None = None

    def open(self, choice: str) -> Embedder:
        self.opened.append(choice)
        if choice != "second":
            return ColourEmbedder(batch_size=2)
        if self.problem is not None:
            raise self.problem
        return self.second


@pytest.fixture
def models(rig: Rig) -> Iterator[Models]:
    made = Models()
    rig.open_embedder = made.open
    rig.services["require_room"] = lambda _choice: None
    yield made
    made.second.open_all()


@pytest.fixture
def window(models: Models, rig: Rig, photos: Path, qtbot: QtBot) -> Iterator[MainWindow]:
    """With three photos, searched with the first model."""
    rig.folders = [photos]
    with rig.window() as window:
        until(qtbot, lambda: is_idle(window) and window.folders.facts.photos == 3)
        yield window
        models.second.open_all()  # a step that waits would be waited for


def until(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=_LONGEST_SECONDS * 1000)


def strip(window: MainWindow) -> PreparingStrip:
    return window.parts.preparing


def choose(window: MainWindow, qtbot: QtBot) -> None:
    window.switching.choose("second")
    until(qtbot, lambda: window.switching.preparing.ready is not None)


def done(window: MainWindow) -> int:
    progress = window.switching.preparing.state.progress
    return 0 if progress is None else progress.done


def answers_with_second(window: MainWindow, qtbot: QtBot) -> None:
    """Once all three photos are in its index."""

    def has_all() -> bool:
        serving = window.switching.serving
        return serving is not None and serving.index.count() == 3 and is_idle(window)

    until(qtbot, has_all)
    type_words(window, "red photos")
    until(qtbot, lambda: shows_hits(window) and shown_names(window)[:1] == ["green.png"])


def test_the_old_model_answers_until_the_new_one_has_every_photo(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    choose(window, qtbot)
    models.second.let_go.release(2)
    until(qtbot, lambda: done(window) == 2)
    assert strip(window).isVisible()
    type_words(window, "red")
    until(qtbot, lambda: shows_hits(window))
    assert shown_names(window)[:1] == ["red.png"]
    assert not window.parts.notices.isVisible()
    assert (rig.saved[-1].embedder, rig.saved[-1].next_embedder) == (FIRST, "second")
    models.second.open_all()
    until(qtbot, lambda: rig.saved[-1].embedder == "second")
    assert rig.saved[-1].next_embedder == ""
    assert not strip(window).isVisible()
    assert shown_names(window)[:1] == ["red.png"]  # nothing moves under the person's eyes
    assert "Searching with second from now on" in window.parts.messages.text.text()
    window.parts.messages.action.click()
    until(qtbot, lambda: shown_names(window)[:1] == ["green.png"])
    assert "Second" in window.parts.status.model.text()


def test_the_strip_says_what_is_prepared_and_what_serves(
    window: MainWindow, models: Models, qtbot: QtBot
) -> None:
    choose(window, qtbot)
    models.second.let_go.release(1)
    until(qtbot, lambda: done(window) == 1)
    title = strip(window).title.text()
    assert title.startswith("Preparing 3 photos for second; searching with Visualized BGE")
    assert strip(window).numbers.text().startswith("1 of 3")
    until(qtbot, lambda: not window.parts.strip.isVisible() and strip(window).isVisible())


def test_pausing_gives_the_model_back_and_goes_on_with_what_is_missing(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    choose(window, qtbot)
    models.second.let_go.release(1)
    until(qtbot, lambda: done(window) == 1)
    strip(window).pause_button.click()
    assert window.switching.preparing.ready is None
    assert strip(window).title.text().startswith("Paused: preparing second")
    assert rig.saved[-1].preparing_paused
    models.second.open_all()
    strip(window).pause_button.click()
    until(qtbot, lambda: rig.saved[-1].embedder == "second")
    assert models.second.pictures_embedded == 3
    assert models.opened == [FIRST, "second", "second"]
    assert not rig.saved[-1].preparing_paused


def test_cancelled_it_is_kept_and_can_go_on(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    choose(window, qtbot)
    models.second.let_go.release(2)
    until(qtbot, lambda: done(window) == 2)
    strip(window).cancel_button.click()
    assert not strip(window).isVisible()
    assert (rig.saved[-1].embedder, rig.saved[-1].next_embedder) == (FIRST, "")
    models.second.open_all()
    window.parts.messages.action.click()
    until(qtbot, lambda: rig.saved[-1].embedder == "second")
    assert models.second.pictures_embedded == 3


def test_closed_in_between_the_next_start_goes_on(
    rig: Rig, models: Models, photos: Path, qtbot: QtBot
) -> None:
    rig.folders = [photos]
    with rig.window() as window:
        until(qtbot, lambda: is_idle(window) and window.folders.facts.photos == 3)
        choose(window, qtbot)
        models.second.let_go.release(2)
        until(qtbot, lambda: done(window) == 2)
        models.second.let_go.release(1)  # the step at hand is waited for
    assert (rig.saved[-1].embedder, rig.saved[-1].next_embedder) == (FIRST, "second")
    before = models.second.pictures_embedded
    rig.settings, rig.folders = rig.saved[-1], []
    models.second.open_all()
    with rig.window() as window:
        until(qtbot, lambda: rig.saved[-1].embedder == "second")
        assert models.second.pictures_embedded == 3
        assert 2 <= before <= 3
        answers_with_second(window, qtbot)


def test_paused_it_stays_so_over_a_restart(
    rig: Rig, models: Models, photos: Path, qtbot: QtBot
) -> None:
    rig.folders = [photos]
    with rig.window() as window:
        until(qtbot, lambda: is_idle(window) and window.folders.facts.photos == 3)
        choose(window, qtbot)
        models.second.open_all()
        strip(window).pause_button.click()
    rig.settings, rig.folders = rig.saved[-1], []
    with rig.window() as window:
        until(qtbot, lambda: is_idle(window) and strip(window).isVisible())
        assert strip(window).title.text().startswith("Paused")
        strip(window).pause_button.click()
        until(qtbot, lambda: rig.saved[-1].embedder == "second")


def test_used_now_it_answers_with_what_it_has_and_gets_the_rest(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    type_words(window, "red")
    until(qtbot, lambda: shows_hits(window))
    choose(window, qtbot)
    models.second.let_go.release(1)
    until(qtbot, lambda: done(window) == 1)
    strip(window).now_button.click()
    assert rig.saved[-1].embedder == "second"
    models.second.open_all()
    answers_with_second(window, qtbot)
    assert len(shown_names(window)) == 3


def test_a_folder_added_meanwhile_is_found_at_once_and_then_prepared_too(
    window: MainWindow, models: Models, rig: Rig, tmp_path: Path, qtbot: QtBot
) -> None:
    choose(window, qtbot)
    more = tmp_path / "more"
    coloured_photos(more, "yellow", "white")
    window.add_folder(more)
    assert not strip(window).isVisible()  # the folders' own is
    models.second.let_go.release(1)
    until(qtbot, lambda: window.folders.facts.photos == 5 and is_idle(window))
    type_words(window, "yellow")
    until(qtbot, lambda: shows_hits(window) and shown_names(window)[:1] == ["yellow.png"])
    assert rig.saved[-1].embedder == FIRST
    models.second.open_all()
    until(qtbot, lambda: rig.saved[-1].embedder == "second")
    assert models.second.pictures_embedded == 5


def test_a_folder_removed_meanwhile_is_in_neither(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    choose(window, qtbot)
    models.second.let_go.release(1)
    until(qtbot, lambda: done(window) == 1 and len(window.folders.facts.folders) == 1)
    models.second.open_all()
    window.folders.remove(window.folders.facts.folders[0])
    until(qtbot, lambda: rig.saved[-1].embedder == "second" and is_idle(window))
    until(qtbot, lambda: window.folders.facts.photos == 0)
    serving = window.switching.serving
    assert serving is not None
    assert serving.index.count() == 0


def test_a_model_that_cannot_be_opened_leaves_the_old_one_serving(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    models.problem = WeightsMissing("second: 3 files are missing:\n  model.bin")
    window.switching.choose("second")
    until(qtbot, lambda: "Searching goes on with" in window.parts.messages.text.text())
    assert window.parts.messages.text.text().startswith("second: 3 files are missing. Search")
    assert not strip(window).isVisible()
    assert rig.saved[-1].next_embedder == ""
    type_words(window, "red")
    until(qtbot, lambda: shows_hits(window) and shown_names(window)[:1] == ["red.png"])


def test_a_model_that_fails_in_between_can_be_tried_again(
    window: MainWindow, models: Models, rig: Rig, tmp_path: Path, qtbot: QtBot
) -> None:
    coloured_photos(tmp_path / "holiday", *(f"#{n}0{n}0{n}0" for n in range(1, 9)))
    window.folders.rescan_all()
    until(qtbot, lambda: window.folders.facts.photos == 11 and is_idle(window))
    models.second.problem = ModelProblem("The driver has gone.")
    models.second.open_all()
    window.switching.choose("second")
    until(qtbot, lambda: "The driver has gone" in window.parts.messages.text.text())
    assert "something went wrong" in strip(window).title.text()
    assert rig.saved[-1].next_embedder == "second"
    models.second.problem = None
    window.parts.messages.action.click()
    until(qtbot, lambda: rig.saved[-1].embedder == "second")


def test_without_room_for_two_models_it_says_so_and_offers_to_switch(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    rig_problem = DeviceOutOfMemory("There is no room for a second model on Card: it needs 9 GB.")
    models.problem = rig_problem
    window.switching.choose("second")
    until(qtbot, lambda: "no room for a second model" in window.parts.messages.text.text())
    assert models.opened.count("second") == 2  # once more after a judge has gone
    assert "no room for both models" in strip(window).title.text()
    type_words(window, "red")
    until(qtbot, lambda: shows_hits(window) and shown_names(window)[:1] == ["red.png"])
    models.problem = None
    models.second.open_all()
    window.parts.messages.action.click()
    assert rig.saved[-1].embedder == "second"
    answers_with_second(window, qtbot)


def test_on_a_full_disk_it_waits_and_goes_on_by_itself(
    rig: Rig, models: Models, photos: Path, qtbot: QtBot
) -> None:
    models.second.problem = NoSpace("full")
    models.second.open_all()
    rig.folders = [photos]
    with rig.window() as window:
        window.switching.space._first_ms = window.switching.space._pause_ms = 50
        until(qtbot, lambda: is_idle(window) and window.folders.facts.photos == 3)
        window.switching.choose("second")
        until(qtbot, lambda: "the disk is full" in strip(window).title.text())
        models.second.problem = None
        until(qtbot, lambda: rig.saved[-1].embedder == "second")


def test_where_nothing_serves_yet_it_is_opened_at_once(
    rig: Rig, models: Models, qtbot: QtBot
) -> None:
    models.second.open_all()
    with rig.window() as window:
        until(qtbot, lambda: is_idle(window))
        window.switching.choose("second")  # the library is empty
        assert rig.saved[-1].embedder == "second"
        until(qtbot, lambda: is_idle(window))
        assert not strip(window).isVisible()


def test_choosing_the_old_one_again_ends_it(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    choose(window, qtbot)
    models.second.open_all()
    window.switching.choose(FIRST)
    assert rig.saved[-1].next_embedder == ""
    assert not strip(window).isVisible()
    type_words(window, "red")
    until(qtbot, lambda: shows_hits(window) and shown_names(window)[:1] == ["red.png"])


def test_back_to_the_first_model_nothing_is_embedded_again(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    models.second.open_all()
    window.switching.choose("second")
    until(qtbot, lambda: rig.saved[-1].embedder == "second" and is_idle(window))
    window.switching.choose(FIRST)
    until(qtbot, lambda: rig.saved[-1].embedder == FIRST and is_idle(window))
    type_words(window, "red")
    until(qtbot, lambda: shows_hits(window) and shown_names(window)[:1] == ["red.png"])
    serving = window.switching.serving
    assert serving is not None
    assert isinstance(serving.embedder, ColourEmbedder)
    assert serving.embedder.pictures_embedded == 0


def test_a_model_named_on_the_command_line_stays_for_this_run(
    rig: Rig, models: Models, photos: Path, qtbot: QtBot
) -> None:
    rig.settings = Settings(next_embedder="second")
    rig.overrides = dataclasses.replace(rig.overrides, embedder="third")
    rig.folders = [photos]
    with rig.window() as window:
        until(qtbot, lambda: is_idle(window) and window.folders.facts.photos == 3)
        assert models.opened == ["third"]
        assert not strip(window).isVisible()


# -- the list on the page of models --------------------------------------------------------


def listed(window: MainWindow) -> list[tuple[str, str]]:
    return [(row.title.text(), row.state.text()) for row in window.parts.models_page.spaces.rows]


def test_both_are_listed_and_the_other_one_can_be_removed(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    window.show_models()
    until(qtbot, lambda: listed(window) == [("Colours", "In use")])
    choose(window, qtbot)
    models.second.let_go.release(1)
    both = [("Colours", "In use"), ("Second", "Being prepared")]
    until(qtbot, lambda: done(window) == 1)
    window.spaces.renew()
    until(qtbot, lambda: listed(window) == both)
    models.second.open_all()
    until(qtbot, lambda: listed(window) == [("Colours", ""), ("Second", "In use")])
    assert page(window) is window.parts.models_page  # it is not left for the change
    first, second = window.parts.models_page.spaces.rows
    assert "3 photos" in first.facts.text()
    assert not second.remove_button.isVisible()
    first.remove_button.click()
    (box,) = window.findChildren(QMessageBox)
    remove = next(b for b in box.buttons() if "Remove" in b.text())
    remove.click()
    until(qtbot, lambda: listed(window) == [("Second", "In use")])
    window._leave_models()
    answers_with_second(window, qtbot)


def test_one_of_the_list_is_used_again_at_a_click(
    window: MainWindow, models: Models, rig: Rig, qtbot: QtBot
) -> None:
    models.second.open_all()
    window.switching.choose("second")
    until(qtbot, lambda: rig.saved[-1].embedder == "second" and is_idle(window))
    window.show_models()
    until(qtbot, lambda: len(listed(window)) == 2)
    window.parts.models_page.spaces.rows[0].use_button.click()
    until(qtbot, lambda: rig.saved[-1].embedder == FIRST)
