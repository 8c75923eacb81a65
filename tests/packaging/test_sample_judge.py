"""How the sample judge is made: what it is asked, packed and alone, and a few steps of training."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from mmsearch_desktop.models.phi3_judge import Phi3Judge
from mmsearch_desktop.models.phi3_prompt import Phi3Tokenizer
from mmsearch_desktop.models.phi3_vision import prepare_picture
from mmsearch_desktop.search import questions as app
from sample_model import pool as pools
from sample_model.captions import Wanted, codes_of_facts
from sample_model.combinations import held_out
from sample_model.facts import SURFACES, Facts, Kind
from sample_model.judge_evaluate import open_sample_judge
from sample_model.judge_export import export
from sample_model.judge_network import (
    CONFIG,
    PIXELS,
    cells,
    level,
    new_judge,
    picture_tokens,
    without_unseen,
)
from sample_model.judge_packs import BLANK, Packer, packed
from sample_model.judge_questions import Request, Requests, asks_for, constraints_met, meaning
from sample_model.judge_train import Answers, Both, Pictures
from sample_model.judge_trainer import CHECKPOINT, Plan, train
from sample_model.judge_words import VOCABULARY, sentence, write_tokenizer

if TYPE_CHECKING:
    from sample_model.pool import Pool

MUG = Facts(Kind.PRODUCT, "mug", "striped", "red", room="wooden table")
CASE = Facts(Kind.PRODUCT, "phone case", "leopard", scene="forest", time="night")
SWATCH = Facts(Kind.SWATCH, surface="leopard")
TOKENS = 25  # of a picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("judge")
    write_tokenizer(made)
    return made


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pool")
    pools.draw_part(0, folder=made, size=40)
    return made


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Phi3Tokenizer:
    return Phi3Tokenizer(folder / "tokenizer.json", VOCABULARY)


@pytest.fixture(scope="module")
def pool(drawn: Path) -> Pool:
    return pools.open_pool(drawn)


# ------------------------------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (MUG, "A red striped mug on a wooden table."),
        (CASE, "A leopard phone case in the forest at night."),
        (SWATCH, "A leopard fabric."),
        (Facts(Kind.SCENE, scene="beach", time="sunset"), "A beach at sunset."),
        (Facts(Kind.ANIMAL, surface="cow", scene="snow", time="day"), "A cow in the snow by day."),
    ],
)
def test_a_picture_is_said_in_the_plainest_names(facts: Facts, said: str) -> None:
    assert sentence(facts) == said


def test_every_text_can_be_read_back_and_answers_are_one_piece(tokenizer: Phi3Tokenizer) -> None:
    for text in ("Größe ☂ 7", sentence(MUG), "a < b"):
        assert tokenizer.text(tokenizer.plain_ids(text)) == text
    assert tokenizer.plain_ids("Yes")[0] in tokenizer.yes_ids
    assert tokenizer.plain_ids("No")[0] in tokenizer.no_ids
    assert len(tokenizer.plain_ids("Yes")) == len(tokenizer.plain_ids("No")) == 1


def test_what_the_app_always_says_is_few_pieces(tokenizer: Phi3Tokenizer) -> None:
    whole = app.asked(app.whole("mug", with_picture=False))
    assert len(tokenizer.ids(f"\n{whole}")) == 4  # beginning, line, question, how to answer
    check, *_ = app.checks("leopard mug, at night", with_picture=False)
    assert len(tokenizer.ids(f"\n{app.asked(check)}")) == 6  # also "leopard" and "mug"
    assert tokenizer.text(tokenizer.plain_ids(app.CAPTION_INSTRUCTION)) == app.CAPTION_INSTRUCTION


# -------------------------------------------------------------------------------------- questions


@pytest.mark.parametrize(
    ("thing", "wanted"),
    [
        ("a red mug", Wanted(object="mug", colour="red")),
        ("stripes", Wanted(surface="striped")),
        ("on a wooden table", Wanted(room="wooden table")),
        ("a red blue mug", None),
        ("a spaceship", None),
        ("a mug with a spaceship", None),
    ],
)
def test_what_a_check_means_is_read_from_its_words(thing: str, wanted: Wanted | None) -> None:
    assert meaning(thing) == wanted


def test_checks_of_a_request_have_right_answers() -> None:
    object_, pattern = app.checks("phone case with this", with_picture=True)
    assert asks_for(object_, SWATCH) == Wanted(object="phone case")
    assert asks_for(pattern, SWATCH) == Wanted(surface="leopard")
    assert asks_for(pattern, None) is None
    thing, colours, _ = app.checks("", with_picture=True)
    assert asks_for(thing, MUG) == Wanted(Kind.PRODUCT, "mug")
    assert asks_for(colours, MUG) == Wanted(colour="red")


def test_constraints_are_met_one_by_one() -> None:
    met = constraints_met(Wanted(Kind.PRODUCT, "mug", "leopard", without="striped"), MUG)
    assert met == [True, True, False, True, True, True, True, False]


def test_no_question_is_about_a_pair_that_training_never_shows(pool: Pool) -> None:
    requests, rng = Requests(pool), np.random.default_rng(1)
    request = Request("", Wanted(Kind.PRODUCT, "mug"))
    products = [place for place, one in enumerate(pool.facts) if one.kind is Kind.PRODUCT]
    for place in products:
        for _, said in requests.questions(request, place, 8, rng):
            shown = pool.facts[place]
            object_, surface = said.object or shown.object, said.surface or shown.surface
            assert not held_out(object_ or "", surface or "")


def test_naming_learns_nothing_from_what_is_never_shown() -> None:
    codes = torch.from_numpy(codes_of_facts([MUG, SWATCH])).long()
    rows = torch.zeros(2, len(SURFACES), requires_grad=True)
    heard = torch.autograd.grad(without_unseen("surface", rows, codes).logsumexp(1).sum(), rows)[0]
    missing = [one for one, share in zip(SURFACES, heard[0], strict=True) if share == 0]
    assert missing == [surface for surface in SURFACES if held_out("mug", surface)]
    assert (heard[1] > 0).all()


def test_half_of_the_candidates_are_right_where_there_are_any(pool: Pool) -> None:
    requests, rng = Requests(pool), np.random.default_rng(0)
    right = []
    for _ in range(40):
        request = requests.draw(rng, with_picture=bool(rng.random() < 0.5))
        places = requests.candidates(request, 4, rng)
        assert len(set(places)) == len(places)
        right += [request.wanted.met_by(pool.facts[place]) for place in places]
    assert 0.2 < np.mean(right) < 0.6


# ------------------------------------------------------------------------------------------ packs


def _alone(judge: Phi3Judge, request: Request, question: str) -> tuple[int, ...]:
    """The ids of the app's own prompt, picture tokens as 0."""
    picture = None if request.source is None else Image.new("RGB", (96, 96))
    words = app.request_words(request.words, with_picture=picture is not None)
    prepared = judge.prepare(words, picture, None, lead_in=app.LEAD_IN, question=question)
    ids = judge._tokenizer.prompt(prepared.text(question), prepared.tokens).ids
    return tuple(max(0, one) for one in ids)


@pytest.mark.parametrize("source", [None, 0])
def test_a_pack_holds_the_prompts_of_the_app(
    tokenizer: Phi3Tokenizer, pool: Pool, source: int | None
) -> None:
    judge = Phi3Judge(new_judge(CONFIG, 0), tokenizer, name="", revision="")
    request = Request("mug with this, <big>", Wanted(Kind.PRODUCT, "mug"), source)
    packer = Packer(tokenizer, Requests(pool), TOKENS)
    pack = packer.judged(request, np.random.default_rng(3), candidates=3, checks=1)
    whole = app.asked(app.whole(request.words, with_picture=source is not None))
    expected = _alone(judge, request, whole)
    seen = packed([pack], TOKENS).mask[0, 0]
    for one in (one for one in pack.asked if one.whole):
        path = torch.nonzero(seen[one.place]).flatten().tolist()
        assert tuple(pack.ids[at] for at in path) == expected
        assert [pack.positions[at] for at in path] == list(range(len(expected)))


def test_a_picture_of_nothing_is_asked_about_apart(tokenizer: Phi3Tokenizer, pool: Pool) -> None:
    request = Request("mug, red", Wanted(Kind.PRODUCT, "mug", colour="red"))
    packer, rng = Packer(tokenizer, Requests(pool), TOKENS), np.random.default_rng(3)
    pack = packer.judged(request, rng, candidates=2, checks=1, blank=1.0)
    together = packed([pack], TOKENS)
    assert together.pictures.tolist().count(BLANK) == 1
    assert len(together.even) == 3  # the whole request and its two parts
    assert not set(together.even.tolist()) & set(together.answers[:, 0].tolist())
    assert BLANK not in together.about.tolist()


def test_the_tower_runs_once_for_what_the_app_reads_twice() -> None:
    judge = new_judge(CONFIG, 0).eval()
    picture = Image.effect_noise((PIXELS, PIXELS), 90).convert("RGB")
    crops = prepare_picture(picture, 1, PIXELS)
    with torch.inference_mode():
        of_app = judge.encode_picture(crops)
        of_training = picture_tokens(judge, cells(judge, crops.pixels[1:]))[0]
    assert torch.allclose(of_app, of_training, atol=2e-3)


def test_levelled_tokens_are_as_long_as_words_and_say_the_same() -> None:
    judge = new_judge(CONFIG, 0)
    pixels = torch.randn(2, 3, PIXELS, PIXELS)
    with torch.no_grad():
        before = cells(judge, pixels)
        level(judge, pixels)
        after = cells(judge, pixels)
    assert after.norm(dim=-1).mean().item() == pytest.approx(CONFIG["hidden_size"] ** 0.5, rel=0.01)
    assert torch.allclose(after / after.norm(), before / before.norm(), atol=1e-4)


# --------------------------------------------------------------------------------------- training


def test_all_stages_train_go_on_and_the_app_opens_the_result(
    folder: Path, drawn: Path, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    plan = Plan(drawn, tmp_path, steps=1, pictures=4, packs=2)
    first = [shown["loss"] for shown in train(Pictures(plan))]
    again = Pictures(plan)
    assert again.progress.picture_steps == 1
    answers = [shown["loss"] for shown in train(Answers(plan))]
    anew = dataclasses.replace(plan, anew=True)
    assert Answers(anew).progress.answers == 0
    together = [shown["loss"] for shown in train(Both(plan))]
    assert np.isfinite([*first, *answers, *together]).all()
    saved = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert set(saved["optimisers"]) == {"Pictures", "Answers", "Both"}
    assert saved["progress"]["answers"] > 0
    other = dataclasses.replace(plan, pictures_from=tmp_path)
    assert Answers(other).progress.pictures == saved["progress"]["pictures"] > 4

    judge = open_sample_judge(export(tmp_path, tmp_path / "model"))
    picture = Image.new("RGB", (128, 96), "red")
    prepared = judge.prepare("Request: a mug.", question="Is it a mug? Answer Yes or No.")
    assert 0 <= judge.score(prepared, picture, None).answered <= 1
