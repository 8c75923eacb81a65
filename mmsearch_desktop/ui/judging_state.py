"""Where judging stands, and how that is said in one quiet line."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from mmsearch_desktop.search.answers import plain
from mmsearch_desktop.ui.progress_strip import duration

_WORTH_TELLING_SECONDS = 5.0
_REASON_CHARACTERS = 600


class Phase(enum.Enum):
    HIDDEN = "hidden"  # there is nothing to judge, or no judge
    IDLE = "idle"  # other hits are being searched for
    OFFERED = "offered"  # the person may ask for it
    OPENING = "opening"
    JUDGING = "judging"
    WRITING = "writing"  # all are judged, the model's words follow
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


_AT_WORK = (Phase.OPENING, Phase.JUDGING, Phase.WRITING)
_MAY_BE_ASKED = (Phase.OFFERED, Phase.STOPPED, Phase.FAILED)


@dataclass(frozen=True, slots=True)
class JudgingState:
    """All that the bar shows."""

    phase: Phase = Phase.HIDDEN
    judge: str = ""
    total: int = 0  # hits that are to be judged
    settled: int = 0  # of them, those that are judged or will not be
    judged: int = 0
    moved: int = 0
    seconds: float | None = None  # that it will take, or has still to take
    at_once: bool = False  # all hits by one list
    on_processor: bool = False
    opened_bytes: int = 0
    reason: str = ""  # why it stopped or failed
    has_order: bool = False  # there is a judged order to look at
    shows_original: bool = False
    waits: bool = False  # hits have new places, but the pointer is over them

    @property
    def at_work(self) -> bool:
        return self.phase in _AT_WORK

    @property
    def may_be_asked(self) -> bool:
        return self.phase in _MAY_BE_ASKED

    @property
    def text(self) -> str:
        """One line, plain."""
        parts = [_WORDS[self.phase](self)]
        if self.waits:
            parts.append("new order once the pointer leaves the photos")
        return "  ·  ".join(part for part in parts if part)


def _offered(state: JudgingState) -> str:
    hits = "the first hit" if state.total == 1 else f"the best {state.total} hits"
    said = f"{state.judge} can judge {hits}"
    if state.seconds is None or state.seconds < _WORTH_TELLING_SECONDS:
        return said
    where = " on the processor" if state.on_processor else ""
    return f"{said} in about {duration(state.seconds)}{where}"


def _opening(state: JudgingState) -> str:
    read = f" {state.opened_bytes / 1e9:.1f} GB" if state.opened_bytes >= 1e8 else ""
    return f"Opening {state.judge}…{read}"


def _judging(state: JudgingState) -> str:
    if state.at_once and state.settled == 0:
        return f"Judging {state.total} hits at once  ·  {state.judge}"
    number = min(state.settled + 1, state.total)
    said = f"Judging {number} of {state.total}  ·  {state.judge}"
    if state.seconds is None or state.seconds < _WORTH_TELLING_SECONDS:
        return said
    return f"{said}  ·  {duration(state.seconds)} left"


def _writing(state: JudgingState) -> str:
    return f"{_judged(state)}, writing its words"


def _done(state: JudgingState) -> str:
    if state.judged == 0:
        return f"Nothing was judged by {state.judge}"
    moved = "the order stays" if state.moved == 0 else f"{state.moved} moved"
    return f"{_judged(state)}  ·  {moved}"


def _judged(state: JudgingState) -> str:
    of = "" if state.judged == state.total else f" of {state.total}"
    return f"{state.judged}{of} judged by {state.judge}"


def _stopped(state: JudgingState) -> str:
    return f"{state.reason or 'Stopped'}  ·  {_judged(state)}"


def _failed(state: JudgingState) -> str:
    return plain(state.reason, _REASON_CHARACTERS) or "Not judged"


_WORDS = {
    Phase.HIDDEN: lambda _: "",
    Phase.IDLE: lambda _: "",
    Phase.OFFERED: _offered,
    Phase.OPENING: _opening,
    Phase.JUDGING: _judging,
    Phase.WRITING: _writing,
    Phase.DONE: _done,
    Phase.STOPPED: _stopped,
    Phase.FAILED: _failed,
}
