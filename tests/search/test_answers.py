"""A judge's answers read: scores into verdicts, and any text into a plain line."""

# ruff: noqa: S311 - chance for tests

from __future__ import annotations

import math
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import Check, Score, Standing
from mmsearch_desktop.search.answers import Answer, ended, plain, rationale, verdict
from mmsearch_desktop.search.questions import Question

WHOLE = Question("the whole request", "Does it fit?")
CASE = Question("phone case", "Is it a phone case?")
STRIPES = Question("no stripes", "Does it show stripes?", wanted=False)


def _answer(question: Question, logit: float, base: float | None = 0.0) -> Answer:
    return Answer(question, Score(logit, 0.9), None if base is None else Score(base, 0.9))


def test_the_score_is_the_mean_of_the_whole_and_of_its_parts() -> None:
    found = verdict([_answer(WHOLE, 4), _answer(CASE, 3), _answer(STRIPES, -1)], "judge")
    assert found.score == pytest.approx((4 + (3 + 1) / 2) / 2)
    assert found.probability == pytest.approx(1 / (1 + math.exp(-3)))
    assert found.standing is Standing.JUDGED
    whole, case, stripes = found.rationale.split(" / ")
    assert whole == "the whole request: yes 98 %"
    assert case == "phone case: yes 95 %"
    assert stripes == "no stripes: yes 73 %"


def test_turning_one_check_changes_score_and_tooltip() -> None:
    def judged(case: float) -> tuple[float | None, str]:
        found = verdict([_answer(WHOLE, 1), _answer(CASE, case)], "judge")
        return found.score, found.rationale

    assert judged(2)[0] != judged(-2)[0]
    assert judged(2)[1] == "the whole request: yes 73 % / phone case: yes 88 %"
    assert judged(-2)[1] == "the whole request: yes 73 % / phone case: no 88 %"


@pytest.mark.parametrize("base", [0.0, 3.0, -7.5])
def test_a_picture_of_nothing_is_the_zero_of_the_scale(base: float) -> None:
    assert verdict([_answer(WHOLE, base + 2, base)], "j").score == pytest.approx(2)
    assert verdict([_answer(STRIPES, base + 2, base)], "j").score == pytest.approx(-2)


@pytest.mark.parametrize("base", [None, math.nan, math.inf])
def test_without_a_usable_zero_nothing_is_taken_away(base: float | None) -> None:
    assert verdict([_answer(WHOLE, 2, base)], "j").score == 2


@pytest.mark.parametrize("answered", [0.49, 0.0, -1.0, math.nan])
def test_not_answering_the_question_has_no_weight(answered: float) -> None:
    unsure = verdict([Answer(WHOLE, Score(5, answered)), _answer(CASE, 9)], "judge")
    assert (unsure.standing, unsure.score, unsure.probability) == (Standing.UNSURE, None, None)
    assert unsure.rationale == "The judge answered neither yes nor no / phone case: yes 99 %"
    part = verdict([_answer(WHOLE, 1), Answer(CASE, Score(9, answered))], "judge")
    assert part.score == 1
    assert part.rationale.endswith("phone case: no answer")


@pytest.mark.parametrize("logit", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_judgement(logit: float) -> None:
    failed = verdict([Answer(WHOLE, Score(logit, 1.0))], "judge")
    assert (failed.standing, failed.score) == (Standing.FAILED, None)
    assert failed.rationale == "Not judged: the judge's answer is not a number"
    assert verdict([_answer(WHOLE, 1), _answer(CASE, logit)], "judge").score == 1


def test_ten_thousand_random_answers_give_verdicts() -> None:
    chance = random.Random(1)
    odd = [math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0, 5e-324]
    for _ in range(10_000):
        scores = [
            Score(chance.choice([*odd, chance.gauss(0, 9)]), chance.choice([*odd, chance.random()]))
            for _ in range(6)
        ]
        asked = [WHOLE, CASE, STRIPES][: chance.randint(1, 3)]
        answers = [Answer(one, scores.pop(), chance.choice([None, scores.pop()])) for one in asked]
        found = verdict(answers, "judge")
        assert found.rationale
        if found.standing is Standing.JUDGED:
            assert found.score is not None
            assert not math.isnan(found.score)
            assert found.probability is not None
            assert 0 <= found.probability <= 1
        else:
            assert found.score is None


def test_what_a_person_typed_is_plain_in_the_checks_too() -> None:
    typed = Question("<b>case</b>\u202e http://x.example", "Is it?")
    (check,) = verdict([_answer(typed, 1)], "judge").checks
    assert check.claim == "‹b›case‹/b› …"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("It shows a cat.", "It shows a cat."),
        ("“It shows a cat.”", "“It shows a cat.”"),
        ("It shows a cat that", "It shows a cat that…"),
        ("它是一只猫。", "它是一只猫。"),
    ],
)
def test_a_sentence_that_was_cut_off_says_so(text: str, shown: str) -> None:
    assert ended(text) == shown
    assert ended(shown) == shown


def test_no_answer_is_quite_sure() -> None:
    assert rationale([Check("case", 1.0), Check("red", 0.0)]) == "case: yes 99 % / red: no 99 %"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n\tb\x00c", "a b c"),
        ("\u202eevil\u202c \u2066x\u2069\u200b\ufeff", "evil x"),
        ("<a href='x'>&amp;</a>", "‹a href='x'›&amp;‹/a›"),
        ("see https://bad.example/x?y=1 now", "see … now"),
        ("www.bad.example and mailto:me@x", "… and …"),
        ("\x1b[31mred", "[31mred"),
        ("e" + "\u0301" * 50, "e\u0301\u0301"),
        ("\ud800lone", "lone"),
        ("", ""),
    ],
)
def test_texts_become_plain(text: str, line: str) -> None:
    assert plain(text) == line


@given(st.text(max_size=600))
def test_any_text_becomes_one_short_plain_line(text: str) -> None:
    _check_plain(plain(text))


def test_thousands_of_hostile_texts_become_plain() -> None:
    chance = random.Random(2)
    pieces = ["<b>", "\u202e", "http://", "javascript:", "\x1b]0;", "e\u0301\u0301\u0301", "ab ",
              "\r\n", "\u2028", "{", '"', "file:///", "\ue000", "😀", "\u200d"]  # fmt: skip
    for _ in range(3000):
        _check_plain(plain("".join(chance.choices(pieces, k=chance.randint(0, 200)))))


def _check_plain(line: str) -> None:
    assert len(line) <= 300
    assert not set("<>\n\r\t") & set(line)
    assert "://" not in line or not line.partition("://")[0][-1:].isalpha()
    assert not [letter for letter in line if unicodedata.category(letter)[0] == "C"]
