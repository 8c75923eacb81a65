"""One step's pictures, captions and questions, as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # the name that everyone knows it by

from mmsearch_desktop.models.embedding import normalised
from sample_model.captions import (
    Words,
    caption,
    codes_of_facts,
    codes_of_wanted,
    roughened,
)
from sample_model.queries import Asker

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from sample_model.pool import Pool

_MOST_CUT = 0.14  # of a picture's side, at random
_MOST_TOKENS = 24


@dataclass(frozen=True)
class Batch:
    """Q questions over 2 Q pictures: their sources, then their targets."""

    pixels: Tensor  # [2 Q, 3, side, side]
    facts: Tensor  # [2 Q, fields], codes
    captions: tuple[Tensor, Tensor]  # ids and mask [2 Q, S]
    captions_wanted: Tensor  # [2 Q, fields + 1], codes
    questions: tuple[Tensor, Tensor]  # ids and mask [Q, S]
    questions_wanted: Tensor  # [Q, fields + 1]


class Batches:
    """Draws random batches from a pool; the same numbers of step and worker give the same one."""

    def __init__(self, pool: Pool, tokenizer: Tokenizer, side: int) -> None:
        self._pool = pool
        self._asker = Asker(pool.facts)
        self._codes = codes_of_facts(pool.facts)
        self._tokenizer = tokenizer
        self._side = side

    def batch(self, questions: int, seed: Sequence[int]) -> Batch:
        rng = np.random.default_rng(list(seed))
        asked = [self._asker.ask(rng) for _ in range(questions)]
        places = [one.source for one in asked] + [one.target for one in asked]
        captions = [caption(self._pool.facts[place], rng) for place in places]
        return Batch(
            self._pixels(places, rng),
            torch.from_numpy(self._codes[places]),
            self._ids(captions, rng),
            torch.from_numpy(codes_of_wanted([words.wanted for words in captions])),
            self._ids([one.words for one in asked], rng),
            torch.from_numpy(codes_of_wanted([one.words.wanted for one in asked])),
        )

    def _pixels(self, places: Sequence[int], rng: np.random.Generator) -> Tensor:
        squares = [cut(self._pool.picture(place), self._side, rng) for place in places]
        return normalised(torch.stack(squares))

    def _ids(self, words: Sequence[Words], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        texts = [roughened(one.text, rng) for one in words]
        return padded_ids(self._tokenizer, texts)


def cut(picture: NDArray[np.uint8], side: int, rng: np.random.Generator) -> Tensor:
    """A random square out of the picture, mirrored at random, uint8 [side, side, 3].

    Bicubic with antialiasing, as the model's own preparation.
    """
    full = len(picture)
    kept = full - int(rng.integers(int(full * _MOST_CUT) + 1))
    left, top = rng.integers(full - kept + 1, size=2)
    square = torch.from_numpy(picture[top : top + kept, left : left + kept].copy())
    planes = square.permute(2, 0, 1)[None]
    small = F.interpolate(planes, (side, side), mode="bicubic", antialias=True)[0]
    small = small.permute(1, 2, 0)
    return small.flip(1) if rng.random() < 0.5 else small


def padded_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Ids and mask [texts, S], padded on the right and cut, keeping the end token."""
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    rows = [
        row if len(row) <= _MOST_TOKENS else [*row[: _MOST_TOKENS - 1], row[-1]] for row in rows
    ]
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = 1
    return ids, mask
