"""MagicLens against numbers that the official code gave, and its real files' tensor names.

The data (random weights of small sizes) lies beside the project and is no part of it.
"""

from __future__ import annotations

import json
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
from mmsearch_desktop.models import magiclens
from mmsearch_desktop.models.device import Device
from mmsearch_desktop.models.embedding import batch_size, centred
from mmsearch_desktop.models.flax_pickle import read_flax_pickle
from mmsearch_desktop.models.magiclens import (
    MagicLens,
    check_tensors,
    empty_model,
    load_weights,
    name_in_file,
    prepare_picture,
    read_sizes,
    resized,
)
from tests.models.embedder_contract import CPU, one_thread

Array = NDArray[np.float32]
OFFICIAL = "magic_lens_clip_tiny.pkl"
CLOSE = 2e-6


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@dataclass(frozen=True)
class Golden:
    """What the official code gave, and ours opened from the same file."""

    arrays: dict[str, Array]
    model: MagicLens
    side: int
    pictures: dict[str, Image.Image]

    def group(self, name: str) -> dict[str, Array]:
        start = f"{name}/"
        return {k.removeprefix(start): v for k, v in self.arrays.items() if k.startswith(start)}

    def of_picture(self, name: str) -> torch.Tensor:
        pixels = prepare_picture(self.pictures[name], self.side, Preparation.OFFICIAL)
        with torch.inference_mode():
            vector: torch.Tensor = self.model.clip.visual(centred(pixels[None]))
        return vector

    def of_text(self, name: str) -> torch.Tensor:
        """Without the padding, as the embedder has it."""
        ids = torch.from_numpy(self.arrays[f"ids/{name}"]).long()
        with torch.inference_mode():
            vector: torch.Tensor = self.model.clip.text(ids[None, : int(ids.argmax()) + 1])
        return vector


@pytest.fixture(scope="module")
def data(shared: Path) -> Path:
    return shared / "parity" / "magiclens"


@pytest.fixture(scope="module", params=["official", "converted"])
def golden(data: Path, request: pytest.FixtureRequest, tmp_path_factory: Any) -> Golden:
    path = data / OFFICIAL
    if request.param == "converted":
        copy = tmp_path_factory.mktemp("model") / OFFICIAL
        copy.write_bytes(path.read_bytes())
        path = magiclens.convert(copy.parent)
        copy.unlink()
    sizes, model, tensors = magiclens._read_weights(path)
    load_weights(model, tensors, CPU)
    pictures = {}
    for path in sorted((data.parent / "visualized_bge" / "pictures").iterdir()):
        with Image.open(path) as picture:
            pictures[path.name] = picture.copy()
    return Golden(dict(np.load(data / "golden.npz")), model, sizes.picture_pixels, pictures)


def _furthest(ours: torch.Tensor, theirs: Array) -> float:
    assert tuple(ours.shape) == theirs.shape
    return float(np.abs(ours.numpy() - theirs).max())


def test_the_file_is_read_whole(data: Path) -> None:
    expected = json.loads((data / "parameter_tree.json").read_text(encoding="utf-8"))
    found = read_flax_pickle(data / OFFICIAL)
    facts = {
        name: {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
        for name, tensor in found.items()
    }
    assert facts == expected


def test_pixels(golden: Golden) -> None:
    expected = golden.group("pixels")
    assert len(expected) == 10
    for name, pixels in expected.items():
        ours = prepare_picture(golden.pictures[name], golden.side, Preparation.OFFICIAL)
        assert _furthest(ours.permute(1, 2, 0), pixels) < 1e-6, name


def test_clip_vectors_of_pictures(golden: Golden) -> None:
    for name, expected in golden.group("clip_image").items():
        assert _furthest(golden.of_picture(name)[0], expected) < 1e-5, name


def test_clip_vectors_of_texts(golden: Golden) -> None:
    for name, expected in golden.group("clip_text").items():
        assert _furthest(golden.of_text(name)[0], expected) < 1e-5, name


def test_padding_changes_nothing(golden: Golden) -> None:
    names = golden.group("ids")
    ids = torch.from_numpy(np.stack(list(names.values()))).long()
    with torch.inference_mode():
        together = golden.model.clip.text(ids)
    for vector, name in zip(together, names, strict=True):
        assert _furthest(vector, golden.arrays[f"clip_text/{name}"]) < 1e-5, name


def test_pictures_with_words(golden: Golden) -> None:
    expected = golden.group("embed_norm")
    assert len(expected) == 23
    for pair, vector in expected.items():
        picture, text = pair.split("|")
        with torch.inference_mode():
            ours = golden.model(golden.of_picture(picture), golden.of_text(text))
        assert _furthest(ours[0], golden.arrays[f"embed/{pair}"]) < 1e-5, pair
        assert _furthest(torch.nn.functional.normalize(ours, dim=-1)[0], vector) < CLOSE, pair


def test_a_batch_of_pictures_that_are_not_square(golden: Golden) -> None:
    """The official model cuts out the middle itself; what it is given here is square already."""
    pixels = torch.from_numpy(golden.arrays["raw_image_90x70"]).permute(0, 3, 1, 2)[:, :, 10:80]
    ids = torch.from_numpy(golden.arrays["raw_ids"]).long()
    with torch.inference_mode():
        pictures = golden.model.clip.visual(centred(resized(pixels, golden.side)))
        ours = golden.model(pictures, golden.model.clip.text(ids))
    expected = golden.arrays["raw_embed_norm"]
    assert _furthest(torch.nn.functional.normalize(ours, dim=-1), expected) < CLOSE


@dataclass(frozen=True)
class Published:
    listing: str
    picture_pixels: int
    dimensions: int
    layers: tuple[int, int, int]  # picture, text, fusion
    heads: tuple[int, int, int]
    flops: float  # of the picture tower, as published


PUBLISHED = [
    Published("base", 224, 512, (12, 12, 4), (12, 8, 8), 35.1e9),
    Published("large", 224, 768, (24, 12, 4), (16, 12, 16), 162e9),
]


def _listing(data: Path, size: str) -> tuple[dict[str, torch.Tensor], int]:
    facts = json.loads((data / f"official_tree_{size}.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        tensors = {name: torch.empty(shape) for name, shape in facts["tree"].items()}
    return tensors, facts["total_parameters"]


@pytest.mark.parametrize("size", PUBLISHED, ids=lambda size: size.listing)
def test_every_tensor_of_the_real_files_fits(data: Path, size: Published) -> None:
    tensors, total = _listing(data, size.listing)
    sizes = read_sizes({name: tensor.shape for name, tensor in tensors.items()}, Path("listing"))
    towers = (sizes.picture, sizes.text, sizes.fusion)
    assert (sizes.picture_pixels, sizes.dimensions) == (size.picture_pixels, size.dimensions)
    assert tuple(tower.layers for tower in towers) == size.layers
    assert tuple(tower.heads for tower in towers) == size.heads
    model = empty_model(sizes)
    check_tensors(model, tensors, Path("listing"))
    load_weights(model, tensors, Device("meta", "none", "meta", "float16", None))
    used = {name_in_file(name) for name in model.state_dict()}
    assert tensors.keys() - used == {"params/clip/logit_scale"}
    assert sum(weight.numel() for weight in model.parameters()) == total - 1
    del tensors[max(used)]
    with pytest.raises(WeightsDamaged, match="1 missing"):
        check_tensors(model, tensors, Path("listing"))


@pytest.mark.parametrize("size", PUBLISHED, ids=lambda size: size.listing)
def test_batches_of_the_real_models(data: Path, size: Published) -> None:
    tensors, _ = _listing(data, size.listing)
    sizes = read_sizes({name: tensor.shape for name, tensor in tensors.items()}, Path("listing"))
    work = magiclens._operations(sizes)
    assert work == pytest.approx(size.flops, rel=0.05)
    card = Device("cuda", "card", "cuda:0", "float16", 24 * 2**30)
    assert 1 <= batch_size(work, CPU) < batch_size(work, card)
