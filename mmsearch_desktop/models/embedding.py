"""What our embedders do alike: words to ids, pictures to pixels, features to rows.

Nothing here belongs to one architecture: what two of them only seem to share (where a crop falls,
when a picture becomes RGB) stays with each.

In the shapes below: B pictures or texts, S tokens, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # the name that everyone knows it by

from mmsearch_desktop.domain import DeviceOutOfMemory, ModelProblem

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from mmsearch_desktop.models.device import Device

# ------------------------------------------------------------------------------------- words


def cut_ids(tokenizer: Tokenizer, words: str, limit: int) -> list[int]:
    """First token, words, end token; cut to `limit` of them, keeping the end token."""
    ids: list[int] = tokenizer.encode(encodable(words)).ids
    return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]


def cut_notice(tokenizer: Tokenizer, words: str, limit: int) -> str | None:
    """What `cut_ids` leaves out, in a sentence for a person; None where it leaves out nothing."""
    read = characters_read(tokenizer, words, limit)
    return None if read is None else too_long(read, len(words))


def characters_read(tokenizer: Tokenizer, words: str, limit: int) -> int | None:
    """How many characters `cut_ids` keeps; None where it keeps all."""
    encoding = tokenizer.encode(encodable(words))
    if len(encoding.ids) <= limit:
        return None
    read: int = encoding.offsets[limit - 2][1] if limit > 2 else 0  # the end token comes last
    return read


def too_long(read: int, characters: int) -> str:
    return (
        f"The words are too long for this model: only the first {read:,} of "
        f"{characters:,} characters are used."
    )


def encodable(words: str) -> str:
    """Without halves of characters, which text from a clipboard or a file name may hold."""
    return words.encode("utf-8", "replace").decode("utf-8")


def padded(tokens: Sequence[Sequence[int]], pad_id: int, device: Device) -> tuple[Tensor, Tensor]:
    """Ids and mask [B, S] on the device, padded on the right."""
    longest = max(map(len, tokens))
    ids = [[*row, *[pad_id] * (longest - len(row))] for row in tokens]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in tokens]
    place = device.torch_name
    return torch.tensor(ids, device=place), torch.tensor(mask, device=place)


# ---------------------------------------------------------------------------------- pictures

_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
_LONGEST_ASPECT = 8  # only the centre square is seen; longer pictures only cost memory


def without_far_ends(picture: Image.Image, longest_aspect: int = _LONGEST_ASPECT) -> Image.Image:
    """The middle of a very long picture; every other one whole."""
    longest = longest_aspect * min(picture.size)
    width, height = (min(pixels, longest) for pixels in picture.size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def with_short_side(picture: Image.Image, side: int) -> Image.Image:
    """Bicubic in the picture's own mode; the long side is cut to whole pixels, not rounded."""
    short, long = sorted(picture.size)
    long_side = int(side * long / short)
    size = (side, long_side) if picture.width <= picture.height else (long_side, side)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC)


def normalised(squares: Tensor) -> Tensor:
    """uint8 [B, side, side, 3] → float32 [B, 3, side, side] with CLIP's mean and deviation."""
    return centred(squares.permute(0, 3, 1, 2).float().div(255))


def centred(pixels: Tensor) -> Tensor:
    """[B, 3, side, side] of 0 to 1, with CLIP's mean and deviation."""
    mean = torch.tensor(_MEAN, device=pixels.device)[:, None, None]
    deviation = torch.tensor(_DEVIATION, device=pixels.device)[:, None, None]
    return pixels.sub(mean).div(deviation).contiguous()


def on_device(squares: Sequence[NDArray[np.uint8]], device: Device) -> Tensor:
    """Squares [side, side, 3] → normalised pixels [B, 3, side, side] in the device's precision."""
    pixels = normalised(torch.from_numpy(np.stack(squares)).to(device.torch_name))
    return pixels.to(getattr(torch, device.precision))


# ----------------------------------------------------------------------------------- running

_BATCH_SECONDS = 0.1
_PROCESSOR_SPEED = 60e9  # operations a second and thread, measured
_CARD_SPEED = {"cuda": 1.5e12, "xpu": 1e12}  # a second and GiB: more memory, more speed
_OTHER_CARD_SPEED = 0.25e12  # memory shared with the processor
_MOST_IN_BATCH = 64
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def batch_size(operations: float, device: Device) -> int:
    """Pictures that take about a tenth of a second together, at so many operations for each."""
    if device.kind == "cpu":
        speed = _PROCESSOR_SPEED * torch.get_num_threads()
    else:
        memory_gib = (device.memory_bytes or 0) / 2**30
        speed = max(4.0, memory_gib) * _CARD_SPEED.get(device.kind, _OTHER_CARD_SPEED)
    return max(1, min(int(_BATCH_SECONDS * speed / operations), _MOST_IN_BATCH))


def unit_rows(features: Tensor, name: str, device: Device) -> NDArray[np.float32]:
    """Rows [B, D] at unit length, in float32. Raises ModelProblem where a number is none."""
    rows: NDArray[np.float32] = F.normalize(features.float(), dim=-1).cpu().numpy()
    if not np.isfinite(rows).all():
        raise ModelProblem(
            f"{name} gave no usable numbers on {device.name} in {device.precision}. Check its "
            "files, or use the processor instead."
        )
    return rows


@contextmanager
def memory_trouble(device: Device) -> Iterator[None]:
    """Turns what torch raises when memory runs out, on cards and processors, into ours."""
    try:
        yield
    except RuntimeError as problem:
        text = str(problem)
        if not isinstance(problem, torch.OutOfMemoryError) and not any(
            told in text for told in _NO_MEMORY
        ):
            raise
        raise DeviceOutOfMemory(
            f"{device.name} has too little free memory. Close other programs, or use a smaller "
            "model or fewer pictures at once."
        ) from problem
