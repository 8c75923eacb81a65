"""Answers of the catalogue that hold until it is next written to, or are brought up to date."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_Answer = TypeVar("_Answer")
_MOST = 16  # of 100,000 numbers some are 4 MB


class Remembered:
    """For any thread; two who ask for the same at once may both look for it."""

    def __init__(self, writes: Callable[[], int]) -> None:
        """`writes`: how many there have been, counted when each has ended."""
        self._writes = writes
        self._lock = threading.Lock()
        self._at = -1
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()

    def answer(self, question: Hashable, find: Callable[[], _Answer]) -> _Answer:
        """What `find` gave, or gives now. It must depend on the catalogue and question alone.

        Nobody may change an answer. One that a write has overtaken is given, but not kept.
        """
        before = self._writes()
        with self._lock:
            if self._at != before:
                self._answers.clear()
                self._at = before
            if question in self._answers:
                self._answers.move_to_end(question)
                known: _Answer = self._answers[question]
                return known
        found = find()
        with self._lock:
            if self._at == before == self._writes():
                self._answers[question] = found
                if len(self._answers) > _MOST:
                    self._answers.popitem(last=False)
        return found

    def carry(self, before: int, renew: Callable[[Hashable, Any], Any | None]) -> None:
        """Keep what one write leaves true: the one that came when there had been `before`.

        `renew` is given question and answer, and gives what is now the answer; None: not known.
        Nothing is kept where another write came as well.
        """
        with self._lock:
            if self._at != before:
                return
            renewed = ((asked, renew(asked, known)) for asked, known in self._answers.items())
            self._answers = OrderedDict((asked, now) for asked, now in renewed if now is not None)
            self._at = before + 1
