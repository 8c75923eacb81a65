"""Changes the model that searches: the new one is prepared first, while the one before serves.

A query is always embedded by the model of the vectors it is compared with: library, index and
embedder change hands together, as one `Ready`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import DeviceOutOfMemory, ModelProblem, NoSpace, ServerGone
from mmsearch_desktop.models.offers import OFFERS, SAMPLE
from mmsearch_desktop.ui import server_wording, wording
from mmsearch_desktop.ui.preparing import Preparing
from mmsearch_desktop.ui.space_watch import SpaceWatch

if TYPE_CHECKING:
    from collections.abc import Collection

    from mmsearch_desktop.ui.engine import Engine, Ready
    from mmsearch_desktop.ui.folders_desk import FoldersDesk
    from mmsearch_desktop.ui.preferences import Preferences
    from mmsearch_desktop.ui.search_desk import SearchDesk
    from mmsearch_desktop.ui.window_parts import WindowParts

_NO_ROOM = "there is no room for both models"


class SwitchingDesk(QObject):
    """What is prepared is kept in the settings, so that the next start goes on with it."""

    changed = Signal()  # what serves, or what is prepared
    at_once = Signal()  # the preferences name another model now: leave the one before
    room_wanted = Signal()  # on the device, for a second model

    def __init__(
        self,
        parts: WindowParts,
        engine: Engine,
        preferences: Preferences,
        *,
        folders: FoldersDesk,
        search: SearchDesk,
    ) -> None:
        super().__init__()
        self._parts, self._engine, self._preferences = parts, engine, preferences
        self._folders, self._search = folders, search
        self._serving: Ready | None = None
        self._made_room = False  # once for each model that is prepared
        self.preparing = Preparing(engine.indexing, engine.services)
        self.space = SpaceWatch(engine.housekeeping)
        self._connect()

    @property
    def serving(self) -> Ready | None:
        return self._serving

    # -- what the person asks for ----------------------------------------------------------

    def choose(self, choice: str) -> None:
        """Search with this model: at once where nothing serves yet, else once it is prepared."""
        if choice == self._preferences.embedder:
            self._preferences.change(embedder=choice)
            self._stop()
        elif self._serving is None or not self._folders.facts.photos:
            self._switch_at_once(choice)
        else:
            self._preferences.change(next_embedder=choice, preparing_paused=False)
            self._made_room = False
            self._begin(choice)
            if self._folders.indexing.state.paused:
                text = f"Indexing is paused. {short_title(choice)} is prepared once it goes on."
                self._parts.messages.tell(text)

    def use_now(self) -> None:
        """Without waiting for the rest of the photos."""
        choice, ready = self.preparing.choice, self.preparing.ready
        if not choice:
            return
        if ready is None:
            self._switch_at_once(choice)
            return
        self._take(choice, ready)
        if not self._search.nothing_is_asked:
            self._search.ask_again()

    def pause(self) -> None:
        self._preferences.change(preparing_paused=True)
        self._let_go()

    def resume(self) -> None:
        self._preferences.change(preparing_paused=False)
        self.space.stop()
        self._made_room = False
        self.preparing.resume()

    def cancel(self) -> None:
        choice, title = self.preparing.choice, self.preparing.state.title
        self._stop()
        self._preferences.change(next_embedder="", preparing_paused=False)
        self._parts.messages.tell(
            f"{title} is no longer prepared. What is done is kept: chosen again, it goes on from"
            " there.",
            "Go on",
            lambda: self.choose(choice),
        )

    def hold(self, why: str) -> None:
        """Prepare nothing until `release`, unless that stands still anyway."""
        if self.preparing.state.is_on and not self.preparing.state.stands:
            self._let_go(held=why)

    def release(self, reasons: Collection[str]) -> None:
        """Go on where one of these held it."""
        if self.preparing.state.held in reasons:
            self.preparing.resume()

    def leave(self) -> None:
        """Nothing serves any more, until something is ready."""
        self._serving = None
        self.space.stop()
        self.preparing.stop()

    def close(self) -> None:
        self.leave()

    # -- what happened ---------------------------------------------------------------------

    def _ready(self, ready: Ready) -> None:
        """Go on with what an earlier run began."""
        self._serving = ready
        wanted = self._preferences.next_embedder
        if wanted and wanted != self.preparing.choice:
            self._begin(wanted)
            if self._preferences.settings.preparing_paused:
                self.preparing.stand()
        self.changed.emit()

    def _opened(self, ready: Ready) -> None:
        """The same model by another name has its photos already."""
        if self._serving is not None and ready.embedder.space == self._serving.embedder.space:
            self._take(self.preparing.choice, ready)

    def _finished(self, ready: Ready, left_out: int) -> None:
        text = f"Searching with {self.preparing.state.title} from now on."
        if left_out:
            text += f" {wording.photos(left_out)} could not be prepared for it."
        self._take(self.preparing.choice, ready)
        if self._parts.results_model.shows_hits:
            text += " The hits shown were found with the model before."
            self._parts.messages.tell(text, "Search again", self._search.ask_again)
        else:
            self._parts.messages.tell(text)

    def _failed(self, error: Exception) -> None:
        """Whatever it is, the model that serves goes on."""
        if isinstance(error, NoSpace) and self._serving is not None:
            self._let_go(held=wording.disk_full(0))
            self.space.start(self._serving.library)  # it goes on by itself
        elif isinstance(error, DeviceOutOfMemory):
            self._no_room(error)
        elif isinstance(error, ServerGone):
            self._let_go(held=server_wording.GONE)  # it goes on by itself
        elif isinstance(error, ModelProblem) and self.preparing.ready is None:
            self._give_up(error)
        else:
            self._let_go(held="something went wrong")
            self._complain(error, "Try again", self.resume)

    def _no_room(self, error: Exception) -> None:
        """A judge may go; the model that serves stays."""
        if not self._made_room:
            self._made_room = True
            self._let_go(held=_NO_ROOM)
            self.room_wanted.emit()
            self._engine.judging.call(_nothing, lambda _: self.preparing.resume(), self._failed)
            return
        self._let_go(held=_NO_ROOM)
        self._complain(error, "Switch now", self.use_now)

    def _give_up(self, error: Exception) -> None:
        """It cannot be opened at all."""
        self._stop()
        self._preferences.change(next_embedder="", preparing_paused=False)
        self._complain(error)
        self.changed.emit()

    def _complain(self, error: Exception, *remedy: object) -> None:
        fact = wording.in_words(error).partition("\n")[0].rstrip(":")
        end = "" if fact.endswith(".") else "."
        serving = short_title(self._preferences.embedder)
        text = f"{fact}{end} Searching goes on with {serving}."
        self._parts.messages.complain(text, *remedy)  # type: ignore[arg-type] # both or none

    def _search_failed(self, error: Exception) -> None:
        """Searching comes before preparing where the device has no room for both."""
        if isinstance(error, DeviceOutOfMemory) and self.preparing.ready is not None:
            self._let_go(held=_NO_ROOM)

    # -- how ---------------------------------------------------------------------------------

    def _begin(self, choice: str) -> None:
        if self._serving is not None:
            title, serving = short_title(choice), short_title(self._preferences.embedder)
            self.preparing.begin(self._serving.library, choice, title=title, serving=serving)
            self.changed.emit()

    def _switch_at_once(self, choice: str) -> None:
        self._stop()
        self._preferences.change(embedder=choice)
        self.at_once.emit()

    def _take(self, choice: str, ready: Ready) -> None:
        """From here on `ready` answers: its index, asked with the vectors of its model."""
        before = self._serving
        self._stop()
        self._preferences.change(embedder=choice, preparing_paused=False)
        self._folders.stop()
        self._engine.take(ready)
        if before is not None and before.index is not ready.index:
            self._retire(before)

    def _retire(self, before: Ready) -> None:
        """Once no search and no indexing can be using it: the engine of its index ends."""
        engine = self._engine

        def end() -> None:
            if not self.preparing.state.is_on:  # it could be the one that is being opened again
                before.index.close()
            engine.services.give_memory_back()

        def no_search_uses_it(_: None) -> None:
            engine.indexing.call(end, _ignore, _ignore)

        engine.searching.call(_nothing, no_search_uses_it, _ignore)

    def _let_go(self, *, held: str = "") -> None:
        self.preparing.stand(held=held)
        self._engine.indexing.call(self._engine.services.give_memory_back, _ignore, _ignore)

    def _stop(self) -> None:
        self.space.stop()
        self.preparing.stop()
        self.changed.emit()

    def _show(self) -> None:
        """One strip at a time: that of the folders goes first, as do the folders themselves."""
        state = self._folders.indexing.state
        busy = state.has_work or state.paused or bool(state.held)
        self.preparing.give_way(busy=busy)
        self._parts.preparing.show_state(self.preparing.state, give_way=busy)

    def _connect(self) -> None:
        strip, engine, preparing = self._parts.preparing, self._engine, self.preparing
        strip.pause_wanted.connect(self.pause)
        strip.resume_wanted.connect(self.resume)
        strip.cancel_wanted.connect(self.cancel)
        strip.now_wanted.connect(self.use_now)
        preparing.changed.connect(self._show)
        preparing.opened.connect(self._opened)
        preparing.finished.connect(self._finished)
        preparing.failed.connect(self._failed)
        self._folders.indexing.changed.connect(self._show)
        self._search.searching.failed.connect(self._search_failed)
        engine.ready.connect(self._ready)
        engine.not_ready.connect(self.leave)
        self.space.missing.connect(lambda missing: preparing.stand(held=wording.disk_full(missing)))
        self.space.there.connect(preparing.resume)


def short_title(choice: str) -> str:
    """What a person calls a model, without its languages: by its offer's name, or its folder."""
    offered = (offer.title for offer in (*OFFERS, SAMPLE) if offer.name == choice)
    return next(offered, "").partition(" (")[0] or Path(choice).name or choice


def _nothing() -> None:
    """Done on a worker after what was begun there."""


def _ignore(_: object) -> None:
    """Nobody waits for it."""
