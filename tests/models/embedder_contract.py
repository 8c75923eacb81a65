"""What every embedder must do, whatever its architecture: test classes to inherit from.

A heir that begins with "Test" is collected; it has a fixture `embedder` beside it, of a model so
small that a call takes milliseconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from mmsearch_desktop.domain import DeviceOutOfMemory, Embedder, Preparation
from mmsearch_desktop.models.device import Device, Precision, best_device

if TYPE_CHECKING:
    from numpy.typing import NDArray

CPU = Device("cpu", "processor", "cpu", "float32", None)
LONG = "a red bag on the beach at night " * 20
ODD = ("a\tb\x00c", "[SEP] <s> <pad>", "half \ud800")
WORDS = ("", "  ", "red bag", "Ünïcode 中文 \U0001f408", *ODD, LONG)
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"]
NO_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
]


@contextmanager
def one_thread() -> Iterator[None]:
    """Models this small only wait for each other's threads, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(count: int = 4) -> list[Image.Image]:
    noise = np.random.default_rng(3)
    sizes = [(40, 30), (30, 50), (33, 32), (200, 35)][:count]
    return [Image.fromarray(noise.integers(0, 255, (h, w, 3), np.uint8)) for w, h in sizes]


def differs_by(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    assert one.shape == other.shape
    return float(np.abs(one - other).max())


def likeness(one: Embedder, other: Embedder) -> float:
    """The least cosine between what two give for the same, all kinds of input among it."""
    vectors = [
        np.concatenate(
            [
                embedder.embed_pictures(pictures()),
                embedder.embed_words(WORDS),
                embedder.embed_pictures_with_words(pictures(), WORDS[-4:]),
            ]
        )
        for embedder in (one, other)
    ]
    assert vectors[1].dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors[1], axis=1), 1, atol=1e-6)
    return float((vectors[0] * vectors[1]).sum(axis=1).min())


class EmbedderContract:
    """The protocol of `domain.Embedder`."""

    def test_vectors_have_unit_length_and_their_own_direction(self, embedder: Embedder) -> None:
        shown = pictures(3)
        rows = np.concatenate(
            [
                embedder.embed_words(["red bag", "dark night"]),
                embedder.embed_pictures(shown),
                embedder.embed_pictures_with_words(shown, ["red", "dark", "car"]),
            ]
        )
        assert rows.dtype == np.float32
        assert rows.shape == (8, embedder.space.dimensions)
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
        cosines = rows @ rows.T - np.eye(8)
        assert cosines.max() < 0.9999

    def test_a_batch_gives_what_single_calls_give(self, embedder: Embedder) -> None:
        shown, words = pictures(), WORDS[:4]
        single = [
            embedder.embed_pictures_with_words([p], [w]) for p, w in zip(shown, words, strict=True)
        ]
        together = embedder.embed_pictures_with_words(shown, words)
        assert differs_by(together, np.concatenate(single)) < 1e-6
        texts = [embedder.embed_words([text]) for text in WORDS]
        assert differs_by(embedder.embed_words(WORDS), np.concatenate(texts)) < 1e-6
        alone = [embedder.embed_pictures([picture]) for picture in shown]
        assert differs_by(embedder.embed_pictures(shown), np.concatenate(alone)) < 1e-6

    def test_nothing_gives_no_rows(self, embedder: Embedder) -> None:
        empty = (0, embedder.space.dimensions)
        assert embedder.embed_words([]).shape == empty
        assert embedder.embed_pictures([]).shape == empty
        assert embedder.embed_pictures_with_words([], []).shape == empty
        with pytest.raises(ValueError, match="no pairs"):
            embedder.embed_pictures_with_words(pictures(1), [])

    def test_calls_from_several_threads(self, embedder: Embedder) -> None:
        shown, words = pictures(2), list(WORDS)
        expected = (embedder.embed_pictures(shown), embedder.embed_words(words))

        def both(_: int) -> tuple[float, float]:
            ours = (embedder.embed_pictures(shown), embedder.embed_words(words))
            assert embedder.cut_notice(LONG, with_picture=True)
            return differs_by(ours[0], expected[0]), differs_by(ours[1], expected[1])

        with ThreadPoolExecutor(4) as threads:
            assert np.max(list(threads.map(both, range(16)))) < 1e-6

    @pytest.mark.parametrize("with_picture", [False, True])
    def test_long_words_are_cut_and_said_to_be(
        self, embedder: Embedder, with_picture: bool
    ) -> None:
        notice = embedder.cut_notice(LONG, with_picture=with_picture)
        assert notice is not None
        read = int(notice.split("first ")[1].split(" ")[0])
        assert f"of {len(LONG):,} characters" in notice
        assert 0 < read < len(LONG)
        assert embedder.cut_notice(LONG[:read], with_picture=with_picture) is None
        texts = (LONG, LONG[:read])
        if with_picture:
            vectors = [embedder.embed_pictures_with_words(pictures(1), [text]) for text in texts]
        else:
            vectors = [embedder.embed_words([text]) for text in texts]
        assert differs_by(*vectors) < 1e-6


class PreparationContract:
    """Of any picture at all, a square of 32 pixels; a heir sets `prepare`."""

    prepare: Callable[[Image.Image, int, Preparation], NDArray[np.uint8]]

    @pytest.mark.parametrize("preparation", Preparation)
    @pytest.mark.parametrize("mode", MODES)
    def test_every_mode_of_picture(self, mode: str, preparation: Preparation) -> None:
        for size in ((1, 1), (32, 32), (50, 31), (31, 50), (3, 900)):
            square = self.prepare(Image.new(mode, size), 32, preparation)
            assert square.shape == (32, 32, 3)
            assert square.dtype == np.uint8

    def test_far_ends_of_a_very_long_picture_hardly_matter(self) -> None:
        across = np.linspace(0, 40, 3000)
        waves = (np.sin(across) * 127 + 128).astype(np.uint8)
        for picture in (
            Image.fromarray(np.tile(waves, (40, 1))),
            Image.fromarray(np.tile(waves, (40, 1)).T.copy()),
        ):
            official = self.prepare(picture, 32, Preparation.OFFICIAL).astype(int)
            app = self.prepare(picture, 32, Preparation.APP).astype(int)
            assert np.abs(official - app).max() <= 2

    def test_a_thread_thin_picture_needs_little_memory(self) -> None:
        enormous = Image.new("L", (1, 2_000_000))  # resized whole, it would need 2 GB at 32 pixels
        assert self.prepare(enormous, 32, Preparation.APP).shape == (32, 32, 3)


class Failing(torch.nn.Module):
    """A model that fails as torch does, whichever way it is called."""

    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem = problem

    def forward(self, *_: object, **__: object) -> torch.Tensor:
        raise self.problem

    get_text_features = get_image_features = forward


class DeviceContract:
    """What a device may do to a model; a heir sets `opened` and `failing`, and has a `folder`."""

    opened: Callable[[Path, Device], Embedder]
    failing: Callable[[Path, torch.nn.Module], Embedder]

    @pytest.mark.parametrize("problem", NO_MEMORY)
    def test_too_little_memory(self, folder: Path, problem: Exception) -> None:
        embedder = self.failing(folder, Failing(problem))
        with pytest.raises(DeviceOutOfMemory, match="processor has too little"):
            embedder.embed_pictures(pictures(1))
        with pytest.raises(DeviceOutOfMemory):
            embedder.embed_words(["red"])

    def test_other_faults_are_not_taken_for_too_little_memory(self, folder: Path) -> None:
        with pytest.raises(RuntimeError, match="shapes"):
            self.failing(folder, Failing(RuntimeError("shapes"))).embed_words(["red"])

    @pytest.mark.parametrize("precision", ["float16", "bfloat16"])
    def test_half_precision_stays_near(self, folder: Path, precision: Precision) -> None:
        device = dataclasses.replace(CPU, precision=precision)
        assert likeness(self.opened(folder, CPU), self.opened(folder, device)) > 0.999

    @pytest.mark.gpu
    @pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
    def test_a_card_stays_near(self, folder: Path, precision: Precision) -> None:
        card = best_device()
        assert card.kind != "cpu", "no graphics card that torch can use"
        device = dataclasses.replace(card, precision=precision)
        assert likeness(self.opened(folder, CPU), self.opened(folder, device)) > 0.999
