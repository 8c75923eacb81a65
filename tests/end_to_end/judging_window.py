"""A real window in which a real (tiny) Phi-3 Vision judges every search while a heart beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.settings import JudgingWhen, Settings
from mmsearch_desktop.ui.engine import standard_services
from mmsearch_desktop.ui.judging_state import Phase
from tests.drawn_photos import write_photos
from tests.end_to_end.busy_window import WORDS, spin, wait
from tests.heartbeat import Heartbeat
from tests.models.answering_phi3 import write_answering_phi3
from tests.models.tiny_visualized_bge import write_tiny_model
from tests.ui.windows import Rig, is_idle, shows_hits

if TYPE_CHECKING:
    from pathlib import Path

    from mmsearch_desktop.ui.main_window import MainWindow


@dataclass(frozen=True)
class JudgingBeats:
    """Lateness in seconds of a 16 ms timer while hits are judged, moved and written about."""

    p99: float
    longest: float
    judged: int  # hits
    moved: int


def measure_judging(folder: Path, *, photos: int = 20, depth: int = 6) -> JudgingBeats:
    """Ask one thing after another; wait for all its judgements each time but one."""
    rig = judging_rig(folder, photos, depth)
    heart = Heartbeat()
    judged = moved = 0
    with rig.window() as window:
        wait(lambda: is_idle(window) and window.parts.results_model.rowCount() == photos)
        _ask(window, "anything")  # the judge is opened
        wait(lambda: window.judging.state.phase is Phase.DONE)
        heart.start()
        for words in WORDS[:3]:
            _ask(window, f"{words}, at sunset")
            spin(100)
            _ask(window, words)  # overtakes it
            wait(lambda: window.judging.state.phase is Phase.DONE)
            judged += window.judging.state.judged
            moved += window.judging.state.moved
            window.judging.order.toggle()
            spin(300)
        heart.stop()
    return JudgingBeats(heart.percentile(0.99), heart.longest, judged, moved)


def judging_rig(folder: Path, photos: int, depth: int) -> Rig:
    """Real stores, real tiny models; details shown, everything judged and written about."""
    model = write_tiny_model(folder / "model")
    judge = write_answering_phi3(folder / "judge")
    write_photos(folder / "photos", photos, (800, 600), drawn=8)
    real = standard_services(folder / "models")
    settings = Settings(
        embedder=str(model),
        offline=True,
        judge=str(judge),
        judging=JudgingWhen.ALWAYS,
        judging_depth=depth,
        details_shown=True,
    )
    return Rig(
        folder / "library",
        settings=settings,
        services={
            "open_library": lambda _folder: Library(folder / "library"),
            "open_embedder": real.open_embedder,
        },
        folders=[folder / "photos"],
    )


def _ask(window: MainWindow, words: str) -> None:
    window.parts.query_bar.set_words(words)
    wait(lambda: shows_hits(window))
