"""The person's settings while the program runs: changed one by one, saved at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mmsearch_desktop.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says for this run only."""

    library: Path | None = None
    embedder: str | None = None
    offline: bool = False
    judge: str | None = None


class Preferences(QObject):
    """Settings with the command line's word before them; that word is never saved."""

    not_saved = Signal(object)  # OSError

    def __init__(
        self, settings: Settings, overrides: Overrides, save: Callable[[Settings], None]
    ) -> None:
        super().__init__()
        self.settings = settings
        self._overrides = overrides
        self._save = save

    @property
    def library_folder(self) -> Path:
        return self._overrides.library or self.settings.library_folder

    @property
    def embedder(self) -> str:
        return self._overrides.embedder or self.settings.embedder

    @property
    def next_embedder(self) -> str:
        """What is to be searched with once all photos are in it; "" where nothing is.

        A model that the command line names stays for this run.
        """
        is_named = self._overrides.embedder is not None
        wanted = self.settings.next_embedder
        return "" if is_named or wanted == self.settings.embedder else wanted

    @property
    def judge(self) -> str:
        return self._overrides.judge or self.settings.judge

    @property
    def judge_is_named(self) -> bool:
        """On the command line: then it is wanted, however long it takes here."""
        return self._overrides.judge is not None

    @property
    def offline(self) -> bool:
        return self._overrides.offline or self.settings.offline

    @property
    def effective(self) -> Settings:
        """The settings as they hold for this run."""
        overrides = self._overrides
        library = self.settings.library if overrides.library is None else str(overrides.library)
        return dataclasses.replace(
            self.settings, library=library, embedder=self.embedder, offline=self.offline
        )

    def change(self, **changes: Any) -> None:
        """Change settings by name; a choice made now goes before the command line's."""
        if "embedder" in changes:
            changes.setdefault("next_embedder", "")  # what was to come after it is overtaken
            self._overrides = dataclasses.replace(self._overrides, embedder=None)
        if "offline" in changes:
            self._overrides = dataclasses.replace(self._overrides, offline=False)
        if changes.keys() & {"judge", "judging"}:
            self._overrides = dataclasses.replace(self._overrides, judge=None)
        if "library" in changes:
            self._overrides = dataclasses.replace(self._overrides, library=None)
        self.settings = dataclasses.replace(self.settings, **changes)
        try:
            self._save(self.settings)
        except OSError as error:
            self.not_saved.emit(error)
