"""Has the hits on screen judged: when, how many, by whom; stops at once for the next query.

The search's order is shown before anything here begins, and stays where judging fails.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Hit,
    JudgingStopped,
    Results,
    Standing,
    Strategy,
    WeightsMissing,
)
from mmsearch_desktop.settings import JudgingWhen
from mmsearch_desktop.ui import wording
from mmsearch_desktop.ui.engine import Engine, JudgingOrder
from mmsearch_desktop.ui.judge_keeper import JudgeKeeper
from mmsearch_desktop.ui.judging_state import JudgingState, Phase
from mmsearch_desktop.ui.shown_order import ShownOrder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmsearch_desktop.ui.background import Task
    from mmsearch_desktop.ui.preferences import Preferences
    from mmsearch_desktop.ui.results_model import ResultsModel
    from mmsearch_desktop.ui.results_view import ResultsView

QUICK_SECONDS = 12.0  # for all hits of a query: then the judge works without being asked
CHOICES = frozenset(
    {"judging", "judge", "judging_strategy", "judging_depth", "judging_weight", "judging_words"}
)


class JudgingDesk(QObject):
    """Knows one query at a time: the newest that was answered."""

    changed = Signal(object)  # JudgingState

    def __init__(
        self,
        model: ResultsModel,
        view: ResultsView,
        engine: Engine,
        preferences: Preferences,
    ) -> None:
        super().__init__()
        self._model, self._view = model, view
        self._engine, self._preferences = engine, preferences
        self.keeper = JudgeKeeper(engine.judging, engine.services)
        self.order = ShownOrder(model, view)
        self._results: Results | None = None
        self._task: Task | None = None
        self._asked = False  # for these hits, whatever the settings say
        self._phase, self._reason, self._opened_bytes = Phase.HIDDEN, "", 0
        self._last: Hit | None = None
        self._looked_at: tuple[int, ...] = ()  # read on the worker, replaced whole
        self._begun: tuple[int, float] | None = None  # the hit being judged, since when
        self._seconds_per_photo: float | None = None  # as measured
        self._connect()

    # -- what the window tells -------------------------------------------------------------

    def start(self) -> None:
        """Something can be searched with: find out about the judge, if one is wanted."""
        if self._when is not JudgingWhen.NEVER:
            self.keeper.look(self._preferences.judge)

    def begin(self, results: Results) -> None:
        """These hits are on screen now."""
        self.overtake()
        self._results = results if results.hits else None
        self._consider()

    def overtake(self) -> None:
        """Something newer was asked for: judge no further, and move nothing."""
        self._cancel()
        self.order.leave_behind("something else was asked for")
        self._results, self._asked = None, False
        self._enter(Phase.HIDDEN if self._phase is Phase.HIDDEN else Phase.IDLE)

    def leave(self) -> None:
        """No hits are shown any more."""
        self.overtake()
        self._enter(Phase.HIDDEN)

    def choices_changed(self, different: set[str]) -> None:
        """The settings of these names are others now."""
        if different & {"judging", "judge"}:
            self._forget_judge()
            self._consider()
            self.start()
        elif different & {"judging_strategy", "judging_depth", "judging_words"}:
            self._cancel()
            self.order.reset()
            self._consider()
        elif "judging_weight" in different:
            self.order.weigh(self._preferences.settings.judging_weight)
            self._tell()

    def judge_came(self) -> None:
        """The files of a judge are on this computer now."""
        if self._task is None and not self.keeper.is_opening:
            self._forget_judge()
            self.start()

    def make_room(self) -> None:
        """Memory is wanted for something else; the judge is opened again when it is needed."""
        if self._task is not None or self.keeper.is_opening:
            self._stop("Stopped to make room for another model")
        self.keeper.unload()

    def close(self) -> None:
        self._cancel()
        self.order.drop()

    # -- what the person asks for ----------------------------------------------------------

    def judge_now(self) -> None:
        """Judge the hits on screen, though it may take long or has failed before."""
        if self._results is None or self._when is JudgingWhen.NEVER or self._task is not None:
            return
        self._asked = True
        self.order.reset()
        if self.keeper.problem is not None:
            self.keeper.forget()
        if self.keeper.outlook is None and self.keeper.judge is None:
            self.keeper.look(self._preferences.judge)
        else:
            self._consider()

    def stop(self) -> None:
        """What is judged stays and counts."""
        if self._task is not None or self.keeper.is_opening:
            self._stop("Stopped")

    def reset(self) -> None:
        """The hits as the search gave them; asked again, their judgements are there at once."""
        self._cancel()
        self.order.reset()
        self._asked = False
        if self._results is not None and self._phase is not Phase.HIDDEN:
            self._enter(Phase.OFFERED)

    def _looked(self) -> None:
        if self.order.hits is None:  # these hits are not being judged, and were not
            self._consider()

    # -- when ------------------------------------------------------------------------------

    @property
    def _when(self) -> JudgingWhen:
        if self._preferences.judge_is_named:
            return JudgingWhen.ALWAYS
        return self._preferences.settings.judging

    @property
    def _depth(self) -> int:
        if self._results is None:
            return 0
        from mmsearch_desktop.search.judging import MOST_DEPTH

        wanted = self._preferences.settings.judging_depth
        return max(0, min(wanted, MOST_DEPTH, len(self._results.hits)))

    def _consider(self) -> None:
        """Begin, offer to, or say why not; nothing while it is not known what can be done."""
        keeper = self.keeper
        if self._results is None or self._when is JudgingWhen.NEVER or self._depth == 0:
            self._enter(Phase.HIDDEN)
        elif keeper.problem is not None:
            self._tell_problem(keeper.problem)
        elif keeper.outlook is None and keeper.judge is None:
            self._enter(Phase.HIDDEN)
        elif self._asked or self._judges_by_itself():
            self._open()
        else:
            self._enter(Phase.OFFERED)

    def _judges_by_itself(self) -> bool:
        outlook = self.keeper.outlook
        if self._when is not JudgingWhen.QUICK or outlook is None:
            return self._when in (JudgingWhen.ALWAYS, JudgingWhen.QUICK)
        return not outlook.on_processor or (self._seconds_for(self._depth) or 0) <= QUICK_SECONDS

    @property
    def seconds_per_photo(self) -> float:
        """As measured, else as estimated; 0 where nothing is known."""
        if self._seconds_per_photo is not None:
            return self._seconds_per_photo
        return 0.0 if self.keeper.outlook is None else self.keeper.outlook.seconds_per_photo

    def _seconds_for(self, photos: int) -> float | None:
        """The request itself is read as if it were one more."""
        if self._seconds_per_photo is not None:
            return photos * self._seconds_per_photo
        return None if self.keeper.outlook is None else (photos + 1) * self.seconds_per_photo

    def _tell_problem(self, error: Exception) -> None:
        wanted = self._asked or self._when is JudgingWhen.ALWAYS
        if isinstance(error, WeightsMissing) and not wanted:
            self._enter(Phase.HIDDEN)
        else:
            self._enter(Phase.FAILED, f"Not judged: {wording.in_words(error)}")

    # -- judging ---------------------------------------------------------------------------

    def _open(self) -> None:
        assert self._results is not None  # noqa: S101  considered before
        settings = self._preferences.settings
        self.order.begin(
            self._results.hits,
            depth=self._depth,
            weight=settings.judging_weight,
            judge=self._judge_name,
        )
        self._opened_bytes = 0
        self._enter(Phase.OPENING)
        self.keeper.open()

    def _judge(self) -> None:
        """The judge is open: is there anything for it to do?"""
        judge, library, results = self.keeper.judge, self._engine.library, self._results
        if self._phase is not Phase.OPENING or judge is None or library is None or results is None:
            return
        settings, services = self._preferences.settings, self._engine.services
        order = JudgingOrder(
            query=results.query,
            hits=results.hits,
            strategy=settings.judging_strategy,
            depth=self._depth,
            words=settings.judging_words,
            wanted=lambda: self._looked_at,
        )
        judgements = library.catalogue.judgements
        self._note_what_is_looked_at()
        self._enter(Phase.JUDGING)
        self._task = self._engine.judging.run(
            lambda: services.judge(order, judge, judgements),
            on_item=self._take,
            on_done=self._finish,
            on_error=self._fail,
        )

    def _take(self, hit: Hit) -> None:
        self._note_what_is_looked_at()
        if hit is self._last:  # only a step
            return
        self._last = hit
        self._measure(hit)
        self.order.take(hit)
        hits = self.order.hits
        all_settled = hits is not None and not hits.unsettled
        self._enter(Phase.WRITING if all_settled else Phase.JUDGING)

    def _finish(self) -> None:
        self._task = None
        self.order.give_up("the judge did not get to it")
        self._enter(Phase.DONE)

    def _fail(self, error: Exception) -> None:
        self._task = None
        self.order.give_up("judging stopped before")
        if isinstance(error.__cause__, DeviceOutOfMemory):
            self.keeper.unload()
        if isinstance(error, JudgingStopped):
            self._enter(Phase.FAILED, str(error))
        else:
            self._enter(Phase.FAILED, f"Not judged: {wording.in_words(error)}")

    def _opening_failed(self) -> None:
        if self._phase is Phase.OPENING and self.keeper.problem is not None:
            self.order.give_up("the judge cannot be opened")
            self._tell_problem(self.keeper.problem)

    def _stop(self, reason: str) -> None:
        if self._task is None:
            self.keeper.unload()
        self._cancel()
        self.order.give_up("judging was stopped")
        self._enter(Phase.STOPPED, reason)

    def _forget_judge(self) -> None:
        self._cancel()
        self.order.reset()
        self.keeper.forget()
        self._seconds_per_photo = None

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._last = self._begun = None

    def _measure(self, hit: Hit) -> None:
        """How long one takes, by the latest; the first is longer, as the request is read."""
        standing = None if hit.verdict is None else hit.verdict.standing
        if standing is Standing.JUDGING:
            self._begun = (hit.photo.content_id, time.perf_counter())
        elif self._begun is not None and self._begun[0] == hit.photo.content_id:
            if standing is Standing.JUDGED:
                self._seconds_per_photo = time.perf_counter() - self._begun[1]
            self._begun = None

    def _note_what_is_looked_at(self) -> None:
        hits: Sequence[Hit] = self._model.hits
        rows = self._view.rows_looked_at() if self._view.isVisible() else ()
        self._looked_at = tuple(hits[row].photo.content_id for row in rows if row < len(hits))

    # -- telling ---------------------------------------------------------------------------

    @property
    def _judge_name(self) -> str:
        if self.keeper.judge is not None:
            return self.keeper.judge.name
        return "" if self.keeper.outlook is None else self.keeper.outlook.judge

    @property
    def state(self) -> JudgingState:
        hits, outlook = self.order.hits, self.keeper.outlook
        left = self._depth if hits is None else len(hits.unsettled)
        return JudgingState(
            phase=self._phase,
            judge=self._judge_name,
            total=self._depth if hits is None else hits.depth,
            settled=0 if hits is None else hits.settled,
            judged=0 if hits is None else hits.judged,
            moved=0 if hits is None else hits.moved,
            seconds=self._seconds_for(left),
            at_once=self._preferences.settings.judging_strategy is Strategy.LISTWISE,
            on_processor=outlook is not None and outlook.on_processor,
            opened_bytes=self._opened_bytes,
            reason=self._reason,
            has_order=hits is not None and (hits.moved > 0 or self.order.shows_original),
            shows_original=self.order.shows_original,
            waits=self.order.is_waiting,
        )

    def _connect(self) -> None:
        self.keeper.looked.connect(self._looked)
        self.keeper.opened.connect(self._judge)
        self.keeper.failed.connect(self._opening_failed)
        self.keeper.progressed.connect(self._show_opening)
        self.order.changed.connect(self._tell)

    def _show_opening(self, read_bytes: int) -> None:
        self._opened_bytes = read_bytes
        self._tell()

    def _enter(self, phase: Phase, reason: str = "") -> None:
        self._phase, self._reason = phase, reason
        self._tell()

    def _tell(self) -> None:
        self.changed.emit(self.state)
