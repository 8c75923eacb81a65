"""Rounded matrix products: how near they stay, and that a model which suffers is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mmsearch_desktop.domain import Preparation
from mmsearch_desktop.models import bfloat16, device, visualized_bge
from mmsearch_desktop.models.bfloat16 import RoundedLinear, furthest, quickest, rounded
from mmsearch_desktop.models.visualized_bge import VisualizedBgeEmbedder
from tests.models.embedder_contract import CPU, WORDS, one_thread, pictures
from tests.models.tiny_visualized_bge import Flavour, write_tiny_model

FLAVOURS: tuple[Flavour, ...] = ("base_en", "m3")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def _opened(
    folder: Path, preparation: Preparation = Preparation.APP, revision: str = "7"
) -> VisualizedBgeEmbedder:
    embedder = visualized_bge.open_embedder(
        folder, name="Tiny", revision=revision, preparation=preparation, device=CPU
    )
    assert isinstance(embedder, VisualizedBgeEmbedder)
    return embedder


def _all(_: str) -> bool:
    return True


def _rounded_layers(model: nn.Module) -> list[str]:
    return [name for name, layer in model.named_modules() if isinstance(layer, RoundedLinear)]


def _apart(exact: VisualizedBgeEmbedder, shown: list[Image.Image]) -> float:
    """The largest 1 - cosine of its vectors with those of its rounded self."""
    before = [exact.embed_pictures(shown), exact.embed_words(WORDS)]
    exact._model = rounded(exact._model, visualized_bge._any_layer, smallest=1)
    assert _rounded_layers(exact._model)
    after = [exact.embed_pictures(shown), exact.embed_words(WORDS)]
    return max(
        furthest(torch.from_numpy(a), torch.from_numpy(b))
        for a, b in zip(before, after, strict=True)
    )


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_tiny_model_stays_near(tmp_path: Path, flavour: Flavour) -> None:
    assert _apart(_opened(write_tiny_model(tmp_path / "m", flavour)), pictures(4)) < 1e-4


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_checked_models_stay_near(shared: Path, flavour: str) -> None:
    data = shared / "parity" / "visualized_bge"
    shown = []
    for path in sorted((data / "pictures").iterdir()):
        with Image.open(path) as picture:
            shown.append(picture.convert("RGB"))
    assert _apart(_opened(data / flavour), shown) < 1e-4


class _Small(nn.Module):
    """Two linear layers; `offset` is what the second one takes away from large numbers."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(64, 64)
        self.second = nn.Linear(64, 64)
        nn.init.constant_(self.first.bias, offset)
        self.second.bias.data -= offset * self.second.weight.data.sum(1)
        self.requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(x))
        return out


def _tried(model: nn.Module) -> Tensor:
    out: Tensor = model(torch.randn(3, 64, generator=torch.Generator().manual_seed(1)))
    return out


def test_what_stays_near_is_rounded_and_the_rest_is_shared() -> None:
    small = _Small(0)
    chosen = quickest(small, (_all,), _tried, smallest=64)
    assert _rounded_layers(chosen) == ["first", "second"]
    assert not _rounded_layers(small)
    assert chosen.get_parameter("first.bias") is small.first.bias
    assert furthest(_tried(small), _tried(chosen)) < bfloat16.FURTHEST
    assert not _rounded_layers(quickest(small, (_all,), _tried))  # too small to gain by it


def test_a_model_that_suffers_is_left_alone_or_rounded_in_part() -> None:
    delicate = _Small(1000.0)
    assert quickest(delicate, (_all,), _tried, smallest=64) is delicate
    first = quickest(delicate, (_all, lambda name: name == "first"), _tried, smallest=64)
    assert _rounded_layers(first) == ["first"]


def test_numbers_that_are_none_are_infinitely_far() -> None:
    assert furthest(torch.ones(2, 3), torch.full((2, 3), torch.nan)) == np.inf


def test_only_a_processor_that_multiplies_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    card = device.Device("cuda", "Card", "cuda:0", "float16", None)
    assert not device.multiplies_bfloat16(card)
    for said, expected in (({"avx512_bf16": True}, True), ({"avx512_bf16": False}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda said=said: said, raising=False)
        assert device.multiplies_bfloat16(CPU) is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not device.multiplies_bfloat16(CPU)


@pytest.mark.parametrize("preparation", list(Preparation))
def test_it_is_tried_once_with_the_first_pictures_and_never_for_the_official_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preparation: Preparation
) -> None:
    said = {"avx512_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: said, raising=False)
    embedder = _opened(write_tiny_model(tmp_path / "m"), preparation)
    model = embedder._model
    embedder.embed_words(WORDS)
    embedder.embed_pictures_with_words(pictures(1), [""])
    assert embedder._model is model
    exact = embedder.embed_pictures(pictures(3))
    chosen = embedder._model
    assert (chosen is model) == (preparation is Preparation.OFFICIAL)
    again = embedder.embed_pictures(pictures(3))
    assert embedder._model is chosen
    assert furthest(torch.from_numpy(exact), torch.from_numpy(again)) < 1e-4
    assert embedder.embed_words(WORDS).dtype == np.float32
