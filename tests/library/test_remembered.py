"""Answers that hold until the next write, and not a moment longer."""

from __future__ import annotations

from mmsearch_desktop.library.remembered import Remembered


class Counted:
    """Something to ask that counts how often it was asked, and how often it was written to."""

    def __init__(self) -> None:
        self.writes = self.asked = 0
        self.remembered = Remembered(lambda: self.writes)

    def answer(self, question: str) -> tuple[str, int]:
        def find() -> tuple[str, int]:
            self.asked += 1
            return question, self.writes

        return self.remembered.answer(question, find)


def test_the_same_question_is_looked_up_once_until_something_is_written() -> None:
    counted = Counted()
    assert counted.answer("a") == counted.answer("a") == ("a", 0)
    assert counted.answer("b") == ("b", 0)
    assert counted.asked == 2
    counted.writes += 1
    assert counted.answer("a") == ("a", 1)
    assert counted.asked == 3


def test_an_answer_that_a_write_has_overtaken_is_not_kept() -> None:
    counted = Counted()

    def find() -> str:
        counted.writes += 1  # by another thread, meanwhile
        return "old"

    assert counted.remembered.answer("a", find) == "old"
    assert counted.answer("a") == ("a", 1)


def test_only_the_latest_questions_are_kept() -> None:
    counted = Counted()
    for number in range(40):
        counted.answer(str(number))
    counted.answer("39")
    assert counted.asked == 40
    counted.answer("0")
    assert counted.asked == 41


def test_what_one_write_leaves_true_is_kept_as_it_is_now() -> None:
    counted = Counted()
    counted.answer("a")
    counted.answer("b")
    before, counted.writes = counted.writes, counted.writes + 1
    counted.remembered.carry(before, lambda asked, _: (asked, 1) if asked == "a" else None)
    assert (counted.answer("a"), counted.asked) == (("a", 1), 2)
    assert (counted.answer("b"), counted.asked) == (("b", 1), 3)


def test_nothing_is_kept_where_another_write_came_as_well() -> None:
    counted = Counted()
    counted.answer("a")
    before, counted.writes = counted.writes, counted.writes + 2
    counted.remembered.carry(before, lambda asked, _: (asked, 1))
    assert counted.answer("a") == ("a", 2)


def test_an_answer_found_after_the_write_is_left_alone() -> None:
    counted = Counted()
    counted.answer("a")
    before, counted.writes = counted.writes, counted.writes + 1
    assert counted.answer("a") == ("a", 1)
    counted.remembered.carry(before, lambda asked, _: (asked, 99))
    assert counted.answer("a") == ("a", 1)
