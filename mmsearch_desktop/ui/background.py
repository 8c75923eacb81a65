"""Runs plain generators on a thread of their own and shows each item on the window's thread.

Items, endings and errors travel as one queued Qt signal per step, and only the window's thread
asks for the next step. So the generator waits while its last item is being shown, order is kept,
pausing is "not asking", and several tasks of one worker take turns step by step. Queued signals
are chosen over awaiting an executor because they are also delivered inside a dialog's, a menu's
or a drag's own event loop and need no asyncio task that could be left over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from mmsearch_desktop.domain import MmsearchError

_log = logging.getLogger("mmsearch.background")
_Item = TypeVar("_Item")
_Post = Callable[[Callable[[], None]], None]


class Worker:
    """One thread that tasks take turns on. Make, use and close it on the window's thread."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._window = _WindowThread()
        self._tasks: set[Task] = set()

    def run(
        self,
        make: Callable[[], Iterator[_Item]],
        *,
        on_item: Callable[[_Item], None],
        on_done: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> Task:
        """Call `make` and step its generator on the worker, the rest on the window's thread.

        Exactly one of `on_done` and `on_error` ends a task that is not cancelled. An error in
        `on_item` cancels the task and goes on to `sys.excepthook`.
        """
        task = Task(
            self._executor,
            self._window.post,
            make,
            on_item=on_item,
            on_done=on_done,
            on_error=on_error,
            on_end=self._tasks.discard,
        )
        self._tasks.add(task)
        task.resume()
        return task

    def call(
        self,
        function: Callable[[], _Item],
        on_result: Callable[[_Item], None],
        on_error: Callable[[Exception], None],
    ) -> Task:
        """Run one function on the worker and hand its result to the window's thread."""

        def one() -> Iterator[_Item]:
            yield function()

        return self.run(one, on_item=on_result, on_done=_nothing, on_error=on_error)

    def close(self) -> None:
        """Cancel all tasks and wait for the thread; nothing is shown after this returns.

        Waits for the step that is running, then for the generators to close.
        """
        for task in tuple(self._tasks):
            task.cancel()
        self._executor.shutdown(wait=True)
        self._window.close()


class Task:
    """One generator on its way through a worker. Its methods belong to the window's thread."""

    def __init__(
        self,
        executor: ThreadPoolExecutor,
        post: _Post,
        make: Callable[[], Iterator[Any]],
        *,
        on_item: Callable[[Any], None],
        on_done: Callable[[], None],
        on_error: Callable[[Exception], None],
        on_end: Callable[[Task], None],
    ) -> None:
        self._executor = executor
        self._post = post
        self._make = make
        self._on_item = on_item
        self._on_done = on_done
        self._on_error = on_error
        self._on_end = on_end
        self._items: Iterator[Any] | None = None  # touched on the worker only
        self._running = True
        self._paused = False
        self._stepping = False  # a step is queued or running

    @property
    def running(self) -> bool:
        """False once it is done, failed or cancelled; a paused task is still running."""
        return self._running

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """Ask for no further item. The one being made is still shown."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._ask_for_next()

    def cancel(self) -> None:
        """Show nothing more and close the generator on the worker, after its current step."""
        if self._running:
            self._end()
            self._executor.submit(self._close_on_worker)

    def _ask_for_next(self) -> None:
        if self._running and not self._paused and not self._stepping:
            self._stepping = True
            self._executor.submit(self._step_on_worker)

    def _step_on_worker(self) -> None:
        if not self._running:  # cancelled while it waited for its turn
            return
        try:
            if self._items is None:
                self._items = self._make()
            item = next(self._items)
        except StopIteration:
            self._post(self._done)
        except BaseException as error:  # noqa: BLE001  the border: whatever happened is shown
            self._post(partial(self._failed, _as_exception(error)))
        else:
            self._post(partial(self._show, item))

    def _close_on_worker(self) -> None:
        items, self._items = self._items, None
        try:
            if isinstance(items, Generator):
                items.close()
        except Exception as error:  # noqa: BLE001  the border: closing failed, and that is shown
            _log_error(error)
            self._post(partial(self._on_error, error))

    def _show(self, item: Any) -> None:
        self._stepping = False
        if not self._running:
            return
        try:
            self._on_item(item)
        except BaseException:
            self.cancel()
            raise
        self._ask_for_next()

    def _done(self) -> None:
        if self._running:
            self._end()
            self._on_done()

    def _failed(self, error: Exception) -> None:
        _log_error(error)
        if self._running:
            self._end()
            self._on_error(error)

    def _end(self) -> None:
        self._running = False
        self._on_end(self)


class _WindowThread(QObject):
    """Calls, on the thread it was made on and in order, what any thread posts."""

    _posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._posted.connect(self._call, Qt.ConnectionType.QueuedConnection)
        self._open = True

    def post(self, function: Callable[[], None]) -> None:
        self._posted.emit(function)

    def close(self) -> None:
        self._open = False

    @Slot(object)
    def _call(self, function: Callable[[], None]) -> None:
        if self._open:
            function()


def _nothing() -> None:
    """What is done where nothing is to be done."""


def _as_exception(error: BaseException) -> Exception:
    if isinstance(error, Exception):
        return error
    return RuntimeError(f"the work ended itself with {type(error).__name__}: {error}")


def _log_error(error: Exception) -> None:
    """An explained error is news for the person; any other is a fault and keeps its trace."""
    if isinstance(error, MmsearchError):
        _log.info("%s", error)
    else:
        _log.error("background work failed", exc_info=error)
