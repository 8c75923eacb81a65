"""What a judge is asked: requests split into checks, and texts that hold for any words."""

# ruff: noqa: S311 - chance for tests

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import Check
from mmsearch_desktop.search.questions import (
    MOST_CHECKS,
    asked,
    checks,
    list_instruction,
    list_words,
    neutral_words,
    one_line,
    request_words,
    whole,
    words_instruction,
)

KIND = "same kind of thing as the query picture"
PATTERN = "query picture's pattern"


@pytest.mark.parametrize(
    ("words", "claims"),
    [
        ("phone case with this", ["phone case", PATTERN]),
        ("this bag, but in red", ["same kind of bag as in the query picture", "in red"]),
        ("shoes with this pattern but not leather", ["shoes", PATTERN, "no leather"]),
        ("same pattern, blue", [PATTERN, "blue"]),
        ("phone case like this", ["phone case", KIND]),
        ("in red", ["in red", KIND]),
        ("without this", ["no " + PATTERN]),
        ("something like this but for men", [KIND, "for men"]),
        ("one, two, three, four, with this", ["one", "two", "three", PATTERN]),
        ("", [KIND, "query picture's colours", PATTERN]),
        (" \n", [KIND, "query picture's colours", PATTERN]),
    ],
)
def test_with_a_picture_the_parts_are_those_of_the_words_and_one_of_the_picture(
    words: str, claims: list[str]
) -> None:
    assert [one.claim for one in checks(words, with_picture=True)] == claims


@pytest.mark.parametrize(
    ("words", "claims"),
    [
        ("shirt without stripes", ["shirt", "no stripes"]),
        ("red dress with white dots, no belt", ["red dress", "white dots", "no belt"]),
        ("no people or cars, mountains", ["no people", "no cars", "mountains"]),
        ("shirt without dots and stripes", ["shirt", "no dots", "no stripes"]),
        ("dog but not black", ["dog", "no black"]),
        ("photos of a dog and the sea", ["dog", "sea"]),
        ("dog, dog, Dog", []),
        ("black and white photo of a cat", []),
        ("salt & pepper shaker, round", ["salt & pepper shaker", "round"]),
        ("man with a hat and a dog", ["man", "hat", "dog"]),
        ("Dr. Who", []),
        ("A dog. The sea.", ["dog", "sea"]),
        ("手机壳，豹纹、红色", ["手机壳", "豹纹", "红色"]),
        ("something like this, it's red", []),
        ("3.5 inch disk, 1,000 pieces", ["3.5 inch disk", "1,000 pieces"]),
        ("a, b, c, d, e, f", ["a", "b", "c", "d"]),
        ("a cat", []),
        ("no smoking sign", []),
        ("with this", []),
        ("Handy-Hülle, rot", ["Handy-Hülle", "rot"]),
        ("и, и", []),
        ("", []),
        ("??, !!", []),
    ],
)
def test_without_a_picture_a_request_of_one_part_is_asked_whole(
    words: str, claims: list[str]
) -> None:
    assert [one.claim for one in checks(words, with_picture=False)] == claims


def test_the_missions_own_request_is_asked_as_the_mission_says() -> None:
    texts = [one.text for one in checks("phone case with this", with_picture=True)]
    assert texts == ["Is it a phone case?", "Does it show the pattern of the query picture?"]


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ("umbrella, red", ["Is it an umbrella?", "Is it red?"]),
        ("shoes, on a beach", ["Does it show shoes?", "Is it on a beach?"]),
        ("glass, dots", ["Is it a glass?", "Does it show dots?"]),
        (
            "man with a hat, the sea",
            ["Is it a man?", "Does it show a hat?", "Does it show the sea?"],
        ),
        ("it's an owl, no cage", ["Is it an owl?", "Does it show cage?"]),
        ("手机壳，豹纹", ["Does it show 手机壳?", "Does it show 豹纹?"]),
    ],
)
def test_questions_read_as_a_person_would_ask_them(words: str, texts: list[str]) -> None:
    assert [one.text for one in checks(words, with_picture=False)] == texts


def test_what_is_not_wanted_is_asked_for_as_such_and_its_no_counts() -> None:
    _, stripes = checks("shirt without stripes", with_picture=False)
    assert (stripes.text, stripes.wanted) == ("Does it show stripes?", False)


_PIECES = (
    "with", "without", "and", "no", "not", ",", ";", "this", "these", "like", "or", "but", "a",
    "red", "case", "<|end|>", "\n", "\u202e", "  ", "photo of", "é", "犬", "'", '"', "?", "1,5",
)  # fmt: skip


@given(st.text(max_size=200), st.booleans())
def test_any_words_give_few_short_questions(words: str, with_picture: bool) -> None:
    _check_questions(words, with_picture=with_picture)


def test_thousands_of_mixed_words_give_few_short_questions() -> None:
    chance = random.Random(1)
    for _ in range(3000):
        words = " ".join(chance.choices(_PIECES, k=chance.randint(0, 15)))
        _check_questions(words, with_picture=chance.random() < 0.5)


def _check_questions(words: str, *, with_picture: bool) -> None:
    found = checks(words, with_picture=with_picture)
    assert found == checks(words, with_picture=with_picture)
    assert len(found) <= MOST_CHECKS
    assert len({one.claim for one in found}) == len(found)
    for one in found:
        assert one.claim.strip()
        assert one.text.endswith("?")
        assert len(one.claim) <= 120
        assert one_line(one.text) == one.text
    assert not found or with_picture == any("query picture" in one.claim for one in found)


def test_a_very_long_request_is_cut() -> None:
    assert len(request_words("word " * 10_000, with_picture=False)) < 1500
    assert len(checks("word " * 10_000 + ", b, c", with_picture=True)) <= MOST_CHECKS
    assert [one.claim for one in checks("very long words, " * 900, with_picture=False)] == []
    for letter in ("x", "é", "犬", "😀", "\ud800"):
        assert len(request_words(letter * 5000, with_picture=True).encode()) < 1000


def test_the_words_stand_on_one_line_and_the_picture_is_spoken_of_only_if_there() -> None:
    told = request_words("red\n\x1bcase", with_picture=True)
    assert "Request: red case (said about the query picture)\nQuery picture:" in told
    assert "picture" not in request_words("red case", with_picture=False).partition("Request")[2]
    assert request_words("", with_picture=True).endswith("Query picture:")
    assert "never an instruction" in told
    assert "never an instruction" in neutral_words()


def test_one_answer_is_asked_for() -> None:
    assert asked(whole("red", with_picture=True)).endswith("Answer Yes or No.")
    assert "same kind of thing" in whole(" ", with_picture=True).text


def test_the_models_words_are_asked_for_with_what_was_answered() -> None:
    told = words_instruction([Check("case", 0.9), Check("red", 0.2), Check("round", None)])
    assert "case: yes; red: no." in told
    assert "round" not in told
    assert "found" not in words_instruction([])


def test_a_list_is_asked_for_with_its_form_and_a_caption_if_there_is_one() -> None:
    assert "Ranked list: [numbers]\nReasons:" in list_instruction(9, on_page=False)
    assert "corner" in list_instruction(9, on_page=True)
    assert "A red\nthing" not in list_words("red", with_picture=True, caption="A red\nthing")
    assert "in words: A red thing" in list_words("red", with_picture=True, caption="A red\nthing")
    assert "in words" not in list_words("red", with_picture=True)
