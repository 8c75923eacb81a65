"""Visualized BGE against numbers that the official code gave, and its real files' tensor names.

The data (random weights of small sizes) lies beside the project and is no part of it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from mmsearch_desktop.domain import Preparation, WeightsDamaged
from mmsearch_desktop.models import visualized_bge
from mmsearch_desktop.models.device import Device
from mmsearch_desktop.models.embedding import batch_size, normalised
from mmsearch_desktop.models.visualized_bge import (
    FLAVOURS,
    VisualizedBge,
    VisualizedBgeEmbedder,
    check_tensors,
    prepare_picture,
)

Array = NDArray[np.float32]
CPU = Device("cpu", "processor", "cpu", "float32", None)
CLOSE = 1e-6


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Models this small only wait for each other's threads, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Golden:
    """One flavour: what the official code gave, and ours opened from the same files."""

    facts: dict[str, Any]
    arrays: dict[str, Array]
    embedder: VisualizedBgeEmbedder
    pictures: dict[str, Image.Image]
    texts: dict[str, str]

    def group(self, name: str) -> dict[str, Array]:
        start = f"{name}/"
        return {k.removeprefix(start): v for k, v in self.arrays.items() if k.startswith(start)}


def _opened(folder: Path) -> VisualizedBgeEmbedder:
    embedder = visualized_bge.open_embedder(
        folder, name="golden", revision="1", preparation=Preparation.OFFICIAL, device=CPU
    )
    assert isinstance(embedder, VisualizedBgeEmbedder)
    return embedder


def _pictures(folder: Path) -> dict[str, Image.Image]:
    pictures = {}
    for path in sorted(folder.iterdir()):
        with Image.open(path) as picture:
            pictures[path.name] = picture.copy()
    return pictures


@pytest.fixture(scope="module")
def data(shared: Path) -> Path:
    return shared / "parity" / "visualized_bge"


@pytest.fixture(scope="module", params=["base_en", "m3"])
def golden(data: Path, request: pytest.FixtureRequest) -> Golden:
    folder = data / request.param
    return Golden(
        json.loads((folder / "golden.json").read_text(encoding="utf-8")),
        dict(np.load(folder / "golden.npz")),
        _opened(folder),
        _pictures(data / "pictures"),
        json.loads((data / "texts.json").read_text(encoding="utf-8")),
    )


def _furthest(ours: Array, theirs: Array) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max())


def _squares(golden: Golden, name: str) -> torch.Tensor:
    side = golden.embedder.picture_side_pixels
    square = prepare_picture(golden.pictures[name], side, Preparation.OFFICIAL)
    return torch.from_numpy(square)[None]


def test_pixels_are_bit_equal(golden: Golden) -> None:
    expected = golden.group("pixels")
    assert expected.keys() == golden.pictures.keys()
    for name, pixels in expected.items():
        assert np.array_equal(normalised(_squares(golden, name))[0].numpy(), pixels), name


def test_token_ids_are_equal(golden: Golden) -> None:
    for name, text in golden.texts.items():
        uncut = golden.embedder._tokenizer.encode(text).ids
        assert uncut == golden.facts["tokens"][name], name
        for kind, cut in golden.facts["tokens_cut"][name].items():
            ids = golden.embedder.token_ids(text, with_picture=kind == "mm")
            assert ids == cut, (name, kind)


def test_a_notice_comes_exactly_when_words_are_cut(golden: Golden) -> None:
    for name, text in golden.texts.items():
        for kind, cut in golden.facts["tokens_cut"][name].items():
            notice = golden.embedder.cut_notice(text, with_picture=kind == "mm")
            assert (notice is not None) == (len(cut) < len(golden.facts["tokens"][name])), name


def test_image_tokens(golden: Golden) -> None:
    model: Any = golden.embedder._model
    for name, expected in golden.group("image_tokens").items():
        with torch.inference_mode():
            tokens = model.tower(normalised(_squares(golden, name)))
        assert _furthest(tokens.reshape(expected.shape).numpy(), expected) < 1e-4, name


def test_one_picture(golden: Golden) -> None:
    for name, expected in golden.group("image_emb").items():
        vectors = golden.embedder.embed_pictures([golden.pictures[name]])
        assert _furthest(vectors, expected.reshape(1, -1)) < CLOSE, name


@pytest.mark.parametrize("group", ["text_emb", "text_emb_cut"])
def test_words(golden: Golden, group: str) -> None:
    for name, expected in golden.group(group).items():
        vectors = golden.embedder.embed_words([golden.texts[name]])
        assert _furthest(vectors, expected.reshape(1, -1)) < CLOSE, name


@pytest.mark.parametrize("group", ["mm_emb", "mm_emb_cut"])
def test_picture_with_words(golden: Golden, group: str) -> None:
    for pair, expected in golden.group(group).items():
        picture, text = pair.split("|")
        vectors = golden.embedder.embed_pictures_with_words(
            [golden.pictures[picture]], [golden.texts[text]]
        )
        assert _furthest(vectors, expected.reshape(1, -1)) < CLOSE, pair


def test_batches(golden: Golden) -> None:
    order, expected = golden.facts["batch"], golden.group("batch")
    pictures = [golden.pictures[name] for name in order["mm_pictures"]]
    words = [golden.texts[name] for name in order["mm_text_ids"]]
    texts = [golden.texts[name] for name in order["text_ids"]]
    assert _furthest(golden.embedder.embed_words(texts), expected["text"]) < CLOSE
    assert _furthest(golden.embedder.embed_pictures(pictures), expected["image"]) < CLOSE
    together = golden.embedder.embed_pictures_with_words(pictures, words)
    assert _furthest(together, expected["mm"]) < CLOSE


def test_what_the_official_code_refuses_is_cut_here(golden: Golden) -> None:
    assert golden.facts["raises"]
    for case in golden.facts["raises"]:
        kind, _, what = case.partition("/")
        picture, _, text = what.rpartition("|")
        group, key = ("text_emb_cut", text) if kind == "text" else ("mm_emb_cut", what)
        words = [golden.texts[text]]
        if kind == "text":
            vectors = golden.embedder.embed_words(words)
        else:
            vectors = golden.embedder.embed_pictures_with_words([golden.pictures[picture]], words)
        assert _furthest(vectors, golden.group(group)[key].reshape(1, -1)) < CLOSE, case


def _half_precision_copy(data: Path, flavour: str, folder: Path) -> Path:
    shutil.copytree(data / flavour / "text_model", folder / "text_model")
    shutil.copy(data / flavour / "eva_config.json", folder)
    shutil.copy(data / flavour / "Visualized_BGE_fp16.pth", folder / "Visualized_BGE.pth")
    return folder


def _furthest_of_all(embedder: VisualizedBgeEmbedder, data: Path, flavour: str) -> float:
    """Over every vector in golden_fp16.npz."""
    pictures = _pictures(data / "pictures")
    texts = json.loads((data / "texts.json").read_text(encoding="utf-8"))
    worst = 0.0
    for key, expected in np.load(data / flavour / "golden_fp16.npz").items():
        kind, _, what = key.partition("/")
        picture, _, text = what.rpartition("|")
        if kind == "image_emb":
            ours = embedder.embed_pictures([pictures[what]])
        elif kind.startswith("text_emb"):
            ours = embedder.embed_words([texts[what]])
        elif kind.startswith("mm_emb"):
            ours = embedder.embed_pictures_with_words([pictures[picture]], [texts[text]])
        else:
            continue
        worst = max(worst, _furthest(ours, expected.reshape(1, -1)))
    return worst


@pytest.mark.parametrize("flavour", ["base_en", "m3"])
def test_weights_in_half_precision(data: Path, flavour: str, tmp_path: Path) -> None:
    folder = _half_precision_copy(data, flavour, tmp_path / "model")
    assert 0 < _furthest_of_all(_opened(folder), data, flavour) < CLOSE


@pytest.mark.parametrize("flavour", ["base_en", "m3"])
def test_converted_weights_give_the_very_same(data: Path, flavour: str, tmp_path: Path) -> None:
    folder = _half_precision_copy(data, flavour, tmp_path / "model")
    before = _furthest_of_all(_opened(folder), data, flavour)
    visualized_bge.convert(folder)
    (folder / "Visualized_BGE.pth").unlink()
    assert _furthest_of_all(_opened(folder), data, flavour) == before


@pytest.mark.parametrize("flavour", ["base_en", "m3"])
def test_rotary_tables_worked_out_again_would_be_seen(
    data: Path, flavour: str, tmp_path: Path
) -> None:
    embedder = _opened(_half_precision_copy(data, flavour, tmp_path / "model"))
    model: Any = embedder._model
    rope = model.tower.rope
    exact = _exact_angles(*rope.freqs_cos.shape)
    assert 0 < (rope.freqs_cos - exact.cos()).abs().max() < 1e-3  # only rounding differs
    rope.freqs_cos, rope.freqs_sin = exact.cos(), exact.sin()
    assert _furthest_of_all(embedder, data, flavour) > CLOSE


def _exact_angles(patches: int, channels: int) -> torch.Tensor:
    grid, half = int(patches**0.5), channels // 2
    speeds = 10000.0 ** (-torch.arange(0, half, 2) / half)
    line = (torch.arange(grid) / grid * 16)[:, None] * speeds.repeat_interleave(2)
    rows = line[:, None].expand(grid, grid, half)
    return torch.cat([rows, rows.transpose(0, 1)], dim=-1).reshape(patches, channels)


_REAL_TEXT = {  # the published text models' config.json
    "bert": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
        "pad_token_id": 0,
        "type_vocab_size": 2,
        "vocab_size": 30522,
    },
    "xlm-roberta": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": 8194,
        "num_attention_heads": 16,
        "num_hidden_layers": 24,
        "pad_token_id": 1,
        "type_vocab_size": 1,
        "vocab_size": 250002,
    },
}
_LISTINGS = [("base_en", "bert"), ("m3", "xlm-roberta")]


@pytest.mark.parametrize(("listing", "model_type"), _LISTINGS)
def test_every_tensor_of_the_real_files_fits(data: Path, listing: str, model_type: str) -> None:
    facts = json.loads((data / f"official_keys_{listing}.json").read_text(encoding="utf-8"))
    keys, source, flavour = facts["keys"], Path("listing"), FLAVOURS[model_type]
    text = visualized_bge._text_config(_REAL_TEXT[model_type], flavour, source)
    with torch.device("meta"):
        model = VisualizedBge(flavour, flavour.tower, text)
        tensors = {name: torch.empty(fact["shape"]) for name, fact in keys.items()}
    check_tensors(model, tensors, source)
    visualized_bge.load_weights(model, tensors, Device("meta", "none", "meta", "float32", None))
    used = {visualized_bge.name_in_file(name) for name in model.state_dict()}
    unused = {name for name in keys if visualized_bge._may_be_present(name)}
    assert used == keys.keys() - unused
    assert {name for name in unused if ".rope." not in name} == set(facts["unused_in_embedding"])
    uncounted = sum(tensors[name].numel() for name in facts["unused_in_embedding"])
    counted = sum(weight.numel() for weight in model.parameters())
    assert counted == facts["total_parameters"] - uncounted
    del tensors[max(used)]
    with pytest.raises(WeightsDamaged, match="1 missing"):
        check_tensors(model, tensors, source)


@pytest.mark.parametrize(("listing", "model_type"), _LISTINGS)
def test_the_real_models_limits_and_batches(listing: str, model_type: str) -> None:
    flavour = FLAVOURS[model_type]
    text = visualized_bge._text_config(_REAL_TEXT[model_type], flavour, Path("config.json"))
    parts = visualized_bge._Parts(flavour, flavour.tower, text, Path())
    limits = {"base_en": (512, 316), "m3": (8192, 7938)}[listing]
    assert visualized_bge._limits(parts, Preparation.OFFICIAL) == limits
    at_most = (min(limits[0], 1024), min(limits[1], 1024))
    assert visualized_bge._limits(parts, Preparation.APP) == at_most
    flops = {"base_en": 69.0e9, "m3": 325e9}[listing]  # counted on the official code; worked out
    large = Device("cuda", "card", "cuda:0", "float16", 24 * 2**30)
    small = Device("cuda", "card", "cuda:0", "float16", 6 * 2**30)
    work = visualized_bge._operations(parts)
    assert work == pytest.approx(flops, rel=0.05)
    sizes = [batch_size(work, device) for device in (CPU, small, large)]
    assert sizes == sorted(sizes)
    assert 1 <= sizes[0] <= 4
    assert sizes[2] > 4
