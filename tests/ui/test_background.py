"""The pump between a generator on its thread and the window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEventLoop, QTimer

from mmsearch_desktop.domain import NoSpace
from mmsearch_desktop.ui.background import Task, Worker

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Counting:
    """A generator of numbers that remembers which threads stepped and closed it."""

    def __init__(self, end: int = 1_000_000, error: Exception | None = None) -> None:
        self.end = end
        self.error = error
        self.asked = 0
        self.stepped_on: set[str] = set()
        self.closed_on: list[str] = []

    def __call__(self) -> Iterator[int]:
        try:
            for number in range(self.end):
                self.asked += 1
                self.stepped_on.add(threading.current_thread().name)
                yield number
            if self.error is not None:
                raise self.error
        finally:
            self.closed_on.append(threading.current_thread().name)


class Shown:
    """What the window was shown."""

    def __init__(self) -> None:
        self.items: list[object] = []
        self.threads: set[threading.Thread] = set()
        self.done = 0
        self.errors: list[Exception] = []

    def item(self, item: object) -> None:
        self.items.append(item)
        self.threads.add(threading.current_thread())

    def finish(self) -> None:
        self.done += 1

    def run(self, worker: Worker, make: Callable[[], Iterator[object]]) -> Task:
        return worker.run(make, on_item=self.item, on_done=self.finish, on_error=self.errors.append)


@pytest.fixture
def worker(qapp: object) -> Iterator[Worker]:
    worker = Worker("test")
    yield worker
    worker.close()


@pytest.fixture
def shown() -> Shown:
    return Shown()


def test_items_come_in_order_on_the_windows_thread(
    qtbot: QtBot, worker: Worker, shown: Shown
) -> None:
    numbers = Counting(200)
    task = shown.run(worker, numbers)
    qtbot.waitUntil(lambda: shown.done == 1)
    assert shown.items == list(range(200))
    assert shown.threads == {threading.main_thread()}
    assert numbers.stepped_on == {"test_0"}
    assert numbers.closed_on == ["test_0"]
    assert not task.running
    assert not shown.errors


def test_the_next_item_is_made_after_the_last_was_shown(
    qtbot: QtBot, worker: Worker, shown: Shown
) -> None:
    numbers = Counting(50)
    made_when_shown: list[int] = []
    worker.run(
        numbers,
        on_item=lambda _: made_when_shown.append(numbers.asked),
        on_done=shown.finish,
        on_error=shown.errors.append,
    )
    qtbot.waitUntil(lambda: shown.done == 1)
    assert made_when_shown == list(range(1, 51))


def test_pausing_stops_asking_and_resuming_goes_on(
    qtbot: QtBot, worker: Worker, shown: Shown
) -> None:
    numbers = Counting(500)
    task = shown.run(worker, numbers)
    qtbot.waitUntil(lambda: len(shown.items) > 5)
    task.pause()
    qtbot.waitUntil(lambda: numbers.asked == len(shown.items))
    _wait_for_turns(qtbot, worker)
    assert numbers.asked == len(shown.items) < 500
    assert task.running
    assert task.paused
    task.resume()
    task.resume()
    qtbot.waitUntil(lambda: shown.done == 1)
    assert shown.items == list(range(500))


def test_cancelling_closes_the_generator_on_the_worker(
    qtbot: QtBot, worker: Worker, shown: Shown
) -> None:
    numbers = Counting()
    task = shown.run(worker, numbers)
    qtbot.waitUntil(lambda: len(shown.items) > 5)
    task.cancel()
    task.cancel()
    count = len(shown.items)
    qtbot.waitUntil(lambda: numbers.closed_on == ["test_0"])
    _wait_for_turns(qtbot, worker)
    assert len(shown.items) == count
    assert not task.running
    assert shown.done == 0
    assert not shown.errors


def test_cancelling_from_the_item_that_is_shown(qtbot: QtBot, worker: Worker, shown: Shown) -> None:
    numbers = Counting()
    tasks: list[Task] = []

    def show(item: int) -> None:
        shown.item(item)
        if item == 3:
            tasks[0].cancel()

    tasks.append(
        worker.run(numbers, on_item=show, on_done=shown.finish, on_error=shown.errors.append)
    )
    qtbot.waitUntil(lambda: numbers.closed_on == ["test_0"])
    assert shown.items == [0, 1, 2, 3]


def test_a_task_cancelled_before_its_turn_makes_nothing(
    qtbot: QtBot, worker: Worker, shown: Shown
) -> None:
    gate = threading.Event()
    worker.call(lambda: gate.wait(5), shown.item, shown.errors.append)
    numbers = Counting()
    shown.run(worker, numbers).cancel()
    gate.set()
    _wait_for_turns(qtbot, worker)
    assert numbers.asked == 0
    assert shown.items == [True]


@pytest.mark.parametrize("cause", [NoSpace("the disk is full"), ValueError("a fault")])
def test_an_error_in_the_work_is_handed_over(
    qtbot: QtBot, worker: Worker, shown: Shown, cause: Exception
) -> None:
    numbers = Counting(3, cause)
    task = shown.run(worker, numbers)
    qtbot.waitUntil(lambda: len(shown.errors) == 1)
    assert shown.errors == [cause]
    assert shown.items == [0, 1, 2]
    assert shown.done == 0
    assert not task.running


def test_an_error_while_making_the_generator(qtbot: QtBot, worker: Worker, shown: Shown) -> None:
    def make() -> Iterator[int]:
        raise OSError("no such thing")

    shown.run(worker, make)
    qtbot.waitUntil(lambda: len(shown.errors) == 1)
    assert isinstance(shown.errors[0], OSError)


def test_work_that_tries_to_end_the_program_is_an_error(
    qtbot: QtBot, worker: Worker, shown: Shown
) -> None:
    def leave() -> None:
        raise SystemExit(3)

    worker.call(leave, shown.item, shown.errors.append)
    qtbot.waitUntil(lambda: len(shown.errors) == 1)
    assert "SystemExit: 3" in str(shown.errors[0])


def test_an_error_while_closing_is_handed_over(qtbot: QtBot, worker: Worker, shown: Shown) -> None:
    def make() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            raise NoSpace("the disk is full")

    task = shown.run(worker, make)
    qtbot.waitUntil(lambda: len(shown.items) > 0)
    task.cancel()
    qtbot.waitUntil(lambda: len(shown.errors) == 1)
    assert isinstance(shown.errors[0], NoSpace)


def test_an_error_in_showing_closes_the_generator(
    qtbot: QtBot, worker: Worker, shown: Shown
) -> None:
    numbers = Counting()

    def show(item: int) -> None:
        raise ValueError(f"cannot show {item}")

    with qtbot.captureExceptions() as raised:
        worker.run(numbers, on_item=show, on_done=shown.finish, on_error=shown.errors.append)
        qtbot.waitUntil(lambda: numbers.closed_on == ["test_0"])
    assert [str(error) for _, error, _ in raised] == ["cannot show 0"]
    assert shown.done == 0


def test_two_tasks_take_turns(qtbot: QtBot, worker: Worker, shown: Shown) -> None:
    long, short = Counting(), Counting(10)
    asked_of_the_long_one: list[int] = []
    shown.run(worker, long)
    worker.run(
        short,
        on_item=lambda _: None,
        on_done=lambda: asked_of_the_long_one.append(long.asked),
        on_error=shown.errors.append,
    )
    qtbot.waitUntil(lambda: len(asked_of_the_long_one) == 1)
    assert asked_of_the_long_one[0] <= 20


def test_a_single_result(qtbot: QtBot, worker: Worker, shown: Shown) -> None:
    worker.call(lambda: threading.current_thread().name, shown.item, shown.errors.append)
    qtbot.waitUntil(lambda: len(shown.items) == 1)
    assert shown.items == ["test_0"]


def test_an_iterator_that_is_no_generator(qtbot: QtBot, worker: Worker, shown: Shown) -> None:
    shown.run(worker, lambda: iter("abc"))
    qtbot.waitUntil(lambda: shown.done == 1)
    assert shown.items == ["a", "b", "c"]


def test_closing_ends_all_tasks_and_shows_nothing_more(qtbot: QtBot, shown: Shown) -> None:
    worker = Worker("closing")
    running, paused = Counting(), Counting()
    shown.run(worker, running)
    task = shown.run(worker, paused)
    qtbot.waitUntil(lambda: len(shown.items) > 5)
    task.pause()
    worker.close()
    count = len(shown.items)
    assert running.closed_on == ["closing_0"]
    assert paused.closed_on == ["closing_0"]
    assert not [thread for thread in threading.enumerate() if thread.name == "closing_0"]
    _let_the_window_turn(qtbot)
    assert len(shown.items) == count
    worker.close()


def test_items_are_shown_inside_another_event_loop(worker: Worker, shown: Shown) -> None:
    """A menu, a dialog or a drag turns a loop of its own."""
    loop = QEventLoop()
    worker.run(Counting(20), on_item=shown.item, on_done=loop.quit, on_error=shown.errors.append)
    loop.exec()
    assert shown.items == list(range(20))


def test_a_quick_generator_does_not_starve_the_window(
    qtbot: QtBot, worker: Worker, shown: Shown
) -> None:
    ticks: list[int] = []
    timer = QTimer(interval=0)
    timer.timeout.connect(lambda: ticks.append(len(shown.items)))
    timer.start()
    shown.run(worker, Counting(2_000))
    qtbot.waitUntil(lambda: shown.done == 1)
    timer.stop()
    assert len(set(ticks)) > 10  # the window's own work ran between the items, many times


def _wait_for_turns(qtbot: QtBot, worker: Worker) -> None:
    """Let everything that was queued so far on both threads run."""
    turns: list[None] = []
    worker.call(lambda: None, turns.append, lambda _: None)
    qtbot.waitUntil(lambda: len(turns) == 1)


def _let_the_window_turn(qtbot: QtBot) -> None:
    turned: list[bool] = []
    QTimer.singleShot(0, lambda: turned.append(True))
    qtbot.waitUntil(lambda: bool(turned))
