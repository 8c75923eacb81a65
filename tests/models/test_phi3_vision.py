"""Phi-3 Vision's sizes, crops and cache, on a tiny random model."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmsearch_desktop.domain import ModelProblem, WeightsDamaged
from mmsearch_desktop.models.phi3_vision import (
    SLICE_TOKENS,
    Phi3Vision,
    Sizes,
    TokenCache,
    TowerSizes,
    crop_plan,
    official_name,
    official_shapes,
    own_name,
    prepare_picture,
)
from tests.models.tiny_phi3 import PICTURE_TOKENS, tiny_config, tiny_weights

_SIDES = st.integers(1, 20_000)
_SOURCE = Path("config.json")
_VOCABULARY = 50


def _sizes(context_tokens: int = 4096) -> Sizes:
    config = tiny_config(_VOCABULARY, context_tokens=context_tokens)
    return Sizes.from_config(config, _SOURCE)


@pytest.fixture(scope="module")
def model() -> Phi3Vision:
    made = Phi3Vision(_sizes()).eval()
    weights = tiny_weights(tiny_config(_VOCABULARY), seed=1)
    made.load_state_dict({own_name(name): one for name, one in weights.items()}, strict=True)
    made.pictures.drop_unused()
    return made


@given(width=_SIDES, height=_SIDES)
def test_one_crop_is_always_313_tokens(width: int, height: int) -> None:
    plan = crop_plan(width, height, 1, 336)
    assert (plan.rows, plan.columns) == (1, 1)
    assert plan.tokens(TowerSizes()) == SLICE_TOKENS == 313


@given(width=_SIDES, height=_SIDES, num_crops=st.integers(1, 20))
def test_crops_are_never_more_than_asked_for(width: int, height: int, num_crops: int) -> None:
    plan = crop_plan(width, height, num_crops, 336)
    turned = crop_plan(height, width, num_crops, 336)
    assert 1 <= plan.rows * plan.columns <= num_crops
    assert (plan.rows, plan.columns) == (turned.columns, turned.rows)
    assert min(plan.width, plan.height) >= 1


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000), (1, 1), (337, 1)])
@pytest.mark.parametrize("num_crops", [1, 4])
def test_extreme_shapes_are_read(size: tuple[int, int], num_crops: int, model: Phi3Vision) -> None:
    crops = prepare_picture(Image.new("RGB", size, "red"), num_crops, 56)
    features = model.encode_picture(crops)
    assert features.shape == (crops.plan.tokens(model.sizes.tower), 32)
    assert features.isfinite().all()


def test_portraits_and_landscapes_keep_their_places() -> None:
    picture = Image.new("RGB", (112, 56), "black")
    picture.paste("white", (56, 0, 112, 56))
    dark, light = prepare_picture(picture, 2, 56).pixels[1:]
    assert dark.mean() < light.mean()
    above, below = prepare_picture(picture.rotate(90, expand=True), 2, 56).pixels[1:]
    assert torch.equal(above, light)
    assert torch.equal(below, dark)


def test_padding_is_white() -> None:
    crops = prepare_picture(Image.new("RGB", (560, 56), "black"), 1, 56)
    edge, middle = crops.pixels[1, :, 0].mean(), crops.pixels[1, :, 28].mean()
    assert edge > 1.5
    assert middle < -1


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_pictures_of_any_mode_are_read(mode: str) -> None:
    assert prepare_picture(Image.new(mode, (40, 30)), 1, 56).pixels.shape == (2, 3, 56, 56)


def test_real_configuration_means_the_real_tower() -> None:
    config = tiny_config(_VOCABULARY)
    del config["img_processor"]["clip_config"]
    assert Sizes.from_config(config, _SOURCE).tower == TowerSizes(1024, 24, 16, 4096, 336, 14)


def test_attention_factor_is_the_published_one() -> None:
    made = Phi3Vision(_sizes())
    assert made.decoder.model.rotary_emb.attention_scaling == pytest.approx(1.190238, abs=1e-6)


def test_other_architectures_are_refused() -> None:
    config = tiny_config(_VOCABULARY)
    with pytest.raises(ModelProblem, match="not Phi-3 Vision"):
        Sizes.from_config(config | {"model_type": "phi3"}, _SOURCE)
    with pytest.raises(ModelProblem, match="embd_layer"):
        Sizes.from_config(config | {"embd_layer": {"projection_cls": "linear"}}, _SOURCE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_size": None},
        {"hidden_size": 33},
        {"num_hidden_layers": 0},
        {"num_key_value_heads": 3},
        {"vocab_size": "many"},
        {"rope_scaling": {"short_factor": [1.0], "long_factor": [1.0]}},
        {"rope_scaling": None},
        {"img_processor": None},
        {"max_position_embeddings": 2},
        {"hidden_act": "banana"},
        {"vocab_size": 10**30},
        {"num_hidden_layers": 10**6},
        {"rms_norm_eps": []},
    ],
)
def test_sizes_that_make_no_sense_are_explained(wrong: dict[str, Any]) -> None:
    with pytest.raises(WeightsDamaged, match=r"config\.json"):
        Sizes.from_config(tiny_config(_VOCABULARY) | wrong, _SOURCE)


@given(
    name=st.sampled_from(sorted(tiny_config(_VOCABULARY))),
    value=st.one_of(st.none(), st.integers(), st.text(), st.floats(), st.lists(st.integers())),
)
def test_any_value_in_a_configuration_is_read_or_explained(name: str, value: object) -> None:
    config = copy.deepcopy(tiny_config(_VOCABULARY)) | {name: value}
    try:
        sizes = Sizes.from_config(config, _SOURCE)
    except ModelProblem:
        return
    assert sizes.tower.layers == 3


def test_names_go_both_ways_and_unknown_ones_list_the_known() -> None:
    names = list(official_shapes(_sizes()))
    assert [official_name(own_name(name)) for name in names] == names
    assert "model.vision_embed_tokens.glb_GN" in names
    with pytest.raises(WeightsDamaged, match=r"known names begin with .*sub_GN"):
        own_name("visual.blocks.0")


def _embeds(model: Phi3Vision, count: int, seed: int = 0) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    return model.embed(torch.randint(0, _VOCABULARY, (count,), generator=chance).tolist(), ())


def _read(model: Phi3Vision, embeds: torch.Tensor, cache: TokenCache) -> torch.Tensor:
    for some in model.slices(embeds, cache.length):
        state = model.read(some, cache)
    return model.logits(state[-1])


def test_reading_in_slices_equals_reading_at_once(model: Phi3Vision) -> None:
    embeds = _embeds(model, 1000)
    assert [one.shape[1] for one in model.slices(embeds)] == [313, 313, 313, 61]
    whole = model.logits(model.read(embeds, model.new_cache())[-1])
    assert torch.allclose(_read(model, embeds, model.new_cache()), whole, atol=1e-4)


def test_text_beyond_the_context_is_read_at_once(model: Phi3Vision) -> None:
    assert len(model.slices(_embeds(model, 4096))) == 14
    assert len(model.slices(_embeds(model, 4097))) == 1
    assert len(model.slices(_embeds(model, 400), 4000)) == 1


def test_a_shared_prefix_equals_full_runs(model: Phi3Vision) -> None:
    prefix, cache = _embeds(model, 300, seed=1), model.new_cache()
    _read(model, prefix, cache)
    for seed in (2, 3, 2):
        suffix = _embeds(model, 350, seed)
        shared = _read(model, suffix, cache)
        alone = _read(model, torch.cat([prefix, suffix], dim=1), model.new_cache())
        assert cache.length == 650
        assert torch.allclose(shared, alone, atol=1e-4)
        cache.keep(300)
        assert cache.length == 300


def test_a_cache_can_be_emptied_and_used_again(model: Phi3Vision) -> None:
    embeds, cache = _embeds(model, 40), model.new_cache()
    cache.keep(3)  # of nothing
    first = _read(model, embeds, cache)
    cache.clear()
    assert cache.length == 0
    assert torch.equal(_read(model, embeds, cache), first)


def test_features_stand_where_their_pictures_are(model: Phi3Vision) -> None:
    first, second = torch.full((2, 32), 7.0), torch.full((1, 32), 9.0)
    rows = model.embed([3, -1, -1, 4, -2, 3], [first, second])[0]
    assert torch.equal(rows[1:3], first)
    assert torch.equal(rows[4:5], second)
    assert torch.equal(rows[0], rows[5])
    assert model.sizes.picture_tokens(30, 40, 1) == PICTURE_TOKENS


def test_precise_logits_are_those_of_all(model: Phi3Vision) -> None:
    state = model.read(_embeds(model, 5), model.new_cache())[-1]
    assert torch.allclose(model.precise_logits(state, [7, 3]), model.logits(state)[[7, 3]])
