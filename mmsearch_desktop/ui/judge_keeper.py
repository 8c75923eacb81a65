"""Keeps one judge: finds out about it, opens it when it is first needed, gives its memory back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmsearch_desktop.domain import Judge
    from mmsearch_desktop.models.judging_speed import Outlook
    from mmsearch_desktop.ui.background import Task, Worker
    from mmsearch_desktop.ui.engine import Services


class JudgeKeeper(QObject):
    """Everything slow is done on the worker, in the order asked for."""

    looked = Signal()  # `outlook` or `problem` is known
    progressed = Signal(object)  # int: bytes read while opening
    opened = Signal()  # `judge` is there
    failed = Signal()  # it is not, and `problem` says why

    def __init__(self, worker: Worker, services: Services) -> None:
        super().__init__()
        self._worker, self._services = worker, services
        self._looking: Task | None = None
        self._opening: Task | None = None
        self._choice = ""
        self.outlook: Outlook | None = None
        self.problem: Exception | None = None
        self.judge: Judge | None = None

    @property
    def is_opening(self) -> bool:
        return self._opening is not None

    def look(self, choice: str) -> None:
        """Find out about this judge, and forget the one before if it is another."""
        if choice == self._choice and (self.judge is not None or self.is_opening):
            self.looked.emit()
            return
        self.forget()
        self._choice = choice
        self._looking = self._worker.call(
            lambda: self._services.judge_outlook(choice), self._found, self._missed
        )

    def open(self) -> None:
        """Tell by `opened` or `failed` how it went, at once where it is open."""
        if self.judge is not None:
            self.opened.emit()
        elif self._opening is None:
            services, choice = self._services, self._choice
            self._opening = self._worker.run(
                lambda: _opened(services, choice),
                on_item=self._step,
                on_done=lambda: None,
                on_error=self._fail,
            )

    def unload(self) -> None:
        """Give the memory back; `open` opens it again. Work with it has been cancelled before."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self.judge is not None:
            self._worker.call(self.judge.unload, lambda _: None, lambda _: None)
            self.judge = None

    def forget(self) -> None:
        """Unload, and know nothing of any judge."""
        self.unload()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self._choice = ""
        self.outlook = self.problem = None

    def _found(self, outlook: Outlook) -> None:
        self.outlook = outlook
        self.looked.emit()

    def _missed(self, error: Exception) -> None:
        self.problem = error
        self.looked.emit()

    def _step(self, item: int | Judge) -> None:
        if isinstance(item, int):
            self.progressed.emit(item)
            return
        self._opening = None
        self.judge, self.problem = item, None
        self.opened.emit()

    def _fail(self, error: Exception) -> None:
        self._opening = None
        self.problem = error
        self.failed.emit()


def _opened(services: Services, choice: str) -> Iterator[int | Judge]:
    judge = yield from services.opening_judge(choice)
    yield judge
