"""Who goes first where one engine serves both: a search before the next batch that is written."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE_SECONDS = 0.25  # so long a batch waits, so that writing goes on whatever is asked
_RECENT_SECONDS = 1.0


class Turns:
    """Searches never wait here; a writer does, between two batches. Any thread may use it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._searching = 0
        self._last_search = -_RECENT_SECONDS

    @contextlib.contextmanager
    def search(self) -> Iterator[None]:
        """While one is under way."""
        with self._changed:
            self._searching += 1
        try:
            yield
        finally:
            with self._changed:
                self._searching -= 1
                self._last_search = time.monotonic()
                self._changed.notify_all()

    def give_way(self) -> None:
        """Wait until no search is under way; not for long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._searching, timeout=_PATIENCE_SECONDS)

    @property
    def searched_lately(self) -> bool:
        """Then another is likely soon, and should not find a long batch before it."""
        with self._changed:
            since = time.monotonic() - self._last_search
            return bool(self._searching) or since < _RECENT_SECONDS
