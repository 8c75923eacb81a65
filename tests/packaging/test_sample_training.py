"""How the sample model is made, on a few pictures and a few steps."""

from __future__ import annotations

import itertools
import json
import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from mmsearch_desktop.domain import Preparation
from mmsearch_desktop.models.device import cpu
from mmsearch_desktop.models.offers import open_embedder
from sample_model import captions, gallery, queries
from sample_model.batches import cut
from sample_model.combinations import compared_with, held_out, training_facts
from sample_model.export import export, official_tensors
from sample_model.facts import OBJECTS, SURFACES, Facts, Kind
from sample_model.losses import Vectors, finding
from sample_model.muon import orthogonal
from sample_model.network import HalfProducts, Sizes, new_model
from sample_model.pool import open_pool
from sample_model.train import CHECKPOINT, Plan, rate_share, train
from sample_model.vocabulary import SIZE, tokenizer

SMALL = Sizes(
    picture_pixels=16, patch_pixels=8, width=16, head_width=8, tower_layers=1, text_layers=1
)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Two parts of noise; what they show is what a drawn pool of as many pictures would."""
    folder = tmp_path / "pool"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (2, 150, 20, 20, 3), dtype=np.uint8)
    for number, part in enumerate(noise):
        np.save(folder / f"part-{number:04}.npy", part)
    return folder


@pytest.fixture
def plan(pool: Path, tmp_path: Path) -> Plan:
    return Plan(pool, tmp_path / "run", SMALL, steps=6, questions=4, save_seconds=-1)


# ----------------------------------------------------------------------- what is drawn and said


def test_held_out_pairs_are_never_trained_on_and_fill_the_gallery() -> None:
    trained = [fact for fact in training_facts(4000, seed=1) if fact.kind is Kind.PRODUCT]
    asked = gallery.plan(1)
    unseen = asked.gallery[: len(asked.seen)]
    assert {fact.kind for fact in unseen} == {Kind.PRODUCT}
    assert not any(held_out(fact.object or "", fact.surface or "") for fact in trained)
    assert all(held_out(fact.object or "", fact.surface or "") for fact in unseen)
    assert all(compared_with(fact.object or "", fact.surface or "") for fact in asked.seen)


def test_every_object_and_surface_is_trained_on_and_held_out() -> None:
    pairs = set(itertools.product(OBJECTS, SURFACES))
    out = {pair for pair in pairs if held_out(*pair)}
    assert 0.12 < len(out) / len(pairs) < 0.18
    assert {object_ for object_, _ in out} == set(OBJECTS)
    assert {surface for _, surface in out} == set(SURFACES)
    most = max(sum(surface == kept for _, surface in out) for kept in SURFACES)
    assert most <= 6  # of 22: each surface is seen on sixteen objects and more


def test_pictures_meet_their_captions_and_targets_their_questions() -> None:
    facts = training_facts(1500, seed=3)
    rng = np.random.default_rng(0)
    assert all(captions.caption(fact, rng).wanted.met_by(fact) for fact in facts)
    asker = queries.Asker(facts)
    asked = [asker.ask(rng) for _ in range(600)]
    assert {question.type for question in asked} == set(queries.Type)
    for question in asked:
        wanted = question.words.wanted
        assert wanted.met_by(facts[question.target]), question
        assert question.source != question.target
        if question.type is not queries.Type.MORE:
            assert not wanted.met_by(facts[question.source]), question


def test_the_table_of_right_answers_is_what_the_words_say() -> None:
    facts = training_facts(60, seed=4)
    rng = np.random.default_rng(1)
    wanted = [captions.caption(fact, rng).wanted for fact in facts]
    wanted += [replace(one, surface=None, without="striped") for one in wanted]
    table = captions.right_answers(captions.codes_of_wanted(wanted), captions.codes_of_facts(facts))
    for row, one in zip(table, wanted, strict=True):
        assert row.tolist() == [one.met_by(fact) for fact in facts]


def test_negation_takes_any_other_surface() -> None:
    source = Facts(Kind.PRODUCT, "mug", "striped", "red", room="white studio")
    target = replace(source, surface="plain")
    words = queries.words_for(queries.Type.WITHOUT, source, target, np.random.default_rng(2))
    assert words.wanted.met_by(target)
    assert words.wanted.met_by(replace(source, surface="tartan"))
    assert not words.wanted.met_by(source)
    assert not words.wanted.met_by(replace(target, colour="blue"))


def test_words_of_the_drawn_world_have_pieces_of_their_own() -> None:
    made, rng = tokenizer(), np.random.default_rng(5)
    assert made.get_vocab_size() <= SIZE
    for fact in training_facts(300, seed=6):
        words = captions.caption(fact, rng).text
        assert not [token for token in made.encode(words).tokens if "##" in token], words


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_typed_has_tokens(text: str) -> None:
    made = tokenizer().encode(text.encode("utf-8", "replace").decode())
    assert made.tokens[0] == "[CLS]"
    assert made.tokens[-1] == "[SEP]"
    assert max(made.ids) < SIZE


def test_stored_questions_are_read_as_they_were_written(tmp_path: Path) -> None:
    planned = gallery.plan(7)
    gallery.write_labels(planned, 7, tmp_path)
    assert gallery.read_labels(tmp_path) == planned
    for among_seen in (False, True):
        asked = [question for question in planned.questions if question.among_seen is among_seen]
        assert planned.right(asked, among_seen=among_seen).any(axis=1).all()


# ------------------------------------------------------------------------------------- training


def test_an_interrupted_training_ends_as_one_that_was_not(plan: Plan, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = replace(plan, run=tmp_path / "whole")
    assert sum(1 for _ in train(whole)) == plan.steps
    assert len(list(itertools.islice(train(plan), 3))) == 3
    list(train(plan))
    first, second = (
        torch.load(run / CHECKPOINT, weights_only=True) for run in (whole.run, plan.run)
    )
    assert second["progress"]["step"] == plan.steps
    assert first["progress"]["passes"] == second["progress"]["passes"] == 6 * 8
    for part in ("training", "average"):
        for name, tensor in first[part].items():
            assert torch.equal(tensor, second[part][name]), name


def test_rates_warm_up_and_fall_to_nothing(plan: Plan) -> None:
    assert rate_share(plan, 0, 0.0) < 0.1
    assert rate_share(plan, 1000, 0.2) == 1.0
    assert rate_share(plan, 1000, 0.7) == pytest.approx(0.5)
    assert rate_share(plan, 1000, 1.0) == 0.0


def test_a_pool_is_read_up_to_the_first_gap(pool: Path) -> None:
    assert len(open_pool(pool).facts) == 300
    (pool / "part-0000.npy").unlink()
    with pytest.raises(ValueError, match="holds no pictures"):
        open_pool(pool)


def test_cuts_are_squares_of_the_asked_size() -> None:
    picture = np.full((20, 20, 3), 77, dtype=np.uint8)
    square = cut(picture, 16, np.random.default_rng(0))
    assert square.shape == (16, 16, 3)
    assert (square == 77).all()


def test_matrices_become_nearly_orthogonal() -> None:
    torch.manual_seed(0)
    for shape in ((3, 16, 8), (3, 8, 16)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.5
        assert values.max() < 1.4


def test_products_in_half_precision_are_nearly_those_in_full() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 32)
    x = torch.randn(5, 7, 64, requires_grad=True)
    found = []
    for products in (nullcontext(), HalfProducts()):
        with products:
            out = layer(x)
            wanted = torch.autograd.grad(out.square().sum(), (x, layer.weight, layer.bias))
        found.append((out.detach(), *wanted))
    for full, rounded in zip(*found, strict=True):
        assert rounded.dtype == torch.float32
        assert torch.allclose(full, rounded, atol=0.02 * full.abs().max().item())


def test_right_answers_lower_the_loss_and_ones_own_source_does_not_count() -> None:
    facts = captions.codes_of_facts(
        [Facts(Kind.SWATCH, surface=surface) for surface in ("zebra", "tiger", "zebra", "cow")]
    )
    wanted = captions.codes_of_wanted(
        [captions.Wanted(Kind.SWATCH, surface=name) for name in ("zebra", "tiger", "zebra", "cow")]
    )
    apart = torch.eye(4)
    right = Vectors(
        apart, apart, apart[[2, 1]], *map(torch.from_numpy, (facts, wanted, wanted[:2]))
    )
    found = finding([right], torch.tensor(3.0), composed_weight=1.0)
    swapped = replace(right, captions=apart[[1, 0, 3, 2]], questions=apart[[0, 3]])
    missed = finding([swapped], torch.tensor(3.0), composed_weight=1.0)
    assert found.loss < 0.1 < missed.loss
    assert (found.words_first, missed.words_first) == (1.0, 0.0)
    assert missed.questions_first == 0.0  # its own source is a zebra, and does not count


def test_the_gradients_of_all_workers_add_up_to_those_of_the_whole_batch() -> None:
    """Each computes the whole loss, and only its own vectors carry gradients."""
    rng, facts = np.random.default_rng(0), training_facts(8, seed=5)
    words = [captions.caption(fact, rng).wanted for fact in facts]
    codes, wanted = captions.codes_of_facts(facts), captions.codes_of_wanted(words)
    torch.manual_seed(0)
    rows = [torch.randn(4, 6, requires_grad=True) for _ in range(4)]

    def part(worker: int, *, own: bool) -> Vectors:
        pictures, said = (row if own else row.detach() for row in rows[2 * worker :][:2])
        at = slice(4 * worker, 4 * worker + 4)
        stated = torch.from_numpy(wanted[at])
        return Vectors(pictures, said, said[:2], torch.from_numpy(codes[at]), stated, stated[:2])

    def gradients(*owners: int) -> list[torch.Tensor]:
        parts = [part(worker, own=worker in owners) for worker in (0, 1)]
        loss = finding(parts, torch.tensor(0.0), composed_weight=1.5).loss
        found = torch.autograd.grad(loss, rows, allow_unused=True)
        return [torch.zeros(4, 6) if one is None else one for one in found]

    for whole, *each in zip(gradients(0, 1), gradients(0), gradients(1), strict=True):
        assert torch.allclose(whole, sum(each, torch.zeros(4, 6)), atol=1e-6)


# ---------------------------------------------------------------------------------- what ships


def test_the_exported_folder_opens_in_the_app_and_gives_the_trained_vectors(plan: Plan) -> None:
    list(train(plan))
    (plan.run / "curve.jsonl").write_text('{"step": 1}\n', encoding="utf-8")
    folder = export(plan.run, plan.run / "model")
    embedder = open_embedder(
        str(folder),
        models_folder=folder,
        preparation=Preparation.OFFICIAL,
        device=cpu(window=False),
    )
    saved = torch.load(plan.run / CHECKPOINT, weights_only=True)
    model = new_model(SMALL, 0).eval()
    model.load_state_dict(saved["average"])
    encoding = tokenizer().encode("red mug")
    ids = torch.tensor([encoding.ids])
    with torch.no_grad():
        trained = torch.nn.functional.normalize(model(ids, torch.ones_like(ids)), dim=-1).numpy()
    assert float(embedder.embed_words(["red mug"])[0] @ trained[0]) > 0.9999
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert record["picture_passes"] == 48
    assert record["seed"] == plan.seed


def test_key_names_are_those_of_the_official_file(shared: Path, tmp_path: Path) -> None:
    """But for what is never used there, and for the copies of the rotary tables."""
    listing = json.loads(
        (shared / "parity/visualized_bge/official_keys_base_en.json").read_text(encoding="utf-8")
    )
    unused = re.compile(
        r"bge_pooler\.|model_visual\.logit_scale|model_visual\.visual\.(norm|head)\.|attn\.rope\."
    )
    official = {
        _any_layer(name): len(entry["shape"])
        for name, entry in listing["keys"].items()
        if not unused.search(name)
    }
    ours = official_tensors(new_model(SMALL, 0).state_dict())
    assert {_any_layer(name): tensor.ndim for name, tensor in ours.items()} == official
    assert all(tensor.dtype == torch.float16 for tensor in ours.values())


def _any_layer(name: str) -> str:
    return re.sub(r"\.\d+\.", ".#.", name)


def test_shipped_weights_are_half_precision() -> None:
    folder = Path(__file__).resolve().parents[2] / "resources" / "sample_model"
    tensors = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
