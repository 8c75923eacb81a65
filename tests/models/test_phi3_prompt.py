"""Prompts, answer words and ranked lists, with the tiny tokenizer."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import ModelProblem, WeightsDamaged, WeightsMissing
from mmsearch_desktop.models.phi3_prompt import (
    ListFrame,
    Phi3Tokenizer,
    RankedList,
    Writing,
    clean,
    picture_tag,
    user_turn,
)
from tests.models.tiny_phi3 import ANSWERS, tiny_tokenizer

_TAGS = ("<|end|>", "<|user|>", "<|assistant|>", "<|image_1|>", "<|image_2|>", "<s>", "</s>")
_TYPED = st.lists(st.one_of(st.text(), st.sampled_from((*_TAGS, "<", "|>", "\n")))).map("".join)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Phi3Tokenizer:
    return Phi3Tokenizer(_written(tmp_path_factory.mktemp("tokenizer"), tiny_tokenizer()))


def _written(folder: Path, content: object) -> Path:
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


@given(words=_TYPED)
def test_typed_tags_are_ordinary_text(words: str, tokenizer: Phi3Tokenizer) -> None:
    ids = tokenizer.ids(clean(words))
    assert ids[0] == 1
    assert not tokenizer.control_ids.intersection(ids[1:])
    assert tokenizer.prompt(clean(words), ()).ids == tuple(ids)


@given(words=_TYPED, question=_TYPED)
def test_typed_tags_take_no_place_in_a_prompt(
    words: str, question: str, tokenizer: Phi3Tokenizer
) -> None:
    text = user_turn(f"{clean(words)}\n{picture_tag(1)}{clean(question)}")
    prompt = tokenizer.prompt(text, [13])
    assert prompt.ids.count(-1) == 13
    assert (*prompt.before(1), *[-1] * 13, *prompt.after(1)) == prompt.ids
    control = [one for one in prompt.ids if one in tokenizer.control_ids]
    begins, user, end, assistant = 1, "<|user|>", "<|end|>", "<|assistant|>"
    wanted = [begins, *tokenizer.plain_ids(user), begins]
    wanted += [*tokenizer.plain_ids(end), *tokenizer.plain_ids(assistant)]
    assert control == wanted


def test_every_piece_of_a_prompt_begins_anew(tokenizer: Phi3Tokenizer) -> None:
    prompt = tokenizer.prompt("a<|image_1|><|image_2|>b", [2, 3])
    a, b = tokenizer.ids("a"), tokenizer.ids("b")
    assert prompt.ids == (*a, -1, -1, 1, -2, -2, -2, *b)


@pytest.mark.parametrize(
    ("text", "pictures"),
    [
        ("none", 1),
        ("<|image_1|>", 0),
        ("<|image_2|><|image_1|>", 2),
        ("<|image_1|><|image_1|>", 2),
        ("<|image_1|><|image_3|>", 2),
    ],
)
def test_tags_that_are_not_the_pictures_in_order_are_refused(
    text: str, pictures: int, tokenizer: Phi3Tokenizer
) -> None:
    with pytest.raises(ValueError, match="the prompt has the pictures"):
        tokenizer.prompt(text, [13] * pictures)


def test_answer_words_are_found_in_all_their_forms(tokenizer: Phi3Tokenizer) -> None:
    spelled = {tokenizer.text([one]) for one in (*tokenizer.yes_ids, *tokenizer.no_ids)}
    assert spelled == set(ANSWERS)
    assert len(set(tokenizer.yes_ids)) == len(set(tokenizer.no_ids)) == 6
    assert not set(tokenizer.yes_ids) & set(tokenizer.no_ids)


def _orders() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(1, 60), st.integers(0, 2**32))


@given(asked=_orders())
def test_any_walk_through_a_list_is_a_permutation(
    asked: tuple[int, int], tokenizer: Phi3Tokenizer
) -> None:
    count, seed = asked
    chance, walk, ids = random.Random(seed), RankedList(tokenizer, count), []  # noqa: S311
    while not walk.done:
        ids.append(chance.choice(walk.allowed()))
        walk.take(ids[-1])
    assert walk.allowed() == ()
    text = tokenizer.text(ids)
    assert text.startswith("Ranked list: [")
    assert text.endswith("]\nReasons:")
    numbers = [int(part) for part in text[14:-10].split(", ")]
    assert sorted(numbers) == list(range(1, count + 1))
    assert len(ids) == walk.most_tokens
    assert ids == tokenizer.plain_ids(text)  # as the model itself would have written it


def test_a_list_can_be_framed_otherwise(tokenizer: Phi3Tokenizer) -> None:
    walk, ids = RankedList(tokenizer, 3, ListFrame("best: ", " > ", ".")), []
    while not walk.done:
        ids.append(walk.allowed()[-1])
        walk.take(ids[-1])
    assert tokenizer.text(ids) == "best: 3 > 2 > 1."


def test_a_list_of_nothing_is_refused(tokenizer: Phi3Tokenizer) -> None:
    with pytest.raises(ValueError, match="list of 0"):
        RankedList(tokenizer, 0)


@given(text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\ufffd")))
def test_text_comes_whole_though_it_comes_in_pieces(text: str, tokenizer: Phi3Tokenizer) -> None:
    ids = tokenizer.plain_ids(clean(text))
    writing = Writing(tokenizer)
    pieces = [writing.add(one) for one in ids]
    assert "".join(pieces) == tokenizer.text(ids)
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_missing_or_damaged_tokenizer_is_explained(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="no such file"):
        Phi3Tokenizer(tmp_path / "tokenizer.json")
    damaged: list[object] = [[], {}, {"model": {}}, {"model": {"vocab": [], "merges": []}}]
    for content in damaged:
        with pytest.raises(WeightsDamaged, match=r"tokenizer\.json"):
            Phi3Tokenizer(_written(tmp_path, content))
    strange = {"model": {"type": "Magic", "vocab": {}, "merges": []}}  # a plain Exception, there
    for content in (strange, tiny_tokenizer() | {"normalizer": {"type": "Magic"}}):
        with pytest.raises(WeightsDamaged, match=r"tokenizer\.json: is no tokenizer.*again"):
            Phi3Tokenizer(_written(tmp_path, content))
    (tmp_path / "tokenizer.json").write_bytes(b"\xff{")
    with pytest.raises(WeightsDamaged, match=r"tokenizer\.json"):
        Phi3Tokenizer(tmp_path / "tokenizer.json")


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    content = tiny_tokenizer()
    with pytest.raises(WeightsDamaged, match="the model knows 10"):
        Phi3Tokenizer(_written(tmp_path, content), 10)
    without_end: dict[str, Any] = {
        **content,
        "added_tokens": [one for one in content["added_tokens"] if one["content"] != "<|end|>"],
    }
    with pytest.raises(ModelProblem, match=r"<\|end\|>"):
        Phi3Tokenizer(_written(tmp_path, without_end))


def test_a_tokenizer_without_yes_is_no_judge(tmp_path: Path) -> None:
    content = tiny_tokenizer()
    words = content["model"]["vocab"]
    content["model"]["vocab"] = {
        word if word.strip("▁").lower() != "yes" else f"{word}!": number
        for word, number in words.items()
    }
    content["model"]["merges"] = []
    with pytest.raises(ModelProblem, match="'yes'"):
        _ = Phi3Tokenizer(_written(tmp_path, content)).yes_ids
