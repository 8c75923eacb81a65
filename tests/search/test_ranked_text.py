"""Ranked lists read out of any text: always a permutation, and what was named comes first."""

# ruff: noqa: S311 - chance for tests

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.search.ranked_text import (
    list_is_closed,
    named_numbers,
    read_ranked_list,
    read_reasons,
)

GOOD = (7, 8, 5, 3, 2, 4, 1, 6, 9)
EIGHT = GOOD[:8]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Ranked list: [7, 8, 5, 3, 2, 4, 1, 6, 9]\nReasons: 1 is 2 of 3", GOOD),
        ("[7, 8, 5, 3, 2, 4, 1, 6]", EIGHT),
        ("[7, 7, 8, 5, 3, 8, 2, 4, 1, 6, 9]", GOOD),
        ("[7, 8, 12, 5, 3, 0, 2, 4, 1, 6, 9999, 9]", GOOD),
        ("Ranked list: 7, 8, 5, 3, 2, 4, 1, 6, 9", GOOD),
        ("[]", ()),
        ("[1-9]", tuple(range(1, 10))),
        ("#7, #8, #5, #3, #2, #4, #1, #6, #9", GOOD),
        ("Of the [9] photos, best [first]: [7, 8, 5, 3, 2, 4, 1, 6, 9]", GOOD),
        ("Ranked list: [7, 8, 5, 3", (7, 8, 5, 3)),
        ("[7, 8, 5]\n[3, 2, 4]\n[1, 6, 9]", GOOD),
        ("[7, 8, 5, 3, 2, 4, 1, 6, 9,]", GOOD),
        ("I am sorry, but I cannot rank these photos.", ()),
        ('{"ranking": [7, 8, 5, 3, 2, 4, 1, 6, 9], "sure": 0.75}', GOOD),
        ("seven, eight, five, three, two, four, one, six, nine", GOOD),
        # and some more
        ("1. photo 7\n2. photo 8\n3. photo 5", (7, 8, 5)),
        ('[{"id": 7, "score": 0.98}, {"id": 8, "score": 0.51}]', (7, 8)),
        ("7 > 8 > 5", (7, 8, 5)),
        ("[9-1]", tuple(range(9, 0, -1))),
        ("", ()),
    ],
)
def test_the_kinds_of_lists_that_judges_write(text: str, named: tuple[int, ...]) -> None:
    assert named_numbers(text, 9) == named
    if len(named) >= 8:
        assert read_ranked_list(text, 9) == (*named, *sorted(set(range(1, 10)) - set(named)))


def test_the_seed_articles_own_list_keeps_hit_9() -> None:
    assert read_ranked_list("[7,8,5,3,2,4,1,6]", 9) == GOOD


def test_what_is_not_named_keeps_its_place() -> None:
    assert read_ranked_list("[5, 1]", 5) == (5, 2, 3, 4, 1)
    assert read_ranked_list("no idea", 3) == (1, 2, 3)


def test_numbers_up_to_fifty_may_be_spelled() -> None:
    assert named_numbers("forty-two, twenty, nineteen, fifty", 50) == (42, 20, 19, 50)


@given(st.text(max_size=300), st.integers(1, 50))
def test_any_text_gives_a_permutation(text: str, count: int) -> None:
    assert sorted(read_ranked_list(text, count)) == list(range(1, count + 1))
    read_reasons(text, count, 1)


def test_ten_thousand_spoilt_lists_give_permutations() -> None:
    chance = random.Random(1)
    pieces = ["[", "]", ",", " ", "\n", "Ranked list:", "Reasons:", "#", "-", "1.", "}", "{", '"',
              "to", "twenty", "seven", "٣", "²", "0.5", "photo ", "99999999999"]  # fmt: skip
    for _ in range(10_000):
        count = chance.randint(1, 20)
        numbers = [str(chance.randint(-1, 22)) for _ in range(8)]
        text = "".join(chance.choices(pieces + numbers, k=chance.randint(0, 40)))
        assert sorted(read_ranked_list(text, count)) == list(range(1, count + 1))
        reasons = read_reasons(text, count, 1)
        assert all(1 <= number <= count and reason for number, reason in reasons.items())


def test_a_flood_of_text_is_read_in_time() -> None:
    for flood in ("[" * 200_000, "1. 2" * 200_000, "Reasons:" * 100_000, "1 - " * 100_000):
        assert sorted(read_ranked_list(flood, 9)) == list(range(1, 10))
        read_reasons(flood, 9, 1)


def test_the_list_is_closed_once_the_reasons_begin() -> None:
    assert not list_is_closed("Ranked list: [1, 2]")
    assert list_is_closed("Ranked list: [1, 2]\nReasons:")


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("\n2: a red case.\n1: no pattern.", {2: "a red case.", 1: "no pattern."}),
        (" Photo 2 shows a red case. Photo 1 is blue", {2: "shows a red case.", 1: "is blue"}),
        ("\n[2] - red\n[1] - blue", {2: "red", 1: "blue"}),
        ("\n- **2**: red\n- **1**: blue", {2: "red", 1: "blue"}),
        ("\n2: red\n7: there is no such photo", {2: "red\n7: there is no such photo"}),
        ("\n2: first\n2: again", {2: "first"}),
        (" it has 3 stripes and a red case", {2: "it has 3 stripes and a red case"}),
        ("", {}),
    ],
)
def test_reasons_are_told_apart_where_they_can_be(text: str, reasons: dict[int, str]) -> None:
    assert read_reasons(f"Ranked list: [2, 1]\nReasons:{text}", 3, 2) == reasons


def test_without_reasons_there_are_none() -> None:
    assert read_reasons("Ranked list: [2, 1]", 2, 2) == {}
