"""The judge on a tiny random model: shared prefixes, steps, lists, memory."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import re
import sys
import weakref
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    JudgeName,
    ModelProblem,
    QueryProblem,
    Score,
    Shown,
    WeightsMissing,
)
from mmsearch_desktop.models.device import cpu
from mmsearch_desktop.models.phi3_judge import (
    Phi3Judge,
    Prepared,
    name_of,
    open_judge,
    opening_judge,
)
from mmsearch_desktop.models.phi3_loading import load
from mmsearch_desktop.models.phi3_prompt import Phi3Tokenizer, clean, user_turn
from mmsearch_desktop.models.phi3_steps import FeatureCache, empty_device, encode, finish
from mmsearch_desktop.models.phi3_vision import Phi3Vision
from tests.fakes import flat_picture
from tests.models.tiny_phi3 import PICTURE_TOKENS, write_tiny_phi3

_COLOURS = ("red", "green", "blue", "white", "black")
_QUESTION = "Is it the picture?"
_TEXT = st.lists(st.one_of(st.text(), st.sampled_from(["<|end|>", "<|image_1|>", "<|user|>"])))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_phi3(tmp_path_factory.mktemp("models") / "phi3")


@pytest.fixture(scope="module")
def judge(folder: Path) -> Phi3Judge:
    return open_judge(folder, cpu(), name="Tiny")


class CountingModel(Phi3Vision):
    """The model, telling how often it was asked to compute, and failing when told to."""

    forwards = 0
    encodings = 0
    fails = False

    def read(self, *args: object, **kwargs: object) -> torch.Tensor:
        if self.fails:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.forwards += 1
        return super().read(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    def patches(self, pixels: torch.Tensor) -> torch.Tensor:
        self.encodings += 1
        return super().patches(pixels)


@dataclasses.dataclass
class Counted:
    model: CountingModel
    judge: Phi3Judge


@pytest.fixture
def counted(folder: Path) -> Counted:
    model = finish(load(folder, "float32", cpu()))
    model.__class__ = CountingModel
    assert isinstance(model, CountingModel)
    return Counted(model, Phi3Judge(model, _tokenizer(folder), name="Tiny", revision="1"))


def _tokenizer(folder: Path) -> Phi3Tokenizer:
    return Phi3Tokenizer(folder / "tokenizer.json")


def _prepare(judge: Phi3Judge, words: str = "a red case", picture: str | None = "red") -> Prepared:
    shown = flat_picture(picture) if picture else None
    return judge.prepare(words, shown, picture, lead_in="Candidate: ", question=_QUESTION)


def _score(judge: Phi3Judge, prepared: Prepared, colour: str) -> Score:
    return judge.score(prepared, flat_picture(colour), colour)


# --------------------------------------------------------------------------- one by one


@pytest.mark.parametrize("picture", [None, "red"])
def test_a_shared_prefix_gives_the_scores_of_full_prompts(
    picture: str | None, judge: Phi3Judge, folder: Path
) -> None:
    prepared = _prepare(judge, picture=picture)
    shared = [_score(judge, prepared, colour) for colour in _COLOURS]
    alone = [_score_of_full_prompt(folder, picture, colour) for colour in _COLOURS]
    for ours, theirs in zip(shared, alone, strict=True):
        assert ours.logit == pytest.approx(theirs.logit, abs=1e-4)
        assert ours.answered == pytest.approx(theirs.answered, abs=1e-4)
    assert len({round(one.logit, 3) for one in shared}) > 1


def _score_of_full_prompt(folder: Path, picture: str | None, colour: str) -> Score:
    """The official prompt, written out, read at once."""
    model, tokenizer = finish(load(folder, "float32", cpu())), _tokenizer(folder)
    colours = [colour] if picture is None else [picture, colour]
    reference = "" if picture is None else "<|image_1|>\n"
    content = f"a red case\n{reference}Candidate: <|image_{len(colours)}|>\n{_QUESTION}"
    prompt = tokenizer.prompt(user_turn(content), [PICTURE_TOKENS] * len(colours))
    features = [finish(encode(model, flat_picture(one), 1)) for one in colours]
    state = model.read(model.embed(prompt.ids, features), model.new_cache())[-1]
    chances = model.logits(state).softmax(-1)
    yes, no = (float(chances[list(ids)].sum()) for ids in (tokenizer.yes_ids, tokenizer.no_ids))
    odds = torch.logit(torch.tensor(yes / (yes + no), dtype=torch.float64))
    return Score(float(odds), yes + no)


def test_candidates_do_not_move_each_others_scores(judge: Phi3Judge) -> None:
    prepared = _prepare(judge)
    forth = {colour: _score(judge, prepared, colour) for colour in _COLOURS}
    back = {colour: _score(judge, prepared, colour) for colour in reversed(_COLOURS)}
    assert forth == back


def test_checks_are_asked_as_if_alone(judge: Phi3Judge) -> None:
    prepared = _prepare(judge)
    questions = ("Is it red?", _QUESTION, "Is it a case? " * 3)
    picture = flat_picture("blue")
    together = judge.check(prepared, picture, "blue", questions)
    alone = [judge.check(_prepare(judge), picture, None, (one,))[0] for one in questions]
    assert [one.logit for one in together] == pytest.approx([one.logit for one in alone], abs=1e-4)
    assert together[1] == _score(judge, prepared, "blue")


def test_a_candidate_is_read_once_for_all_that_is_asked(counted: Counted) -> None:
    prepared = _prepare(counted.judge)
    counted.model.forwards = 0
    _score(counted.judge, prepared, "blue")
    assert counted.model.forwards == 2  # its picture, the question
    counted.judge.check(prepared, flat_picture("blue"), "blue", ("A?", "B?"))
    assert counted.model.forwards == 4
    _score(counted.judge, prepared, "red")
    assert counted.model.forwards == 6


def test_features_are_kept_by_content(counted: Counted) -> None:
    prepared = _prepare(counted.judge, picture="red")
    assert counted.model.encodings == 1
    _score(counted.judge, prepared, "red")
    assert counted.model.encodings == 1
    counted.judge.check(prepared, flat_picture("red"), None, ("A?", "B?"))
    assert counted.model.encodings == 2


def test_answered_is_the_probability_of_yes_and_no(judge: Phi3Judge) -> None:
    score = _score(judge, _prepare(judge), "green")
    assert 0 < score.answered < 1
    assert -50 < score.logit < 50


def test_a_broken_model_gives_no_number_rather_than_a_wrong_one(counted: Counted) -> None:
    counted.model.decoder.lm_head.weight.data.fill_(float("nan"))
    score = _score(counted.judge, _prepare(counted.judge), "red")
    assert score.logit != score.logit
    assert score.answered != score.answered


@settings(max_examples=25, deadline=None)
@given(words=_TEXT.map("".join), question=_TEXT.map("".join))
def test_any_words_can_be_asked(words: str, question: str, judge: Phi3Judge) -> None:
    prepared = judge.prepare(words[:300], None, question=question[:300])
    score = judge.score(prepared, flat_picture("red"), "red")
    assert 0 <= score.answered <= 1


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000), (1, 1), (3000, 2), (20000, 30)])
def test_pictures_of_extreme_shapes_are_judged_as_any(
    size: tuple[int, int], judge: Phi3Judge
) -> None:
    strip = flat_picture("red", size)
    prepared = judge.prepare("a red case", strip, None, lead_in="Candidate: ", question=_QUESTION)
    score = judge.score(prepared, strip, None)
    assert -50 < score.logit < 50
    page = Shown(strip, num_crops=9)
    pieces = judge.rank("x", strip, None, [page], 2, instruction="Rank.", max_tokens=5)
    assert "".join(pieces).startswith("Ranked list: [")


# --------------------------------------------------------------------------- text


def test_writing_is_greedy_and_comes_in_pieces(judge: Phi3Judge, folder: Path) -> None:
    prepared = _prepare(judge)
    pieces = list(judge.write(prepared, flat_picture("blue"), "blue", "Say why.", 12))
    assert "".join(pieces) == "".join(
        judge.write(prepared, flat_picture("blue"), "blue", "Say why.", 12)
    )
    whole = "".join(judge.write(_prepare(judge), flat_picture("blue"), None, "Say why.", 12))
    assert whole == "".join(pieces)
    assert 0 < len(pieces) <= 14  # twelve tokens, and "" for the picture and the instruction


def test_writing_ends_at_a_stop_id(counted: Counted, folder: Path) -> None:
    stop = _tokenizer(folder).stop_ids[-1]
    head = counted.model.decoder.lm_head.weight.data
    state = counted.model.read(counted.model.embed([5], ()), counted.model.new_cache())[-1]
    head.copy_(torch.zeros_like(head))
    prepared = _prepare(counted.judge)
    head[stop] = state / state.norm()
    head[7] = -head[stop]  # whichever way the state points, only the stop id or 7 comes
    text = "".join(counted.judge.write(prepared, flat_picture("red"), "red", "Say why.", 40))
    assert "<|" not in text


def test_a_caption_is_written_of_one_picture(judge: Phi3Judge) -> None:
    pieces = list(judge.caption(flat_picture("red"), "red", instruction="Describe.", max_tokens=9))
    assert 0 < len(pieces) <= 10


@pytest.mark.parametrize("count", range(1, 21))
def test_a_list_is_a_permutation_however_hot(count: int, judge: Phi3Judge) -> None:
    pages = [Shown(flat_picture(_COLOURS[n % 5]), _COLOURS[n % 5], f"[{n + 1}] ") for n in range(3)]
    steps = judge.rank(
        "a red case",
        flat_picture("red"),
        "red",
        pages,
        count,
        instruction="Rank them.",
        max_tokens=5,
        temperature=5,
        seed=count,
    )
    text = "".join(steps)
    found = re.fullmatch(r"Ranked list: \[([0-9, ]+)\]\nReasons:", text)
    assert found is not None
    numbers = [int(part) for part in found[1].split(", ")]
    assert sorted(numbers) == list(range(1, count + 1))


def test_reasons_follow_the_list(judge: Phi3Judge) -> None:
    page = Shown(flat_picture("red"), num_crops=4)
    text = "".join(judge.rank("x", None, None, [page], 2, instruction="Rank.", max_tokens=60))
    assert text.startswith("Ranked list: [")
    assert len(text.split("Reasons:")[1]) > 0


def test_a_broken_model_still_lists_every_number(counted: Counted) -> None:
    counted.model.decoder.lm_head.weight.data.fill_(float("nan"))
    for temperature in (0, 5):
        pieces = counted.judge.rank(
            "x", None, None, [], 5, instruction="", max_tokens=1, temperature=temperature
        )
        assert sorted(re.findall(r"\d+", "".join(pieces))) == list("12345")


# --------------------------------------------------------------------------- room


def test_too_many_words_are_refused_with_the_figures(judge: Phi3Judge) -> None:
    with pytest.raises(QueryProblem, match=r"\d+ tokens, but it reads 4096.*Shorten"):
        judge.prepare("word " * 5000)
    prepared = _prepare(judge)
    with pytest.raises(QueryProblem, match="Shorten"):
        judge.check(prepared, flat_picture("red"), "red", ("word " * 5000,))
    with pytest.raises(QueryProblem, match="Shorten"):
        list(judge.write(prepared, flat_picture("red"), "red", "Say why.", 4096))
    many = [Shown(flat_picture("red"), "red")] * 320
    with pytest.raises(QueryProblem, match="fewer pictures"):
        list(judge.rank("x", None, None, many, 9, instruction="Rank."))
    assert 0 < _score(judge, prepared, "red").answered < 1  # still of use


def test_prompt_and_new_tokens_stay_within_the_context(tmp_path: Path) -> None:
    folder = write_tiny_phi3(tmp_path / "short", context_tokens=120)
    judge = open_judge(folder, cpu(), name="Short")
    pieces = list(judge.rank("x", None, None, [], 3, instruction="", max_tokens=500))
    ids = _tokenizer(folder).prompt(user_turn(f"{clean('x')}\n"), ()).ids
    assert len(ids) + sum(1 for _ in pieces) - 1 <= 120


# --------------------------------------------------------------------------- cancelling


def test_every_step_computes_little(counted: Counted) -> None:
    preparing = counted.judge.preparing("word " * 300, flat_picture("red"), "red")
    steps = 0
    before = (0, 0)
    for _ in preparing:
        now = (counted.model.forwards, counted.model.encodings)
        assert sum(now) - sum(before) == 1
        before, steps = now, steps + 1
    assert steps > 4


def test_nothing_is_computed_once_closed(counted: Counted) -> None:
    prepared = _prepare(counted.judge)
    expected = _score(counted.judge, prepared, "red")
    for steps_taken in range(6):
        writing = counted.judge.write(prepared, flat_picture("blue"), "blue", "Say why.", 9)
        list(islice(writing, steps_taken))
        forwards = counted.model.forwards
        _close(writing)
        scoring = counted.judge.scoring(prepared, flat_picture("green"), "green")
        list(islice(scoring, steps_taken % 3))
        assert counted.model.forwards <= forwards + 3
        scoring.close()
        assert _score(counted.judge, prepared, "red") == expected


def _close(pieces: Iterator[str]) -> None:
    assert hasattr(pieces, "close")
    pieces.close()


def test_loading_can_be_cancelled(folder: Path) -> None:
    opening = opening_judge(folder, cpu(), name="Tiny")
    assert next(opening) > 0
    opening.close()


# --------------------------------------------------------------------------- memory


def test_memory_returns_after_unloading(folder: Path) -> None:
    judge = open_judge(folder, cpu(), name="Tiny")
    prepared = _prepare(judge)
    _score(judge, prepared, "red")
    assert judge._loaded is not None
    model = weakref.ref(judge._loaded)
    weight = weakref.ref(judge._loaded.decoder.lm_head.weight)
    keys = weakref.ref(prepared.cache.layers[0].keys)
    assert judge.features.size_bytes > 0
    judge.unload()
    gc.collect()
    assert model() is None
    assert weight() is None
    assert keys() is None
    assert judge.features.size_bytes == 0
    assert prepared.cache.length == 0
    with pytest.raises(ModelProblem, match="Tiny is not loaded any more"):
        _score(judge, prepared, "red")
    judge.unload()


def test_what_the_processor_had_goes_back_to_the_system() -> None:
    """Layers of a few MB are not returned by glibc of itself, once larger ones were."""
    if sys.platform != "linux":
        empty_device(torch.device("cpu"))  # does no harm
        return
    pieces = [torch.ones(5 * 2**20 // 4) for _ in range(2)]
    del pieces  # from now on pieces of this size are kept for later
    pieces = [torch.ones(4 * 2**20 // 4) for _ in range(50)]
    held, pieces[:-1] = _resident_megabytes(), []  # the last one holds the others' place
    empty_device(torch.device("cpu"))
    assert held - _resident_megabytes() > 150


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_running_out_of_memory_is_explained_and_survived(counted: Counted) -> None:
    prepared = _prepare(counted.judge)
    expected = _score(counted.judge, prepared, "red")
    counted.model.fails = True
    with pytest.raises(DeviceOutOfMemory, match="Tiny ran out of memory"):
        _score(counted.judge, prepared, "blue")
    counted.model.fails = False
    assert _score(counted.judge, prepared, "red") == expected


def test_other_errors_are_not_taken_for_it(counted: Counted) -> None:
    counted.model.decoder.lm_head.weight.data = torch.zeros(3, 3)
    with pytest.raises(RuntimeError, match="shape"):
        _score(counted.judge, _prepare(counted.judge), "red")


def test_the_oldest_features_go_first() -> None:
    kept = FeatureCache(100)
    forty = torch.zeros(10)
    for key in ("a", "b"):
        kept.put(key, 1, forty.clone())
    assert kept.get("a", 1) is not None
    kept.put("c", 1, forty.clone())
    assert kept.get("b", 1) is None
    assert kept.get("a", 4) is None
    assert kept.get(None, 1) is None
    kept.put("large", 1, torch.zeros(1000))
    kept.put("a", 1, forty)
    assert kept.size_bytes == 80


# --------------------------------------------------------------------------- identity


def test_who_a_judge_would_be_is_known_without_loading_it(folder: Path, tmp_path: Path) -> None:
    judge = open_judge(folder, cpu(), name="Tiny")
    who = JudgeName(judge.name, judge.revision, judge.prompt_version)
    assert name_of(folder, cpu(), name="Tiny") == who
    other = write_tiny_phi3(tmp_path / "other", seed=1)
    assert name_of(other, cpu(), name="Tiny") != who
    for name in ("tokenizer.json", "model.safetensors", "config.json"):
        (other / name).unlink()
        with pytest.raises(WeightsMissing, match=name):
            name_of(other, cpu(), name="Tiny")


def test_a_revision_says_what_could_change_a_score(folder: Path, tmp_path: Path) -> None:
    named = open_judge(folder, cpu(), name="Tiny", revision="abc")
    assert named.revision == "abc-1-float32"
    same, other = write_tiny_phi3(tmp_path / "a"), write_tiny_phi3(tmp_path / "b", seed=1)
    first, second, third = (
        open_judge(one, cpu(), name="Tiny").revision for one in (folder, same, other)
    )
    assert first == second != third


def test_a_judge_that_does_not_fit_is_refused_before_its_files_are_opened(tmp_path: Path) -> None:
    folder = write_tiny_phi3(tmp_path / "huge")
    config = json.loads((folder / "config.json").read_bytes())
    config |= {"hidden_size": 2**14, "num_attention_heads": 2**11, "num_key_value_heads": 2**11}
    config |= {"intermediate_size": 2**22, "num_hidden_layers": 32}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelProblem, match=r"the judge needs \d+\.\d GB"):
        open_judge(folder, cpu(), name="Huge")


def test_half_precision_scores_are_close(folder: Path) -> None:
    tokenizer = _tokenizer(folder)
    model = finish(load(folder, "bfloat16", cpu()))
    half = Phi3Judge(model, tokenizer, name="Half", revision="1")
    full = open_judge(folder, cpu(), name="Full")
    for colour in _COLOURS:
        ours, theirs = (_score(one, _prepare(one), colour).logit for one in (half, full))
        assert ours == pytest.approx(theirs, abs=0.3)


def test_pictures_are_seen_in_colour_and_shape(judge: Phi3Judge) -> None:
    prepared = _prepare(judge)
    line = Image.new("RGB", (5000, 1), "blue")
    assert judge.score(prepared, line, None) != _score(judge, prepared, "blue")
