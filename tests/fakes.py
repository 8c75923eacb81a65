"""Small real implementations of the protocols, with a meaning that tests can predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageColor

from mmsearch_desktop.domain import Preparation, VectorSpace

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "black", "white", "grey")
DIMENSIONS = 13


def flat_picture(colour: str, size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.new("RGB", size, colour)


class ColourEmbedder:
    """Sees nothing but colours: four quarters of a picture, or the colour words of a text.

    "red" and an all-red picture get the same vector; words without any colour get a grey one.
    """

    name = "Colours"
    picture_side_pixels = 32

    def __init__(
        self,
        *,
        batch_size: int = 4,
        preparation: Preparation = Preparation.APP,
        revision: str = "1",
        words_limit: int = 100,
    ) -> None:
        self.batch_size = batch_size
        self.space = VectorSpace("colours", revision, DIMENSIONS, preparation)
        self.pictures_embedded = 0
        self._words_limit = words_limit

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        self.pictures_embedded += len(pictures)
        return _unit(np.stack([_quarters(picture) for picture in pictures]))

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        return _unit(np.stack([_quarters(_painted(text)) for text in words]))

    def embed_pictures_with_words(
        self, pictures: Sequence[Image.Image], words: Sequence[str]
    ) -> NDArray[np.float32]:
        return _unit(
            np.stack([_quarters(picture) for picture in pictures])
            + 2 * np.stack([_quarters(_painted(text)) for text in words])
        )

    def cut_notice(self, words: str, *, with_picture: bool) -> str | None:
        if len(words) + with_picture <= self._words_limit:
            return None
        return f"The words are long: only the first {self._words_limit} characters are used."


def _painted(words: str) -> Image.Image:
    named = [word for word in words.lower().split() if word in COLOURS] or ["grey"]
    reds, greens, blues = zip(*(ImageColor.getrgb(name)[:3] for name in named), strict=True)
    count = len(named)
    return Image.new("RGB", (2, 2), (sum(reds) // count, sum(greens) // count, sum(blues) // count))


def _quarters(picture: Image.Image) -> NDArray[np.float32]:
    small = picture.convert("RGB").resize((2, 2), Image.Resampling.BOX)
    values = np.asarray(small, dtype=np.float32).reshape(-1) / 127.5 - 1
    return np.append(values, np.float32(0.5))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.asarray(rows / lengths, dtype=np.float32)
