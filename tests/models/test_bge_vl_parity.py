"""BGE-VL against numbers that the official code gave, and the published models' sizes.

The data (random weights of small sizes) lies beside the project and is no part of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmsearch_desktop.domain import Preparation, WeightsDamaged
from mmsearch_desktop.models import bge_vl, visualized_bge
from mmsearch_desktop.models.bge_vl import BgeVlEmbedder, Sizes, check_tensors, prepare_picture
from mmsearch_desktop.models.device import Device
from mmsearch_desktop.models.embedding import batch_size, normalised
from tests.models.embedder_contract import CPU, differs_by, one_thread
from tests.models.tiny_bge_vl import write_tiny_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLOSE = 1e-6


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@dataclass(frozen=True)
class Golden:
    """What the official code gave, and ours opened from the same files."""

    facts: dict[str, Any]
    arrays: dict[str, NDArray[np.float32]]
    embedder: BgeVlEmbedder
    pictures: dict[str, Image.Image]

    @property
    def texts(self) -> dict[str, str]:
        texts: dict[str, str] = self.facts["texts"]
        return texts

    def group(self, name: str) -> dict[str, NDArray[np.float32]]:
        start = f"{name}/"
        return {k.removeprefix(start): v for k, v in self.arrays.items() if k.startswith(start)}


@pytest.fixture(scope="module")
def golden(shared: Path) -> Golden:
    data = shared / "parity" / "bge_vl_clip"
    embedder = bge_vl.open_embedder(
        data / "model", name="golden", revision="1", preparation=Preparation.OFFICIAL, device=CPU
    )
    assert isinstance(embedder, BgeVlEmbedder)
    pictures = {}
    for path in sorted((shared / "parity" / "visualized_bge" / "pictures").iterdir()):
        with Image.open(path) as picture:
            pictures[path.name] = picture.copy()
    facts = json.loads((data / "golden.json").read_text(encoding="utf-8"))
    return Golden(facts, dict(np.load(data / "golden.npz")), embedder, pictures)


def _pixels(square: NDArray[np.uint8]) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = normalised(torch.from_numpy(square)[None])[0].numpy()
    return pixels


def test_pixels_are_bit_equal(golden: Golden) -> None:
    expected = golden.group("pixels")
    assert len(expected) == 11
    for name, pixels in expected.items():
        square = prepare_picture(golden.pictures[name], 32, Preparation.OFFICIAL)
        assert np.array_equal(_pixels(square), pixels), name


def test_the_preparation_of_visualized_bge_would_be_seen(golden: Golden) -> None:
    for name in ("rgb_portrait.jpg", "grey.png", "palette.png"):
        other = visualized_bge.prepare_picture(golden.pictures[name], 32, Preparation.OFFICIAL)
        assert differs_by(_pixels(other), golden.group("pixels")[name]) > 1.0, name


def test_token_ids_are_equal(golden: Golden) -> None:
    assert len(golden.texts) == 6
    for name, text in golden.texts.items():
        assert golden.embedder.token_ids(text) == golden.facts["tokens"][name], name
        assert golden.embedder.cut_notice(text, with_picture=True) is None


def test_one_picture(golden: Golden) -> None:
    for name, expected in golden.group("image_emb").items():
        vectors = golden.embedder.embed_pictures([golden.pictures[name]])
        assert differs_by(vectors, expected[None]) < CLOSE, name


def test_words(golden: Golden) -> None:
    for name, expected in golden.group("text_emb").items():
        vectors = golden.embedder.embed_words([golden.texts[name]])
        assert differs_by(vectors, expected[None]) < CLOSE, name


def test_picture_with_words(golden: Golden) -> None:
    for pair, expected in golden.group("mm_emb").items():
        picture, text = pair.split("|")
        vectors = golden.embedder.embed_pictures_with_words(
            [golden.pictures[picture]], [golden.texts[text]]
        )
        assert differs_by(vectors, expected[None]) < CLOSE, pair


def test_batches(golden: Golden) -> None:
    words = golden.embedder.embed_words(list(golden.texts.values()))
    assert differs_by(words, golden.arrays["batch/text"]) < CLOSE
    expected = golden.group("mm_emb")
    pairs = [pair.split("|") for pair in expected]
    together = golden.embedder.embed_pictures_with_words(
        [golden.pictures[picture] for picture, _ in pairs], [golden.texts[t] for _, t in pairs]
    )
    assert differs_by(together, np.stack(list(expected.values()))) < CLOSE


def test_what_the_official_code_refuses_is_cut_here(golden: Golden) -> None:
    assert list(golden.facts["raises"]) == ["text/over_limit"]
    text = "make it red on the phone " * 20
    assert len(golden.embedder.token_ids(text)) == 24
    assert np.isfinite(golden.embedder.embed_words([text])).all()


@dataclass(frozen=True)
class Published:
    """One of the two models, as its makers and MTEB's entry describe it."""

    config: dict[str, Any]  # what differs from CLIP's defaults
    parameters: int
    dimensions: int
    image_tokens: int
    tensors: int
    operations: float  # of the picture tower, as open_clip's profile has them


_BASE = Published(
    {"projection_dim": 512, "vision_config": {"patch_size": 16}},
    parameters=149_620_737,
    dimensions=512,
    image_tokens=196,
    tensors=398,
    operations=35.1e9,
)
_LARGE = Published(
    {
        "projection_dim": 768,
        "text_config": {
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_attention_heads": 12,
        },
        "vision_config": {
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_attention_heads": 16,
            "num_hidden_layers": 24,
            "patch_size": 14,
        },
    },
    parameters=427_616_513,
    dimensions=768,
    image_tokens=256,
    tensors=590,
    operations=162e9,
)


@pytest.fixture(params=[_BASE, _LARGE], ids=["base", "large"])
def published(request: pytest.FixtureRequest) -> Published:
    assert isinstance(request.param, Published)
    return request.param


@pytest.fixture
def config(published: Published, tmp_path: Path) -> Any:
    tiny = write_tiny_model(tmp_path / "tiny")
    tokenizer = bge_vl.open_tokenizer(tiny / "vocab.json", tiny / "merges.txt")
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "clip", **published.config}), encoding="utf-8")
    return bge_vl.read_config(path, tokenizer)


def test_the_published_sizes_have_the_published_parameters(
    published: Published, config: Any
) -> None:
    source = Path("listing")
    model = bge_vl.empty_model(config, source)
    assert sum(weight.numel() for weight in model.parameters()) == published.parameters
    tensors = dict(model.state_dict())
    assert len(tensors) == published.tensors
    positions = "vision_model.embeddings.position_ids"
    tensors[positions] = torch.empty(1, 1 + published.image_tokens, device="meta")
    check_tensors(model, tensors, source)
    bge_vl.load_weights(model, tensors, Device("meta", "none", "meta", "float32", None))
    for weight in model.parameters():
        assert not weight.requires_grad
    tensors["text_projection.weight"] = torch.empty(768, 1024, device="meta")
    del tensors["vision_model.pre_layrnorm.weight"]
    with pytest.raises(WeightsDamaged, match=r"1 missing.*pre_layrnorm.*1 of another shape"):
        check_tensors(model, tensors, source)


def test_the_published_models_limits_and_batches(published: Published, config: Any) -> None:
    sizes = Sizes.of(config)
    assert sizes.dimensions == published.dimensions
    assert sizes.image_tokens == published.image_tokens
    assert (sizes.picture_pixels, sizes.most_tokens) == (224, 77)
    assert sizes.picture_operations == pytest.approx(published.operations, rel=0.05)
    card = Device("cuda", "card", "cuda:0", "float16", 8 * 2**30)
    batches = [batch_size(sizes.picture_operations, device) for device in (CPU, card)]
    assert batches == sorted(batches)
    assert batches[0] >= 1
    assert batches[1] > 4
