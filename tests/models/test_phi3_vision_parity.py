"""Phi-3 Vision against numbers that Microsoft's own code gave, on a tiny random checkpoint.

How the numbers were made stands beside them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import PIL
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from mmsearch_desktop.models.checkpoint import check_keys
from mmsearch_desktop.models.device import cpu
from mmsearch_desktop.models.phi3_loading import load, plan, read_sizes
from mmsearch_desktop.models.phi3_prompt import Phi3Tokenizer
from mmsearch_desktop.models.phi3_steps import encode, finish, read
from mmsearch_desktop.models.phi3_vision import (
    Phi3Vision,
    Sizes,
    TokenCache,
    crop_plan,
    may_be_stored,
    official_shapes,
    own_name,
    prepare_picture,
)

_CASES = (
    "text_only",
    "one_crop1",
    "one_crop4",
    "one_crop16",
    "two_crop1_apart",
    "two_crop4",
    "two_crop16_long_rope",
    "five_crop1",
    "five_crop4",
    "modes_crop4",
    "extreme_shapes_crop16_long_rope",
    "two_turns_crop1",
    "rerank_ten_crop1",
)
_STEPS = 24
_REAL_PILLOW = "13."

Case = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Official:
    """The check data, and our model and tokenizer opened from it."""

    data: Path
    listed: Mapping[str, Any]
    cases: Mapping[str, Case]
    expected: Mapping[str, Tensor]
    model: Phi3Vision
    tokenizer: Phi3Tokenizer

    def pictures(self, case: Case) -> Iterator[Image.Image]:
        for name in case["images"]:
            with Image.open(self.data / name) as picture:
                yield picture

    def features(self, model: Phi3Vision, case: Case) -> list[Tensor]:
        return [finish(encode(model, one, case["num_crops"])) for one in self.pictures(case)]


@pytest.fixture(scope="module")
def data(shared: Path) -> Path:
    return shared / "parity" / "phi3_vision"


@pytest.fixture(scope="module")
def official(data: Path) -> Official:
    listed = json.loads((data / "cases.json").read_bytes())
    return Official(
        data,
        listed,
        {case["name"]: case for case in (*listed["cases"], *listed["crossing"])},
        load_file(data / "expected.safetensors"),
        finish(load(data, "float32", cpu())),
        Phi3Tokenizer(data / "tokenizer" / "tokenizer.json"),
    )


@pytest.fixture(scope="module")
def real_tokenizer(data: Path) -> Phi3Tokenizer:
    return Phi3Tokenizer(data / "real" / "tokenizer.json", 32064)


@pytest.fixture(scope="module")
def real_cases(data: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads((data / "real_tokenizer_cases.json").read_bytes())
    return content


def _difference(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max())


def test_all_cases_of_the_data_are_checked(official: Official) -> None:
    assert tuple(case["name"] for case in official.listed["cases"]) == _CASES


@pytest.mark.parametrize("name", _CASES[1:])
def test_pixels(name: str, official: Official) -> None:
    case = official.cases[name]
    crops = [prepare_picture(one, case["num_crops"], 336) for one in official.pictures(case)]
    filled = torch.zeros(len(crops), case["num_crops"] + 1, 3, 336, 336)
    for place, one in enumerate(crops):
        filled[place, : len(one.pixels)] = one.pixels
    samples = filled[:, :, :, 3::31, 5::29]
    assert _difference(samples, official.expected[f"{name}.pixel_samples"]) < 0.02
    if PIL.__version__.startswith(_REAL_PILLOW):  # other versions may round otherwise
        digest = hashlib.sha256(filled.numpy().tobytes()).hexdigest()
        assert digest == case["pixel_values_sha256_f32"]


@pytest.mark.parametrize("name", _CASES)
def test_ids_features_logits_and_greedy_text(name: str, official: Official) -> None:
    case, expected, model = official.cases[name], official.expected, official.model
    features = official.features(model, case)
    prompt = official.tokenizer.prompt(case["prompt"], [len(one) for one in features])
    assert list(prompt.ids) == expected[f"{name}.input_ids"].tolist()
    if features:
        rows = torch.cat(features)[:: 1 if case["image_feature_rows"] == "all" else 9]
        assert _difference(rows, expected[f"{name}.image_features"]) < 1e-4
    cache = model.new_cache()
    embeds = model.embed(prompt.ids, features)
    states = torch.cat([model.read(some, cache, keep=8) for some in model.slices(embeds)])[-8:]
    assert _difference(model.logits(states), expected[f"{name}.last_logits"]) < 1e-3
    written, steps = _greedy(model, cache, states[-1])
    assert written == case["greedy_ids"]
    assert _difference(steps, expected[f"{name}.step_logits"]) < 1e-3


def _greedy(model: Phi3Vision, cache: TokenCache, state: Tensor) -> tuple[list[int], Tensor]:
    written, steps = [], []
    for _ in range(_STEPS):
        steps.append(model.logits(state))
        written.append(int(steps[-1].argmax()))
        state = model.read(model.embed(written[-1:], ()), cache)[-1]
    return written, torch.stack(steps)


@pytest.mark.parametrize("name", ["crossing_text", "crossing_image"])
def test_text_that_crosses_the_context_keeps_its_cache(name: str, official: Official) -> None:
    case = official.cases[name]
    model = _with_context(official, case["original_max_position_embeddings"])
    features = official.features(model, case)
    prompt = official.tokenizer.prompt(case["prompt"], [len(one) for one in features])
    assert list(prompt.ids) == official.expected[f"{name}.input_ids"].tolist()
    cache = model.new_cache()
    state = finish(read(model, model.embed(prompt.ids, features), cache))
    written, steps = _greedy(model, cache, state)
    assert written == case["phi3_greedy_ids"]
    assert _difference(steps, official.expected[f"{name}.phi3.step_logits"]) < 1e-3


def _with_context(official: Official, context_tokens: int) -> Phi3Vision:
    sizes = read_sizes(official.data)
    decoder = dataclasses.replace(sizes.decoder, context_tokens=context_tokens)
    model = Phi3Vision(dataclasses.replace(sizes, decoder=decoder)).eval()
    stored = load_file(official.data / "model.safetensors")
    model.load_state_dict({own_name(name): one for name, one in stored.items()}, strict=True)
    model.pictures.drop_unused()
    return model


def test_ids_of_the_real_tokenizer(
    real_tokenizer: Phi3Tokenizer, real_cases: Mapping[str, Any]
) -> None:
    for case in real_cases["cases"]:
        tokens = [
            Sizes.picture_tokens(_FULL_SIZE, width, height, case["num_crops"])
            for width, height in case["sizes"]
        ]
        wanted = [number for number, count in case["ids_run_length"] for _ in range(count)]
        assert list(real_tokenizer.prompt(case["prompt"], tokens).ids) == wanted
        assert len(wanted) == case["length"]
    for text in real_cases["texts"]:
        assert real_tokenizer.plain_ids(text["text"]) == text["ids"]


_FULL_SIZE = Sizes.from_config(
    {
        "model_type": "phi3_v",
        "embd_layer": {
            "hd_transform_order": "sub_glb",
            "projection_cls": "mlp",
            "use_hd_transform": True,
        },
        "img_processor": {},
        "vocab_size": 32064,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "hidden_act": "silu",
        "original_max_position_embeddings": 4096,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": {"short_factor": [1.0] * 48, "long_factor": [1.0] * 48},
    },
    Path("config.json"),
)


def test_answer_and_stop_ids_of_the_real_tokenizer(real_tokenizer: Phi3Tokenizer) -> None:
    assert sorted(real_tokenizer.yes_ids) == sorted([3869, 4874, 8241, 3582, 22483, 21143])
    assert sorted(real_tokenizer.no_ids) == sorted([1939, 694, 3782, 1217, 11698, 6632])
    assert sorted(real_tokenizer.stop_ids) == [2, 32000, 32001, 32007]


def test_sizes_and_tokens_of_pictures(real_cases: Mapping[str, Any]) -> None:
    for num_crops, width, height, hd_width, hd_height, tokens in real_cases["size_table"]["rows"]:
        made = crop_plan(width, height, num_crops, 336)
        assert (made.columns * 336, made.rows * 336) == (hd_width, hd_height)
        assert _FULL_SIZE.picture_tokens(width, height, num_crops) == tokens


@pytest.mark.parametrize("config", ["config_phi3_vision.json", "config_phi35_vision.json"])
def test_full_size_checkpoint_has_exactly_the_tensors_expected(data: Path, config: str) -> None:
    listed = json.loads((data / "real" / "checkpoint_keys.json").read_bytes())
    found = {name: one["shape"] for name, one in listed["tensors"].items()}
    sizes = Sizes.from_config(json.loads((data / "real" / config).read_bytes()), Path(config))
    shapes = official_shapes(sizes)
    check_keys(found, shapes, may_be_present=may_be_stored, source=Path(config))
    assert len(found) == len(shapes) == 592
    counts = [int(torch.Size(shape).numel()) for shape in shapes.values()]
    assert sum(counts) == listed["total_parameters"]


def test_full_size_plan_names_the_figures(data: Path, tmp_path: Path) -> None:
    real = (data / "real" / "config_phi3_vision.json").read_bytes()
    (tmp_path / "config.json").write_bytes(real)
    made = plan(tmp_path, cpu(), bytes_free=16 * 10**9)
    assert made.precision == "bfloat16"
    assert 10.0e9 < made.bytes_needed < 10.8e9
    assert 3.0e12 < made.operations_per_candidate < 3.5e12
