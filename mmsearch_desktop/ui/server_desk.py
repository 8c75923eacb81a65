"""Where the vectors are: checks and changes the place, and lives on while a server is gone."""

from __future__ import annotations

import dataclasses
import os
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mmsearch_desktop.domain import LibraryProblem, NoSpace, ServerGone
from mmsearch_desktop.library.server_address import Server, server_of
from mmsearch_desktop.settings import TOKEN_VARIABLE, load_server_token, save_server_token
from mmsearch_desktop.ui import server_wording, wording
from mmsearch_desktop.ui.moving import Moving
from mmsearch_desktop.ui.server_watch import ServerWatch

if TYPE_CHECKING:
    from mmsearch_desktop.library.milvus_server import ServerFacts
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.vectors import VectorIndex
    from mmsearch_desktop.ui.background import Task
    from mmsearch_desktop.ui.engine import Engine, Ready
    from mmsearch_desktop.ui.folders_desk import FoldersDesk
    from mmsearch_desktop.ui.indexing import IndexingState
    from mmsearch_desktop.ui.preferences import Preferences
    from mmsearch_desktop.ui.search_desk import SearchDesk
    from mmsearch_desktop.ui.server_settings import ServerSettings
    from mmsearch_desktop.ui.settings_dialog import SettingsDialog
    from mmsearch_desktop.ui.switching_desk import SwitchingDesk
    from mmsearch_desktop.ui.window_parts import WindowParts

_OURS = (server_wording.GONE_HELD, server_wording.MOVING_HELD)


class ServerDesk(QObject):
    """Made after the other desks: what they say of a server that is gone is said better here."""

    prepare_wanted = Signal()  # open model and index again

    def __init__(
        self,
        parts: WindowParts,
        engine: Engine,
        preferences: Preferences,
        *,
        folders: FoldersDesk,
        search: SearchDesk,
        switching: SwitchingDesk,
    ) -> None:
        super().__init__()
        self._parts, self._engine, self._preferences = parts, engine, preferences
        self._folders, self._search, self._switching = folders, search, switching
        self._server: Server | None = None
        self._is_known = False  # what is set was read, and can be meant
        self._gone = ""  # what the message bar says of it; "" = it answers, or there is none
        self._unanswered = False  # the question that was asked last
        self._check: Task | None = None
        self.moving = Moving(engine.indexing, engine.services)
        self.watch = ServerWatch(engine.server)
        engine.place = self._place
        self._connect()

    @property
    def is_gone(self) -> bool:
        return bool(self._gone)

    def close(self) -> None:
        self.watch.stop()
        self.moving.stop()

    def _place(self) -> Server | None:
        """As it is set, with its token; called on a worker. LibraryProblem: it is no address."""
        if not self._is_known:
            self._server = server_of(self._preferences.settings)
            self._is_known = True
        return self._server

    # -- what the person asks for ----------------------------------------------------------

    def attend(self, dialog: SettingsDialog) -> None:
        """Do what its tab asks for."""
        tab = dialog.server
        tab.show_token(load_server_token(), is_given=TOKEN_VARIABLE in os.environ)
        tab.check_wanted.connect(lambda server: self._look_for(tab, server))
        tab.changed.connect(self._drop_check)
        dialog.finished.connect(self._drop_check)
        dialog.accepted.connect(lambda: self.choose(tab.server()))

    def choose(self, target: Server | None) -> None:
        """Have the vectors there, None being this computer. The old place serves until then."""
        library = self._engine.library
        if self._is_known and target == self._server:
            if self.moving.state.is_on:
                self.cancel()
        elif library is None:
            self._settle(target)
        else:
            self._move(library, target)

    def cancel(self) -> None:
        library, target = self._engine.library, self.moving.target
        self.moving.stop()
        if library is not None:  # the last step may have been done meanwhile
            self._engine.indexing.call(
                lambda: library.server == target,
                lambda is_there: self._moved(None) if is_there else self._cancelled(target),
                self._failed,
            )

    def try_now(self) -> None:
        """Look whether the server is back."""
        server = self._server
        if server is not None:
            self._parts.status.tell("Looking for the Milvus server…")
            self.watch.now(lambda: self._look(server))

    # -- a check ---------------------------------------------------------------------------

    def _look_for(self, tab: ServerSettings, server: Server) -> None:
        self._drop_check()
        tab.show_checking()
        self._check = self._engine.server.call(
            lambda: self._look(server),
            lambda facts: tab.show_finding(server_wording.found(server, facts)),
            lambda error: tab.show_finding(server_wording.not_found(error)),
        )

    def _drop_check(self) -> None:
        if self._check is not None:
            self._check.cancel()
        self._check = None

    def _look(self, server: Server) -> ServerFacts:
        """On a worker."""
        folder = self._preferences.library_folder
        return self._engine.services.look_at_server(server, folder)

    # -- moving ----------------------------------------------------------------------------

    def _move(self, library: Library, target: Server | None) -> None:
        serving = self._switching.serving
        self._folders.stop()  # adding and moving exclude each other
        self._switching.hold(server_wording.MOVING)
        space = None if serving is None else serving.embedder.space
        self.moving.begin(library, space, target)
        self._hold_indexing(self._folders.indexing.state)

    def _moved(self, index: VectorIndex | None) -> None:
        """`index`: the new one, for what serves."""
        before, target, was_gone = self._server, self.moving.target, self.is_gone
        self._forget_gone()
        self._settle(target)
        serving = self._switching.serving
        if index is not None and serving is not None and serving.embedder.space == index.space:
            self._engine.take(dataclasses.replace(serving, index=index))
        else:
            self.prepare_wanted.emit()
        self._go_on()
        self._tell_moved(None if was_gone else before, target)

    def _settle(self, target: Server | None) -> None:
        """From now on, and from the next start."""
        self._server, self._is_known = target, True
        try:
            if TOKEN_VARIABLE not in os.environ:
                save_server_token("" if target is None else target.token)
        except OSError as error:
            self._preferences.not_saved.emit(error)
        authority = None if target is None else target.certificate
        self._preferences.change(
            milvus_address="" if target is None else target.address,
            milvus_tls=target is not None and target.tls,
            milvus_certificate="" if authority is None else str(authority),
        )
        self._show_state()

    def _tell_moved(self, before: Server | None, target: Server | None) -> None:
        tell = self._parts.messages.tell
        again = "again" if target is None else "now"
        text = f"The vectors are on {server_wording.place(target)} {again}."
        if before is None or _same_place(before, target):
            tell(text)
        else:
            text += f" What lies on {before.address} stays there."
            tell(text, "Remove it there", partial(self._leave, before))

    def _leave(self, server: Server) -> None:
        library, leave = self._engine.library, self._engine.services.leave_server
        if library is not None:
            self._engine.server.call(
                lambda: leave(library, server),
                lambda _: self._parts.messages.tell(
                    f"The vectors of this library are removed from {server.address}."
                ),
                lambda error: self._parts.messages.complain(wording.in_words(error)),
            )

    def _failed(self, error: Exception) -> None:
        self._go_on_as_before()
        stays = f"The vectors stay on {server_wording.place(self._server)}."
        self._parts.messages.complain(f"{wording.in_words(error)} {stays}")

    def _cancelled(self, target: Server | None) -> None:
        self._go_on_as_before()
        text = f"The vectors stay on {server_wording.place(self._server)}."
        if target is None or _same_place(target, self._server):
            self._parts.messages.tell(text)
        else:
            text += f" What was copied to {target.address} lies there."
            self._parts.messages.tell(text, "Remove it there", partial(self._leave, target))

    def _go_on_as_before(self) -> None:
        serving = self._switching.serving
        if serving is not None:
            self._folders.start(serving)
        self._go_on()

    def _go_on(self) -> None:
        """With all that waited for the move, or for the server."""
        if self._folders.indexing.state.held in _OURS:
            self._folders.indexing.release()
        self._switching.release((server_wording.MOVING, server_wording.GONE))
        if self._unanswered and not self._search.nothing_is_asked:
            self._search.ask_again()

    # -- a server that is gone ---------------------------------------------------------------

    def _hear(self, error: Exception) -> None:
        """Something failed, perhaps for that reason."""
        server = self._server
        if isinstance(error, ServerGone) and server is not None and not self.moving.state.is_on:
            self._gone = server_wording.gone(error)
            self._parts.messages.complain(self._gone, "Try again", self.try_now)
            self._show_state()
            self.watch.start(lambda: self._look(server))
            self._hold_indexing(self._folders.indexing.state)

    def _search_failed(self, error: Exception) -> None:
        self._hear(error)
        if self.is_gone:
            self._parts.status.tell(server_wording.SEARCHING_WAITS)

    def _not_ready(self, error: Exception) -> None:
        self._hear(error)
        refused = isinstance(error, LibraryProblem) and not isinstance(error, NoSpace)
        if refused and not self.is_gone:
            self._show_trouble("cannot be used")
        else:
            self._show_state()

    def _refused(self, error: Exception) -> None:
        """It is back, and will not have us: waiting does not help."""
        self._gone = wording.in_words(error)
        self._parts.messages.complain(self._gone, "Try again", self.try_now)
        self._show_trouble("cannot be used")

    def _back(self) -> None:
        self._forget_gone()
        if self.moving.state.is_on:
            return
        self._parts.status.tell("The Milvus server answers again.")
        if self._switching.serving is None:
            self.prepare_wanted.emit()
        else:
            self._folders.rescan_all()  # which puts right what the index has missed
        self._go_on()

    def _answered(self) -> None:
        self._unanswered = False
        if self.is_gone:
            self._back()

    def _forget_gone(self) -> None:
        self.watch.stop()
        self._parts.messages.take_back(self._gone)
        self._gone = ""
        self._show_state()

    # -- what is shown -----------------------------------------------------------------------

    def _began(self) -> None:
        self._unanswered = True
        if self.is_gone and self._switching.serving is None:
            self._parts.status.tell(server_wording.SEARCHING_WAITS)

    def _ready(self, _: Ready) -> None:
        if self.moving.state.is_on:
            self._folders.stop()
        self._show_state()

    def _hold_indexing(self, state: IndexingState) -> None:
        """Say why folders wait."""
        if not state.waiting or state.folder is not None or state.held or state.paused:
            return
        if self.moving.state.is_on:
            self._folders.indexing.hold(server_wording.MOVING_HELD)
        elif self.is_gone:
            self._folders.indexing.hold(server_wording.GONE_HELD)

    def _show_state(self) -> None:
        if self.is_gone:
            self._show_trouble("does not answer")
        else:
            self._show_trouble("")

    def _show_trouble(self, what: str) -> None:
        server = self._server
        state = None if server is None else server_wording.state(server, what)
        self._parts.status.show_server(state)

    def _connect(self) -> None:
        engine, searching = self._engine, self._search.searching
        searching.failed.connect(self._search_failed)
        searching.began.connect(self._began)
        self._search.answered.connect(self._answered)
        self._folders.indexing.failed.connect(lambda _, error: self._hear(error))
        self._folders.indexing.changed.connect(self._hold_indexing)
        self._switching.preparing.failed.connect(self._hear)
        engine.ready.connect(self._ready)
        engine.not_ready.connect(self._not_ready)
        self.watch.back.connect(self._back)
        self.watch.still_gone.connect(self._hear)
        self.watch.refused.connect(self._refused)
        self.moving.changed.connect(self._parts.moving.show_state)
        self.moving.finished.connect(self._moved)
        self.moving.failed.connect(self._failed)
        self._parts.moving.cancel_wanted.connect(self.cancel)


def _same_place(one: Server, other: Server | None) -> bool:
    """Though perhaps with another token, or other trust."""
    return other is not None and one.address == other.address
