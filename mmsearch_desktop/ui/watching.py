"""Has the folders of the library watched, and gives those with new photos to the indexing.

Nothing is indexed here: what is paused, or waits for a model, stays so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from mmsearch_desktop.library.watch import Attention, FolderWatch, News, Pace
from mmsearch_desktop.ui import wording
from mmsearch_desktop.ui.background import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.ui.background import Task
    from mmsearch_desktop.ui.folders_desk import FoldersDesk
    from mmsearch_desktop.ui.library_facts import LibraryFacts
    from mmsearch_desktop.ui.window_parts import WindowParts

_IN_WORDS = {
    Attention.BEGINNING: "looked through for the first time",
    Attention.AT_ONCE: "new photos are noticed at once",
    Attention.REGULARLY: "looked through every so often",
    Attention.AWAY: "not connected; watched again when it is",
}


class WatchingDesk(QObject):
    """Watches from `open` to `close`, while it is switched on."""

    def __init__(self, parts: WindowParts, folders: FoldersDesk, *, on: bool) -> None:
        super().__init__(folders)
        self._parts, self._folders, self._on = parts, folders, on
        self._worker = Worker("watching")
        self._library: Library | None = None
        self._watch: FolderWatch | None = None
        self._task: Task | None = None
        self._attention: Mapping[Path, Attention] = {}
        self.pace = Pace()
        folders.reader.read.connect(self._follow)
        folders.changed.connect(self._show)

    def open(self, library: Library) -> None:
        """The folders follow with the first facts of the library."""
        self._library = library
        self._start()

    def switch(self, *, on: bool) -> None:
        """As the person wishes. What happened while it was off is looked for."""
        if on == self._on:
            return
        self._on = on
        if on:
            self._start()
        else:
            self._stop()

    def close(self) -> None:
        watch, self._library = self._watch, None
        self._stop()
        self._worker.close()
        if watch is not None:
            watch.join()

    def _start(self) -> None:
        if self._library is None or not self._on:
            return
        watch = self._watch = FolderWatch(own=self._library.folder, pace=self.pace)
        self._task = self._worker.run(
            watch.news, on_item=self._take, on_done=_nothing, on_error=self._fail
        )
        self._follow(self._folders.facts)

    def _stop(self) -> None:
        watch, self._watch, self._attention = self._watch, None, {}
        if self._task is not None:
            self._task.cancel()
        if watch is not None:
            watch.close()
        self._show()

    def _follow(self, facts: LibraryFacts) -> None:
        if self._watch is not None:
            self._watch.follow([folder.path for folder in facts.folders])

    def _take(self, news: News) -> None:
        self._attention = news.attention
        self._show()
        for notice in news.notices:
            self._parts.messages.tell(notice)
        if news.changed:
            self._folders.look_again(news.changed)

    def _fail(self, error: Exception) -> None:
        self._stop()
        self._parts.messages.complain(wording.in_words(error), "Watch again", self._start)

    def _show(self) -> None:
        lines = [f"{path}: {_IN_WORDS[how]}" for path, how in sorted(self._attention.items())]
        self._parts.panel.show_watching(self._state(), "\n".join(lines))

    def _state(self) -> str:
        if not any(how is not Attention.AWAY for how in self._attention.values()):
            return ""
        if self._folders.indexing.state.paused:
            return "Paused: new photos wait"
        return "Watching for new photos"


def _nothing() -> None:
    """It ended because it was to end."""
