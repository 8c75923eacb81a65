"""BGE-VL base and large: CLIP, trained so that a picture's and a text's features may be added.

Words alone are the text tower's projected features at unit length, a picture alone the picture
tower's; a picture with words is the sum of both before either is brought to unit length.

Sources: MegaPairs, arXiv 2412.14475; FlagOpen/FlagEmbedding, research/BGE_VL (MIT); CLIP, arXiv
2103.00020. The network is transformers' own CLIPModel, which fits the published files as they are:
the program code that lies beside them on the hub is neither fetched nor run.

In the shapes below: B pictures or texts, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from mmsearch_desktop.domain import (
    Embedder,
    ModelProblem,
    Preparation,
    VectorSpace,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models.checkpoint import check_keys, read_checkpoint, read_json
from mmsearch_desktop.models.embedding import (
    batch_size,
    cut_ids,
    cut_notice,
    memory_trouble,
    on_device,
    padded,
    unit_rows,
    with_short_side,
    without_far_ends,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image
    from tokenizers import Tokenizer

    from mmsearch_desktop.models.device import Device

# ------------------------------------------------------------------------ picture preparation


def prepare_picture(picture: Image.Image, side: int, preparation: Preparation) -> NDArray[np.uint8]:
    """The centre square as RGB [side, side, 3]: RGB first, then bicubic, then the middle of it.

    Bit-equal to the official code, but for APP first cuts very long pictures to their middle.
    """
    if preparation is not Preparation.OFFICIAL:
        picture = without_far_ends(picture)
    picture = with_short_side(picture.convert("RGB"), side)
    left = (picture.width - side) // 2  # cut, where Visualized BGE rounds
    top = (picture.height - side) // 2
    return np.array(picture.crop((left, top, left + side, top + side)), dtype=np.uint8)


# ------------------------------------------------------------------------------------ words

_FIRST, _END = "<|startoftext|>", "<|endoftext|>"


def open_tokenizer(vocabulary_file: Path, merges_file: Path) -> Tokenizer:
    """CLIP's tokenizer with the folder's pieces, neither cutting nor padding.

    Safe in several threads. Raises WeightsDamaged naming the file.
    """
    numbers = read_json(vocabulary_file)
    if not _numbers_pieces(numbers):
        raise WeightsDamaged(f"{vocabulary_file}: is no vocabulary of CLIP's kind.")
    merges = _read_merges(merges_file)
    strange = next((pair for pair in merges if not {*pair, "".join(pair)} <= numbers.keys()), None)
    if strange is not None:
        raise WeightsDamaged(
            f"{merges_file}: joins {' and '.join(strange)}, which {vocabulary_file.name} does not "
            "have. Check that both are of the same model."
        )
    wrapped = CLIPTokenizer(vocab=numbers, merges=merges)  # type: ignore[arg-type] # pairs too
    return wrapped.backend_tokenizer


def _numbers_pieces(numbers: Mapping[str, Any]) -> bool:
    """Whether it numbers pieces from 0 on, with the first and the end token among them."""
    given = {number for number in numbers.values() if type(number) is int}
    return given == set(range(len(numbers))) and {_FIRST, _END} <= numbers.keys()


def _read_merges(path: Path) -> list[tuple[str, str]]:
    """Pairs of pieces, the first to be joined first."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as problem:
        raise WeightsDamaged(f"{path}: cannot be read ({problem}).") from problem
    if lines[0].startswith("#version"):
        del lines[0]
    pairs = [tuple(line.split()) for line in lines if line.strip()]
    if not all(len(pair) == 2 for pair in pairs):
        raise WeightsDamaged(f"{path}: does not hold one pair of pieces a line.")
    return [(left, right) for left, right in pairs]


# ---------------------------------------------------------------------------- configuration

_ATTENTION: dict[str, Any] = {"attn_implementation": "sdpa"}
_SIZES = (  # of either tower; what a file leaves out is as in transformers, which writes it so
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "num_attention_heads",
    "num_hidden_layers",
)
_TEXT_SIZES = (*_SIZES, "max_position_embeddings", "vocab_size")
_PICTURE_SIZES = (*_SIZES, "image_size", "patch_size")
_FORMER_END = 2  # CLIP's files once named this id; the end token's own was always meant


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is asked of a configuration here; the rest of it is for transformers alone."""

    picture_pixels: int  # side of the square it sees
    image_tokens: int
    most_tokens: int  # of words, first and end token included
    vocabulary: int
    end_id: int
    dimensions: int
    picture_operations: float  # two for each weight and token, and the attention

    @classmethod
    def of(cls, config: CLIPConfig) -> Sizes:
        """Raises TypeError, or ZeroDivisionError, where a tower has no such sizes."""
        text: Any = config.text_config  # in their types the towers may be absent
        picture: Any = config.vision_config
        tokens = (picture.image_size // picture.patch_size) ** 2
        width: int = picture.hidden_size
        layer = 4 * width**2 + 2 * width * picture.intermediate_size + 2 * width * tokens
        return cls(
            picture_pixels=picture.image_size,
            image_tokens=tokens,
            most_tokens=text.max_position_embeddings,
            vocabulary=text.vocab_size,
            end_id=text.eos_token_id,
            dimensions=config.projection_dim or 0,
            picture_operations=2.0 * picture.num_hidden_layers * layer * (tokens + 1),
        )


def read_config(path: Path, tokenizer: Tokenizer) -> CLIPConfig:
    """The network's sizes, and nothing else of the file. Raises ModelProblem, WeightsDamaged."""
    values = read_json(path)
    if values.get("model_type") != "clip":
        raise ModelProblem(
            f"{path}: its model is of type {values.get('model_type')!r}; BGE-VL is of type 'clip'."
        )
    end_id = tokenizer.token_to_id(_END)
    ids = {"bos_token_id": tokenizer.token_to_id(_FIRST), "eos_token_id": end_id}
    try:
        text, picture = _table(values, "text_config"), _table(values, "vision_config")
        config = CLIPConfig(
            text_config={**_picked(text, _TEXT_SIZES), **ids, "pad_token_id": end_id},
            vision_config=_picked(picture, _PICTURE_SIZES),
            **_picked(values, ("projection_dim",)),
            **_ATTENTION,
        )
        sizes = Sizes.of(config)
    except (StrictDataclassError, ArithmeticError, TypeError, ValueError) as problem:
        raise WeightsDamaged(f"{path}: has a value of the wrong kind ({problem}).") from problem
    if sizes.image_tokens < 1 or sizes.most_tokens < 2 or sizes.dimensions < 1:
        raise WeightsDamaged(f"{path}: leaves no room for a picture, a word or a vector.")
    of_tokenizer = text.get("eos_token_id", end_id) in (_FORMER_END, end_id)
    if not of_tokenizer or tokenizer.get_vocab_size() > sizes.vocabulary:
        raise WeightsDamaged(f"{path}: belongs to another vocabulary than the one beside it.")
    return config


def _table(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Of one tower. Files of 2021 give it twice, and then the second counts."""
    return {**(values.get(name) or {}), **(values.get(f"{name}_dict") or {})}


def _picked(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


# ---------------------------------------------------------------------------------- weights

_WEIGHTS, _CONFIG, _VOCABULARY, _MERGES = (
    "model.safetensors",
    "config.json",
    "vocab.json",
    "merges.txt",
)
_POSITIONS = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")


def empty_model(config: CLIPConfig, place: Path) -> CLIPModel:
    """On torch's meta device. `place` is the configuration's file, for the message."""
    try:
        with torch.device("meta"):
            return CLIPModel(config)
    except (KeyError, RuntimeError, ValueError) as problem:  # such as an unknown activation
        raise WeightsDamaged(f"{place}: describes no possible model ({problem}).") from problem


def check_tensors(model: CLIPModel, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Raises WeightsDamaged unless names and shapes are those of the model."""
    check_keys(
        {name: tensor.shape for name, tensor in tensors.items()},
        {name: tensor.shape for name, tensor in model.state_dict().items()},
        may_be_present=lambda name: name in _POSITIONS,  # in files of before 2023
        source=source,
    )


def load_weights(model: CLIPModel, tensors: Mapping[str, Tensor], device: Device) -> None:
    """Gives an empty model copies of the checked tensors, on `device` and in its precision."""
    precision = getattr(torch, device.precision)
    state = {
        name: tensors[name].to(device=device.torch_name, dtype=precision, copy=True)
        for name in model.state_dict()
    }
    model.load_state_dict(state, strict=True, assign=True)
    for name in _POSITIONS:  # which transformers counts out itself, and which meta left empty
        owner = model.get_submodule(name.rpartition(".")[0])
        shape = owner.get_buffer("position_ids").shape
        positions = torch.arange(shape[-1], device=device.torch_name).expand(shape)
        owner.register_buffer("position_ids", positions, persistent=False)
    model.requires_grad_(requires_grad=False).train(mode=False)


# --------------------------------------------------------------------------------- embedder


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the small files of a model's folder say."""

    config: CLIPConfig
    sizes: Sizes
    tokenizer: Tokenizer


def _read_parts(folder: Path) -> _Parts:
    missing = [
        name for name in (_WEIGHTS, _CONFIG, _VOCABULARY, _MERGES) if not (folder / name).is_file()
    ]
    if missing:
        raise WeightsMissing(
            f"{folder}: {', '.join(missing)} of BGE-VL not there. Copy what is missing there from "
            "the model's repository."
        )
    tokenizer = open_tokenizer(folder / _VOCABULARY, folder / _MERGES)
    config = read_config(folder / _CONFIG, tokenizer)
    return _Parts(config, Sizes.of(config), tokenizer)


def open_embedder(
    folder: Path, *, name: str, revision: str, preparation: Preparation, device: Device
) -> Embedder:
    """Opens a folder with model.safetensors, config.json, vocab.json and merges.txt.

    `revision` becomes part of the vectors' identity. Nothing is written, fetched or run from the
    folder. Slow (reads all weights). Raises ModelProblem and its kinds.
    """
    parts = _read_parts(folder)
    source = folder / _WEIGHTS
    with memory_trouble(device):
        model = empty_model(parts.config, folder / _CONFIG)
        tensors = read_checkpoint(source)
        check_tensors(model, tensors, source)
        load_weights(model, tensors, device)
    space = VectorSpace("bge-vl", revision, parts.sizes.dimensions, preparation)
    return BgeVlEmbedder(model, parts, name=name, space=space, device=device)


class BgeVlEmbedder:
    """The model as `domain.Embedder`; its methods may be called from several threads at once."""

    def __init__(
        self, model: nn.Module, parts: _Parts, *, name: str, space: VectorSpace, device: Device
    ) -> None:
        self.name = name
        self.space = space
        self.picture_side_pixels = parts.sizes.picture_pixels
        self.batch_size = batch_size(parts.sizes.picture_operations, device)
        self._model: Any = model  # CLIPModel, whose methods have half their types
        self._tokenizer = parts.tokenizer
        self._device = device
        self._end_id = parts.sizes.end_id
        self._limit = parts.sizes.most_tokens

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        return self._embed(words, [])

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        return self._embed([], pictures)

    def embed_pictures_with_words(
        self, pictures: Sequence[Image.Image], words: Sequence[str]
    ) -> NDArray[np.float32]:
        if len(pictures) != len(words):
            raise ValueError(f"{len(pictures)} pictures and {len(words)} texts make no pairs")
        return self._embed(words, pictures)

    def cut_notice(self, words: str, *, with_picture: bool) -> str | None:  # noqa: ARG002 - a picture takes no room here
        return cut_notice(self._tokenizer, words, self._limit)

    def token_ids(self, words: str) -> list[int]:
        """First token, words, end token; cut to what the model takes, keeping the end token."""
        return cut_ids(self._tokenizer, words, self._limit)

    def _embed(self, words: Sequence[str], pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """The sum of both where there are both. Either may be empty."""
        with memory_trouble(self._device), torch.inference_mode():
            features = [
                *([self._word_features(words)] if words else []),
                *([self._picture_features(pictures)] if pictures else []),
            ]
            if not features:
                return np.empty((0, self.space.dimensions), dtype=np.float32)
            return unit_rows(torch.stack(features).sum(dim=0), self.name, self._device)

    def _word_features(self, words: Sequence[str]) -> Tensor:
        """Float32 [B, D], of the lengths they have."""
        tokens = [self.token_ids(text) for text in words]
        ids, mask = padded(tokens, self._end_id, self._device)  # the first end token is read
        return _projected(self._model.get_text_features(input_ids=ids, attention_mask=mask))

    def _picture_features(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Float32 [B, D], of the lengths they have."""
        side, preparation = self.picture_side_pixels, self.space.preparation
        squares = [prepare_picture(picture, side, preparation) for picture in pictures]
        return _projected(self._model.get_image_features(on_device(squares, self._device)))


def _projected(output: Any) -> Tensor:
    """What a tower of CLIPModel gave, in float32; before transformers 5 it was the tensor alone."""
    features: Tensor = output if isinstance(output, Tensor) else output.pooler_output
    return features.float()
