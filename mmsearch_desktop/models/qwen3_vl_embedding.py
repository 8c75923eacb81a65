"""Qwen3-VL-Embedding: a language model that sees, and sums up what it was given in one token.

A system message says what is wanted, the user's message is the picture, the words, or both, and
what the last layer holds at the end token, at unit length, stands for all of it. Its first numbers
alone are a vector too (Matryoshka), so that the app keeps half of them.

Sources: technical report, arXiv 2601.04720; QwenLM/Qwen3-VL-Embedding (Apache-2.0, 8ce3aab);
Qwen3-VL, arXiv 2511.21631; qwen-vl-utils 0.0.14 for the size of a picture. The network is
transformers' own Qwen3VLModel: the program code beside the weights is neither fetched nor run.

In the shapes below: B pictures or texts, S tokens, P patches of all pictures.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import Qwen3VLConfig, Qwen3VLModel

from mmsearch_desktop.domain import (
    Embedder,
    ModelProblem,
    Preparation,
    VectorSpace,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models.checkpoint import (
    FILES_NEEDED,
    check_keys,
    read_checkpoint,
    read_json,
    stored_tensors,
    tokenizer_trouble,
    weight_files,
)
from mmsearch_desktop.models.device import free_bytes, has_bfloat16, memory_text
from mmsearch_desktop.models.embedding import (
    batch_size,
    encodable,
    memory_trouble,
    padded,
    too_long,
    unit_rows,
    without_far_ends,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmsearch_desktop.models.device import Device, Precision

_log = logging.getLogger("mmsearch.models")

# ------------------------------------------------------------------------ picture preparation

_LEAST_TOKENS = 4  # of one picture
_LONGEST_ASPECT = 200  # the official code refuses longer pictures; here their ends are cut


def picture_size(width: int, height: int, factor: int, most_tokens: int) -> tuple[int, int]:
    """Width and height in whole squares of `factor` pixels, 4 to `most_tokens` of them.

    The official rule, but for pictures so long that it would leave less than one square.
    """
    most, least = most_tokens * factor**2, _LEAST_TOKENS * factor**2
    wide = max(factor, round(width / factor) * factor)
    high = max(factor, round(height / factor) * factor)
    if wide * high > most:
        shrink = math.sqrt(width * height / most)
        wide = max(factor, math.floor(width / shrink / factor) * factor)
        high = max(factor, math.floor(height / shrink / factor) * factor)
    elif wide * high < least:
        grow = math.sqrt(least / (width * height))
        wide = math.ceil(width * grow / factor) * factor
        high = math.ceil(height * grow / factor) * factor
    return wide, high


def prepare_picture(picture: Image.Image, factor: int, most_tokens: int) -> NDArray[np.uint8]:
    """The whole picture as RGB [H, W, 3], bicubic, both sides in whole squares."""
    picture = without_far_ends(picture, min(_LONGEST_ASPECT, most_tokens))
    picture = _on_white(picture) if picture.mode == "RGBA" else picture.convert("RGB")
    size = picture_size(*picture.size, factor, most_tokens)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    return np.array(picture, dtype=np.uint8)


def _on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


@dataclass(frozen=True, slots=True)
class Patching:
    """How a picture is cut up: patches, and squares of patches that make one token."""

    patch_pixels: int
    merged: int  # patches along the side of a token's square
    frames: int  # a patch spans so many; a picture is shown in each

    @property
    def factor(self) -> int:
        """Pixels along the side of a token's square."""
        return self.patch_pixels * self.merged

    def grid(self, pixels: NDArray[np.uint8]) -> tuple[int, int]:
        """Tokens down and across."""
        return pixels.shape[0] // self.factor, pixels.shape[1] // self.factor

    def patches(self, pixels: NDArray[np.uint8]) -> Tensor:
        """[H, W, 3] → uint8 [patches, 3, patch, patch], those of one token beside each other."""
        down, across = self.grid(pixels)
        side, merged = self.patch_pixels, self.merged
        parts = torch.from_numpy(pixels).reshape(down, merged, side, across, merged, side, 3)
        return parts.permute(0, 3, 1, 4, 6, 2, 5).reshape(-1, 3, side, side)

    def normalised(self, patches: Tensor) -> Tensor:
        """uint8 [P, 3, side, side] → float32 [P, 3 * frames * side * side], -1 to 1."""
        values = patches.float().div(255).sub(0.5).div(0.5)
        return values.unsqueeze(2).expand(-1, -1, self.frames, -1, -1).flatten(1)


# ------------------------------------------------------------------------------------ words

_START, _END = "<|im_start|>", "<|im_end|>"
_SEE, _PICTURE, _SEEN = "<|vision_start|>", "<|image_pad|>", "<|vision_end|>"
_LAST = "<|endoftext|>"  # whose place in the last layer is the vector; also the padding
_CONTROLS = (_START, _END, _SEE, _PICTURE, _SEEN, _LAST)
# The official ones: of what is searched, and of what it is searched with.
FOR_PHOTOS = "Represent the user's input."
FOR_QUERIES = "Retrieve images or text relevant to the user's query."


def open_tokenizer(path: Path) -> Tokenizer:
    """The folder's own tokenizer, neither cutting nor padding, which takes no text for a control.

    Safe in several threads. Raises WeightsDamaged naming the file.
    """
    model = read_json(path).get("model")
    kinds = (("vocab", dict), ("merges", list))
    if not isinstance(model, dict) or not all(isinstance(model.get(n), k) for n, k in kinds):
        raise WeightsDamaged(f"{path}: lists no words. Download it again.")
    with tokenizer_trouble(path):
        tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    missing = [name for name in _CONTROLS if tokenizer.token_to_id(name) is None]
    if missing:
        raise WeightsDamaged(
            f"{path}: has no {' and no '.join(missing)}. Check that it is Qwen3-VL-Embedding's."
        )
    if tokenizer.encode("a").ids[1:] != [tokenizer.token_to_id(_LAST)]:
        raise WeightsDamaged(
            f"{path}: does not end texts with {_LAST}, as Qwen3-VL-Embedding's does. If this is "
            "Qwen3-VL itself, it makes no vectors: choose another folder."
        )
    return tokenizer


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ids of one input, and the picture among them."""

    ids: tuple[int, ...]
    before: int  # ids before the picture; all of them where there is none
    grid: tuple[int, int] = (0, 0)  # tokens down and across

    def positions(self) -> Tensor:
        """[4, S]: the place of each id, then its place in time, down and across.

        Words count on; a picture stands at one time and spreads over the other two.
        """
        down, across = self.grid
        size = down * across
        head = torch.arange(self.before).expand(3, -1)
        spread = torch.arange(size)
        seen = torch.stack([spread * 0, spread // max(across, 1), spread % max(across, 1)])
        behind = torch.arange(len(self.ids) - self.before - size).expand(3, -1)
        tail = behind + self.before + max(self.grid)
        of_axes = torch.cat([head, seen + self.before, tail], dim=1)
        return torch.cat([torch.arange(len(self.ids))[None], of_axes])


class Prompts:
    """Writes what the model reads: the official chat, and at its end the token that sums it up."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        numbers = tokenizer.get_vocab(with_added_tokens=True)
        self.vocabulary = 1 + max(numbers.values())
        self.start, self.end, self.see, self.picture, self.seen, self.last = (
            numbers[name] for name in _CONTROLS
        )
        self._line_end = self._plain("\n")
        self._user = self._plain("user\n")

    def photo(self, grid: tuple[int, int]) -> Prompt:
        return self._with_picture(FOR_PHOTOS, grid, [])

    def words(self, words: str, limit: int) -> Prompt:
        user = self._plain(f"user\n{encodable(words)}")[: len(self._user) + limit]
        ids = (*self._head(FOR_QUERIES), *user, *self._tail())
        return Prompt(ids, len(ids))

    def photo_with_words(self, grid: tuple[int, int], words: str, limit: int) -> Prompt:
        return self._with_picture(FOR_QUERIES, grid, self._plain(encodable(words))[:limit])

    def characters_read(self, words: str, limit: int, *, with_picture: bool) -> int | None:
        """How many characters of words are kept; None where all are."""
        opening = "" if with_picture else "user\n"  # with which words alone may grow together
        most = limit + (0 if with_picture else len(self._user))
        encoding = self._tokenizer.encode(opening + encodable(words), add_special_tokens=False)
        if len(encoding.ids) <= most:
            return None
        return max(0, int(encoding.offsets[most - 1][1]) - len(opening))

    def overhead(self) -> int:
        """The most tokens that neither a picture nor words take."""
        empty = (0, 0)
        return max(len(self.photo(empty).ids), len(self.photo_with_words(empty, "", 0).ids))

    def _with_picture(self, instruction: str, grid: tuple[int, int], words: list[int]) -> Prompt:
        head = (*self._head(instruction), *self._user, self.see)
        seen = [self.picture] * (grid[0] * grid[1])
        return Prompt((*head, *seen, self.seen, *words, *self._tail()), len(head), grid)

    def _head(self, instruction: str) -> tuple[int, ...]:
        system = self._plain(f"system\n{instruction}")
        return (self.start, *system, self.end, *self._line_end, self.start)

    def _tail(self) -> tuple[int, ...]:
        answer = self._plain("assistant\n")
        return (self.end, *self._line_end, self.start, *answer, self.last)

    def _plain(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


# ---------------------------------------------------------------------------- configuration

_ATTENTION: dict[str, Any] = {"attn_implementation": "sdpa"}
_TEXT_SIZES = (
    "attention_bias",
    "head_dim",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "vocab_size",
)
_PICTURE_SIZES = (
    "deepstack_visual_indexes",
    "depth",
    "hidden_act",
    "hidden_size",
    "in_channels",
    "intermediate_size",
    "num_heads",
    "num_position_embeddings",
    "out_hidden_size",
    "patch_size",
    "spatial_merge_size",
    "temporal_patch_size",
)


def read_config(path: Path, prompts: Prompts) -> Qwen3VLConfig:
    """The network's sizes, and nothing else of the file. Raises ModelProblem, WeightsDamaged."""
    values = read_json(path)
    if values.get("model_type") != "qwen3_vl":
        raise ModelProblem(
            f"{path}: its model is of type {values.get('model_type')!r}; Qwen3-VL-Embedding is of "
            "type 'qwen3_vl'."
        )
    if values.get("image_token_id", prompts.picture) != prompts.picture:
        raise WeightsDamaged(f"{path}: belongs to another vocabulary than the one beside it.")
    try:
        text, picture = dict(values["text_config"]), dict(values["vision_config"])
        config = Qwen3VLConfig(
            text_config={
                **_picked(text, _TEXT_SIZES),
                "rope_parameters": _rope(text),
                "use_cache": False,
            },
            vision_config=_picked(picture, _PICTURE_SIZES),
            image_token_id=prompts.picture,
            **_ATTENTION,
        )
        _check_sizes(config)
    except (StrictDataclassError, ArithmeticError, LookupError, TypeError, ValueError) as problem:
        raise WeightsDamaged(f"{path}: has a value of the wrong kind ({problem}).") from problem
    return config


def _picked(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _rope(text: Mapping[str, Any]) -> dict[str, Any]:
    """How places turn, in transformers' words of today; files of 2025 say it in two places."""
    rope = {**(text.get("rope_scaling") or {}), **(text.get("rope_parameters") or {})}
    if rope.get("rope_type", "default") != "default":
        raise ValueError(f"positions are of the kind {rope['rope_type']!r}, not 'default'")
    section = [int(size) for size in rope["mrope_section"]]
    if len(section) != 3 or min(section) < 1 or 2 * sum(section) != int(text["head_dim"]):
        raise ValueError(f"{section} does not share out a head of {text['head_dim']}")
    return {
        "rope_type": "default",
        "rope_theta": float(rope["rope_theta"] if "rope_theta" in rope else text["rope_theta"]),
        "mrope_section": section,
        "mrope_interleaved": True,
    }


def _check_sizes(config: Qwen3VLConfig) -> None:
    """Raises ValueError or its kin where the parts would not fit together."""
    text: Any = config.text_config  # in their types the parts may be absent
    tower: Any = config.vision_config
    layers = tuple(tower.deepstack_visual_indexes)
    fits = (
        tower.out_hidden_size == text.hidden_size
        and tower.in_channels == 3
        and all(isinstance(layer, int) and 0 <= layer < tower.depth for layer in layers)
        and len(layers) <= text.num_hidden_layers
        and tower.hidden_size % (4 * tower.num_heads) == 0
        and text.num_attention_heads % text.num_key_value_heads == 0
        and min(tower.patch_size, tower.spatial_merge_size, tower.temporal_patch_size) >= 1
        and math.isqrt(tower.num_position_embeddings) >= 1
    )
    if not fits:
        raise ValueError("the sizes of its parts do not fit together")


def patching_of(config: Qwen3VLConfig) -> Patching:
    tower: Any = config.vision_config
    return Patching(tower.patch_size, tower.spatial_merge_size, tower.temporal_patch_size)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read, and how much of a vector is kept."""

    picture_tokens: int
    word_tokens: int
    dimensions: int


# Tokens of a picture, tokens of everything, numbers of a vector. The app's picture, of about
# 600 × 600 pixels, costs a fifth of the official one, and by the report's figure 7 most is won by
# about 400 tokens; its vector takes half the room.
_MOST = {Preparation.APP: (384, 1024, 1024), Preparation.OFFICIAL: (1800, 8192, 4096)}


def limits_of(
    config: Qwen3VLConfig, prompts: Prompts, preparation: Preparation, place: Path
) -> Limits:
    """Raises WeightsDamaged where a picture and a word have no room. `place` is for the message."""
    text: Any = config.text_config
    most_of_picture, most, dimensions = _MOST[preparation]
    picture = min(most_of_picture, text.max_position_embeddings // 2)
    words = min(most, text.max_position_embeddings) - picture - prompts.overhead()
    if picture < _LEAST_TOKENS or words < 1:
        raise WeightsDamaged(f"{place}: leaves no room for a picture and a word.")
    return Limits(picture, words, min(dimensions, text.hidden_size))


def _operations(config: Qwen3VLConfig, tokens: int) -> float:
    """For one picture: two for each weight and token, and the tower's attention."""
    text: Any = config.text_config
    tower: Any = config.vision_config
    patches = tokens * tower.spatial_merge_size**2
    block = 4 * tower.hidden_size**2 + 2 * tower.hidden_size * tower.intermediate_size
    seen: int = tower.depth * (block + 2 * tower.hidden_size * patches) * patches
    heads = 2 * (text.num_attention_heads + text.num_key_value_heads) * text.head_dim
    layer = text.hidden_size * (heads + 3 * text.intermediate_size)
    read: int = text.num_hidden_layers * layer * tokens
    return 2.0 * (seen + read)


# ---------------------------------------------------------------------------------- weights

_CONFIG, _TOKENIZER = "config.json", "tokenizer.json"
_OUTER = "model."  # what the official files put before every name
_WORKING_BYTES = 512 * 2**20  # activations of a few pictures, and what libraries keep


def own_name(name: str) -> str:
    """A tensor's name here, of its name in a file."""
    return name.removeprefix(_OUTER)


def _is_unused(name: str) -> bool:
    """The layer that would write words, which some files have."""
    return name == "lm_head.weight"


def empty_model(config: Qwen3VLConfig, place: Path) -> Qwen3VLModel:
    """On torch's meta device. `place` is the configuration's file, for the message."""
    try:
        with torch.device("meta"):
            return Qwen3VLModel(config)
    except (KeyError, RuntimeError, ValueError) as problem:  # such as an unknown activation
        raise WeightsDamaged(f"{place}: describes no possible model ({problem}).") from problem


def fitting_precision(
    model: nn.Module, folder: Path, device: Device, *, bytes_free: int | None = None
) -> Precision:
    """The device's own, or 16 bits where only those fit; bfloat16 rather than float16.

    The weights are bfloat16, whose large numbers float16 cannot hold. Raises ModelProblem with
    the figures where nothing fits into the device's free memory.
    """
    half: Precision = "bfloat16" if has_bfloat16(device) else "float16"
    whole: tuple[Precision, ...] = ("float32",) if device.precision == "float32" else ()
    needs = {choice: _bytes_needed(model, choice) for choice in (*whole, half)}
    free = free_bytes(device) if bytes_free is None else bytes_free
    for choice, needed in needs.items():
        if free is None or needed <= free:
            _log.info("%s runs in %s: %s", folder.name, choice, memory_text(needed))
            return choice
    least = min(needs.values())
    raise ModelProblem(
        f"{folder}: Qwen3-VL-Embedding needs {memory_text(least)}, but {device.name} has "
        f"{memory_text(free or 0)} free. Close other programs that use its memory, or choose a "
        "smaller model."
    )


def _bytes_needed(model: nn.Module, precision: Precision) -> int:
    numbers: int = sum(tensor.numel() for tensor in model.state_dict().values())
    return numbers * (4 if precision == "float32" else 2) + _WORKING_BYTES


def check_tensors(model: nn.Module, files: Iterable[Path], folder: Path) -> None:
    """Raises WeightsDamaged unless the files hold the model's tensors; reads their headers only."""
    found = {
        own_name(name): one.shape
        for path in files
        for name, one in sorted(stored_tensors(path).items())
    }
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    check_keys(found, expected, may_be_present=_is_unused, source=folder)


def load_weights(
    model: nn.Module, files: Iterable[Path], device: Device, precision: Precision
) -> None:
    """Gives an empty model copies of the checked tensors, one at a time."""
    for path in files:
        tensors = read_checkpoint(path)
        for stored in sorted(tensors):
            value = tensors.pop(stored)
            if not _is_unused(own_name(stored)):
                owner, _, last = own_name(stored).rpartition(".")
                kind = getattr(torch, precision)
                copied = value.to(device=device.torch_name, dtype=kind, copy=True)
                parameter = nn.Parameter(copied, requires_grad=False)
                setattr(model.get_submodule(owner), last, parameter)
    model.requires_grad_(requires_grad=False).train(mode=False)


def count_out_buffers(model: nn.Module, config: Qwen3VLConfig, device: Device) -> None:
    """Gives an empty model what no file stores, from a small one that transformers makes."""
    small = Qwen3VLConfig(
        text_config={**_values(config.text_config), "num_hidden_layers": 0, "vocab_size": 1},
        vision_config={
            **_values(config.vision_config),
            "depth": 0,
            "deepstack_visual_indexes": [],
            "num_position_embeddings": 1,
        },
    )
    for name, value in Qwen3VLModel(small).named_buffers():
        owner, _, last = name.rpartition(".")
        model.get_submodule(owner).register_buffer(
            last, value.to(device.torch_name), persistent=False
        )


def _values(part: Any) -> dict[str, Any]:
    found: dict[str, Any] = part.to_dict()
    return found


# --------------------------------------------------------------------------------- embedder

_RECIPE = "qwen3-vl-embedding-1"  # the number goes up with the prompts and the limits


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the small files of a model's folder say."""

    config: Qwen3VLConfig
    prompts: Prompts
    limits: Limits


def _read_parts(folder: Path, preparation: Preparation) -> _Parts:
    for name in (_CONFIG, _TOKENIZER):
        if not (folder / name).is_file():
            raise WeightsMissing(
                f"{folder}: {name} of Qwen3-VL-Embedding is not there. The folder needs "
                f"{FILES_NEEDED}."
            )
    prompts = Prompts(open_tokenizer(folder / _TOKENIZER))
    config = read_config(folder / _CONFIG, prompts)
    text: Any = config.text_config
    if prompts.vocabulary > text.vocab_size:
        raise WeightsDamaged(
            f"{folder / _CONFIG}: belongs to another vocabulary than the one beside it."
        )
    limits = limits_of(config, prompts, preparation, folder / _CONFIG)
    return _Parts(config, prompts, limits)


def open_embedder(
    folder: Path, *, name: str, revision: str, preparation: Preparation, device: Device
) -> Embedder:
    """Opens a folder with config.json, tokenizer.json and the weights, in one file or in parts.

    `revision` becomes part of the vectors' identity. Nothing is written, fetched or run from the
    folder. Slow (reads all weights). Raises ModelProblem and its kinds; before anything is loaded
    where the files are not the model's, or the device has too little memory.
    """
    parts = _read_parts(folder, preparation)
    files = weight_files(folder)
    model = empty_model(parts.config, folder / _CONFIG)
    check_tensors(model, files, folder)
    precision = fitting_precision(model, folder, device)
    with memory_trouble(device):
        load_weights(model, files, device, precision)
        count_out_buffers(model, parts.config, device)
    space = VectorSpace(_RECIPE, revision, parts.limits.dimensions, preparation)
    return Qwen3VlEmbedder(model, parts, name=name, space=space, device=device, precision=precision)


class Qwen3VlEmbedder:
    """The model as `domain.Embedder`; its methods may be called from several threads at once."""

    def __init__(
        self,
        model: nn.Module,
        parts: _Parts,
        *,
        name: str,
        space: VectorSpace,
        device: Device,
        precision: Precision,
    ) -> None:
        self.name = name
        self.space = space
        self._patching = patching_of(parts.config)
        self.picture_side_pixels = (
            math.isqrt(parts.limits.picture_tokens) * self._patching.factor
        )  # of a square one; others have as many pixels
        operations = _operations(parts.config, parts.limits.picture_tokens)
        self.batch_size = batch_size(operations, device)
        self.precision = precision
        self._model: Any = model  # Qwen3VLModel, whose methods have half their types
        self._prompts = parts.prompts
        self._limits = parts.limits
        self._device = device

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        limit = self._limits.word_tokens
        return self._embed([self._prompts.words(text, limit) for text in words], [])

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        prepared = self._prepared(pictures)
        return self._embed(
            [self._prompts.photo(self._patching.grid(pixels)) for pixels in prepared], prepared
        )

    def embed_pictures_with_words(
        self, pictures: Sequence[Image.Image], words: Sequence[str]
    ) -> NDArray[np.float32]:
        if len(pictures) != len(words):
            raise ValueError(f"{len(pictures)} pictures and {len(words)} texts make no pairs")
        prepared, limit = self._prepared(pictures), self._limits.word_tokens
        prompts = [
            self._prompts.photo_with_words(self._patching.grid(pixels), text, limit)
            for pixels, text in zip(prepared, words, strict=True)
        ]
        return self._embed(prompts, prepared)

    def cut_notice(self, words: str, *, with_picture: bool) -> str | None:
        limit = self._limits.word_tokens
        read = self._prompts.characters_read(words, limit, with_picture=with_picture)
        return None if read is None else too_long(read, len(words))

    def _prepared(self, pictures: Sequence[Image.Image]) -> list[NDArray[np.uint8]]:
        factor, most = self._patching.factor, self._limits.picture_tokens
        return [prepare_picture(picture, factor, most) for picture in pictures]

    def _embed(
        self, prompts: Sequence[Prompt], pictures: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        if not prompts:
            return np.empty((0, self.space.dimensions), dtype=np.float32)
        with memory_trouble(self._device), torch.inference_mode():
            ids, mask = padded([one.ids for one in prompts], self._prompts.last, self._device)
            output = self._model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=self._positions(prompts),
                **(self._seen(prompts, pictures) if pictures else {}),
            )
            states: Tensor = output.last_hidden_state  # [B, S, hidden]
            rows = torch.arange(len(prompts), device=states.device)
            summed_up = states[rows, mask.sum(dim=1) - 1]  # of the last token that is no padding
            return unit_rows(summed_up[:, : self.space.dimensions], self.name, self._device)

    def _positions(self, prompts: Sequence[Prompt]) -> Tensor:
        """[4, B, S]; padding comes after all else and is never looked at."""
        longest = max(len(one.ids) for one in prompts)
        rows = torch.zeros(4, len(prompts), longest, dtype=torch.long)
        for number, one in enumerate(prompts):
            rows[:, number, : len(one.ids)] = one.positions()
        return rows.to(self._device.torch_name)

    def _seen(
        self, prompts: Sequence[Prompt], pictures: Sequence[NDArray[np.uint8]]
    ) -> dict[str, Tensor]:
        """All pictures' patches, one behind the other, and how many of them down and across."""
        place, merged = self._device.torch_name, self._patching.merged
        patches = torch.cat([self._patching.patches(pixels) for pixels in pictures])  # [P, 3, …]
        values = self._patching.normalised(patches.to(place))
        sizes = [(1, merged * one.grid[0], merged * one.grid[1]) for one in prompts]
        return {
            "pixel_values": values.to(getattr(torch, self.precision)),
            "image_grid_thw": torch.tensor(sizes, device=place),
        }
