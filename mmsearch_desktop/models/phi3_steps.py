"""What a Phi-3 Vision judge does, in steps small enough to cancel between any two.

Every function that takes long is a generator: it yields None after each step (a few crops, one
slice of a prompt) and returns its result, or yields the text it writes, token by token.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from mmsearch_desktop.models.phi3_prompt import Phi3Tokenizer, RankedList, Writing
from mmsearch_desktop.models.phi3_vision import Phi3Vision, TokenCache, prepare_picture

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")
Steps = Generator[None, None, T]

_CROPS_AT_ONCE = 4
_NO_MEMORY = ("can't allocate memory", "not enough memory")  # how torch says it of the processor


def finish(steps: Generator[object, None, T]) -> T:
    """Take all steps at once; their result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def silently(steps: Steps[T]) -> Generator[str, None, T]:
    """Steps among text: each says nothing."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        yield ""


class FeatureCache:
    """Pictures as the decoder reads them, the least recently used forgotten first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[tuple[str, int], Tensor] = OrderedDict()
        self.size_bytes = 0

    def get(self, key: str | None, num_crops: int) -> Tensor | None:
        if key is None or (key, num_crops) not in self._kept:
            return None
        self._kept.move_to_end((key, num_crops))
        return self._kept[key, num_crops]

    def put(self, key: str | None, num_crops: int, features: Tensor) -> None:
        if key is None or features.nbytes > self._limit_bytes or (key, num_crops) in self._kept:
            return
        self._kept[key, num_crops] = features
        self.size_bytes += features.nbytes
        while self.size_bytes > self._limit_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.size_bytes -= oldest.nbytes

    def clear(self) -> None:
        self._kept.clear()
        self.size_bytes = 0


def encode(model: Phi3Vision, picture: Image.Image, num_crops: int) -> Steps[Tensor]:
    """A picture as the decoder reads it, [T, D]."""
    crops = prepare_picture(picture, num_crops, model.sizes.tower.side_pixels)
    patches = []
    for some in torch.split(crops.pixels, _CROPS_AT_ONCE):
        patches.append(model.patches(some))
        yield
    return model.arrange(torch.cat(patches), crops.plan)


def read(model: Phi3Vision, embeds: Tensor, cache: TokenCache) -> Steps[Tensor]:
    """Read [1, S, D] slice by slice; the last token's state, [D]."""
    state = embeds[0, -1]
    for some in model.slices(embeds, cache.length):
        state = model.read(some, cache)[-1]
        yield
    return state


class Pick:
    """Which token comes next: the likeliest, or one drawn where the temperature is above 0."""

    def __init__(self, temperature: float = 0.0, seed: int = 0) -> None:
        self._temperature = temperature
        self._chance = torch.Generator().manual_seed(seed)

    def __call__(self, logits: Tensor, allowed: Sequence[int]) -> int:
        """From [V]: one of `allowed`, or any id where that is empty."""
        scores = torch.nan_to_num(logits[list(allowed)] if allowed else logits)
        place = self._place(scores)
        return allowed[place] if allowed else place

    def _place(self, scores: Tensor) -> int:
        if self._temperature <= 0:
            return int(scores.argmax())
        chances = (scores / self._temperature).softmax(-1).cpu()
        return int(torch.multinomial(chances, 1, generator=self._chance))


def write(
    model: Phi3Vision,
    tokenizer: Phi3Tokenizer,
    cache: TokenCache,
    state: Tensor,
    max_tokens: int,
    *,
    walk: RankedList | None = None,
    pick: Pick | None = None,
) -> Iterator[str]:
    """Text as it comes, up to a stop id; `state` [D] is that of the last token read.

    While `walk` is not done it says which ids are allowed; tokens without a choice are not
    computed but read together with the next.
    """
    choose, writing = pick or Pick(), Writing(tokenizer)
    unread: list[int] = []
    for _ in range(max_tokens):
        allowed = walk.allowed() if walk is not None else ()
        if len(allowed) == 1:
            token = allowed[0]
        else:
            if unread:
                state = model.read(model.embed(unread, ()), cache)[-1]
                unread = []
            token = choose(model.logits(state), allowed)
        if not allowed and token in tokenizer.stop_ids:
            return
        if walk is not None and allowed:
            walk.take(token)
        unread.append(token)
        yield writing.add(token)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says with this that memory ran out."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(words in text for words in _NO_MEMORY)


def empty_device(place: torch.device) -> None:
    """Give back what torch, or the C library, keeps for later."""
    gc.collect()
    if place.type == "cuda":
        torch.cuda.empty_cache()
    elif place.type == "xpu":
        torch.xpu.empty_cache()
    elif place.type == "mps":
        torch.mps.empty_cache()
    elif sys.platform == "linux":
        _trim()


def _trim() -> None:
    """Have the C library return what was freed: glibc would keep a good part of a model."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
    if trim is not None:
        trim(0)
