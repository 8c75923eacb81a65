"""A real window (real stores, real tiny model) that indexes and searches while a heart beats."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEventLoop, QTimer

from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.settings import Settings
from mmsearch_desktop.ui.engine import standard_services
from tests.drawn_photos import write_photos
from tests.heartbeat import Heartbeat
from tests.models.tiny_visualized_bge import write_tiny_model
from tests.ui.windows import Rig, is_idle, shows_hits

if TYPE_CHECKING:
    from mmsearch_desktop.ui.main_window import MainWindow

WORDS = ("a red bag", "night sea", "a tree", "the house on a beach", "blue case")


@dataclass(frozen=True)
class Beats:
    """Lateness in seconds of a 16 ms timer: with nothing to do, and while all is at work."""

    idle_p99: float
    idle_longest: float
    busy_p99: float
    busy_longest: float
    searches: int


def measure(folder: Path, *, photos: int, size: tuple[int, int] = (2000, 1500)) -> Beats:
    """Index `photos` pictures and search all the while; after start-up is over."""
    model = write_tiny_model(folder / "model")
    paths = write_photos(folder / "photos", photos, size, drawn=4)
    real = standard_services(folder / "models")
    rig = Rig(
        folder / "library",
        settings=Settings(embedder=str(model), offline=True),
        services={
            "open_library": lambda _folder: Library(folder / "library"),
            "open_embedder": real.open_embedder,
        },
        folders=[paths[0].parent],
    )
    with rig.window() as window:
        wait(lambda: is_idle(window) and len(_names(window)) > 0)
        _search(window, WORDS[0])
        window.parts.query_bar.clear()
        heart = Heartbeat()
        heart.start()
        spin(1500)
        heart.stop()
        idle = heart.percentile(0.99), heart.longest
        heart.start()
        searches = _index_and_search(window, folder / "photos")
        heart.stop()
    return Beats(*idle, heart.percentile(0.99), heart.longest, searches)


def _index_and_search(window: MainWindow, folder: Path) -> int:
    window.add_folder(folder)
    searches = 0
    while not is_idle(window) or searches < len(WORDS):
        _search(window, WORDS[searches % len(WORDS)])
        searches += 1
    return searches


def _search(window: MainWindow, words: str) -> None:
    window.parts.query_bar.set_words(words)
    wait(lambda: shows_hits(window))
    spin(150)


def _names(window: MainWindow) -> range:
    return range(window.parts.results_model.rowCount())


def wait(holds: Callable[[], bool], milliseconds: int = 60_000) -> None:
    deadline = time.monotonic() + milliseconds / 1000
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        spin(20)


def spin(milliseconds: int) -> None:
    """Run the event loop as the app does; QTest.qWait would keep Python's lock all the while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
