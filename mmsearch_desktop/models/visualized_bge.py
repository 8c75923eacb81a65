"""Visualized BGE: words, pictures, and both read together, in one vector space.

The patch tokens of an EVA02-CLIP picture tower stand between the first and the second token of a
BGE text encoder (BERT in the English flavour, XLM-RoBERTa in the multilingual one, M3); the
encoder's first output token, at unit length, is the vector.

Sources: VISTA, arXiv 2406.04292; FlagOpen/FlagEmbedding, research/visual_bge (MIT), whose file
layout and numbers are met here; EVA-02, arXiv 2303.11331; RoPE, arXiv 2104.09864.

In the shapes below: B pictures or texts, S tokens, N image tokens, W width of the tower, D width
of the text encoder, H heads of C channels.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # the name that everyone knows it by
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLMRobertaTokenizer,
)
from transformers.utils import logging as transformers_logging

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Embedder,
    ModelProblem,
    Preparation,
    VectorSpace,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models.bfloat16 import quickest
from mmsearch_desktop.models.checkpoint import (
    check_keys,
    read_checkpoint,
    read_json,
    read_metadata,
    save_converted,
    tokenizer_trouble,
)
from mmsearch_desktop.models.device import multiplies_bfloat16
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

_log = logging.getLogger("mmsearch.models")

# ---------------------------------------------------------------------------- configuration


@dataclass(frozen=True, slots=True)
class TowerConfig:
    """Sizes of the picture tower."""

    picture_pixels: int  # side of the square it sees
    patch_pixels: int
    layers: int
    width: int
    head_width: int
    inner_width: int  # of the gated feed-forward layers

    @property
    def image_tokens(self) -> int:
        return (self.picture_pixels // self.patch_pixels) ** 2

    @property
    def heads(self) -> int:
        return self.width // self.head_width


@dataclass(frozen=True, slots=True)
class Flavour:
    """What differs between the two published models beside their numbers."""

    name: str
    weights_file: str  # as published
    tower: TowerConfig  # of the published model, which has no vision configuration beside it
    config_class: type[PreTrainedConfig]
    text_class: type[PreTrainedModel]
    tokenizer_class: type[PreTrainedTokenizerFast]
    counts_from_padding: bool  # words alone have positions from the padding token's id + 1


FLAVOURS = {  # by the text configuration's model_type
    "bert": Flavour(
        name="visualized-bge-base-en",
        weights_file="Visualized_base_en_v1.5.pth",
        tower=TowerConfig(224, 16, 12, 768, 64, 2048),  # EVA02-CLIP-B-16
        config_class=BertConfig,
        text_class=BertModel,
        tokenizer_class=BertTokenizer,
        counts_from_padding=False,
    ),
    "xlm-roberta": Flavour(
        name="visualized-bge-m3",
        weights_file="Visualized_m3.pth",
        tower=TowerConfig(224, 14, 24, 1024, 64, 2730),  # EVA02-CLIP-L-14
        config_class=XLMRobertaConfig,
        text_class=XLMRobertaModel,
        tokenizer_class=XLMRobertaTokenizer,
        counts_from_padding=True,
    ),
}

# ------------------------------------------------------------------------ picture preparation


def prepare_picture(picture: Image.Image, side: int, preparation: Preparation) -> NDArray[np.uint8]:
    """The centre square as RGB [side, side, 3]: bicubic in the picture's own mode, then RGB.

    Bit-equal to the official code, but for APP first cuts very long pictures to their middle.
    """
    if preparation is not Preparation.OFFICIAL:
        picture = without_far_ends(picture)
    picture = with_short_side(picture, side)
    left = round((picture.width - side) / 2)  # to the even number, as the official code does
    top = round((picture.height - side) / 2)
    square = picture.crop((left, top, left + side, top + side))
    return np.array(square.convert("RGB"), dtype=np.uint8)


# ---------------------------------------------------------------------------- picture tower


class RotaryTables(nn.Module):
    """Turns pairs of channels by the row (first half) and the column of a patch.

    The tables come from the file: in the published models they are rounded, and worked out again
    they would move every vector.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        size = (config.image_tokens, config.head_width)
        self.freqs_cos = nn.Buffer(torch.empty(size))  # [N, C], float32 on every device
        self.freqs_sin = nn.Buffer(torch.empty(size))

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, 1 + N, C] → the same; the class token in front is left as it is."""
        first, patches = x[:, :, :1], x[:, :, 1:]
        even, odd = patches.reshape(*patches.shape[:-1], -1, 2).unbind(-1)
        across = torch.stack((-odd, even), dim=-1).flatten(-2)
        turned = patches * self.freqs_cos + across * self.freqs_sin
        return torch.cat((first, turned.to(x.dtype)), dim=2)


class Attention(nn.Module):
    """Self-attention with a layer norm on the joined heads; the key has no bias."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.q_bias = nn.Parameter(torch.empty(width))
        self.v_bias = nn.Parameter(torch.empty(width))
        self.inner_attn_ln = nn.LayerNorm(width, eps=1e-6)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, rotary: RotaryTables) -> Tensor:  # [B, 1 + N, W]
        query = self._in_heads(F.linear(x, self.q_proj.weight, self.q_bias))  # [B, H, 1 + N, C]
        key = self._in_heads(self.k_proj(x))
        value = self._in_heads(F.linear(x, self.v_proj.weight, self.v_bias))
        seen = F.scaled_dot_product_attention(rotary(query), rotary(key), value)
        joined = seen.transpose(1, 2).flatten(2)  # [B, 1 + N, W]
        mixed: Tensor = self.proj(self.inner_attn_ln(joined))
        return mixed

    def _in_heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Module):
    """SwiGLU with a layer norm before the last projection."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.width, config.inner_width)
        self.w2 = nn.Linear(config.width, config.inner_width)
        self.ffn_ln = nn.LayerNorm(config.inner_width, eps=1e-6)
        self.w3 = nn.Linear(config.inner_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.w3(self.ffn_ln(F.silu(self.w1(x)) * self.w2(x)))
        return out


class Block(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=1e-6)
        self.attn = Attention(config)
        self.norm2 = nn.LayerNorm(config.width, eps=1e-6)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, rotary: RotaryTables) -> Tensor:
        x = x.add(self.attn(self.norm1(x), rotary))
        return x.add(self.mlp(self.norm2(x)))


class PictureTower(nn.Module):
    """EVA02-CLIP's picture tower without its last norm and head, which are not used here."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        patch = config.patch_pixels
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + config.image_tokens, config.width))
        self.patches = nn.Conv2d(3, config.width, kernel_size=patch, stride=patch)
        self.rope = RotaryTables(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))

    def forward(self, pixels: Tensor) -> Tensor:
        """[B, 3, side, side] → [B, 1 + N, W], the class token first."""
        patches = self.patches(pixels).flatten(2).transpose(1, 2)  # [B, N, W], row by row
        first = self.cls_token.expand(len(patches), -1, -1)
        x = torch.cat((first, patches), dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x, self.rope)
        return x


# ------------------------------------------------------------------------------------ model


class VisualizedBge(nn.Module):
    """Both towers and the projection between them. Vectors are [B, D], not yet of unit length."""

    def __init__(self, flavour: Flavour, tower: TowerConfig, text: PreTrainedConfig) -> None:
        super().__init__()
        self.tower = PictureTower(tower)
        self.projection = nn.Linear(tower.width, text.hidden_size)
        self.text: Any = flavour.text_class(text, add_pooling_layer=False)

    def forward(self, ids: Tensor, mask: Tensor, pixels: Tensor | None = None) -> Tensor:
        """Token ids and mask [B, S], padded on the right; pixels [B, 3, side, side]."""
        if pixels is None:
            return self._first_token(input_ids=ids, attention_mask=mask)
        return self.joined(ids, mask, self.image_tokens(pixels))

    def image_tokens(self, pixels: Tensor) -> Tensor:
        """Pixels [B, 3, side, side] → what stands between the words, [B, N, D]."""
        tokens: Tensor = self.projection(self.tower(pixels)[:, 1:])
        return tokens

    def joined(self, ids: Tensor, mask: Tensor, image: Tensor) -> Tensor:
        """Words [B, S] and image tokens [B, N, D] read together."""
        image_mask = mask.new_ones(image.shape[:2])
        words = self.text.get_input_embeddings()(ids)
        joined = torch.cat((words[:, :1], image, words[:, 1:]), dim=1)  # [B, S + N, D]
        positions = torch.arange(joined.shape[1], device=ids.device)[None]
        return self._first_token(
            inputs_embeds=joined,
            position_ids=positions,  # plainly 0, 1, 2 … in both flavours
            token_type_ids=torch.zeros_like(positions),
            attention_mask=torch.cat((image_mask, mask), dim=1),
        )

    def _first_token(self, **inputs: Tensor) -> Tensor:
        states: Tensor = self.text(**inputs).last_hidden_state
        return states[:, 0]


# ---------------------------------------------------------------------------------- weights

_NAMES_IN_FILE = (  # the beginnings of our names and of theirs; the first that fits counts
    ("text.embeddings.", "bge_embeddings."),
    ("text.encoder.", "bge_encoder."),
    ("projection.", "visual_proj."),
    ("tower.patches.", "model_visual.visual.patch_embed.proj."),
    ("tower.", "model_visual.visual."),
)
_NEVER_USED = (
    "bge_embeddings.position_ids",
    "bge_pooler.dense.",
    "model_visual.logit_scale",
    "model_visual.visual.norm.",
    "model_visual.visual.head.",
)
_TYPE_ROWS = "bge_embeddings.token_type_embeddings.weight"
_PROJECTION_BIAS = "visual_proj.bias"
_CONVERTED_FILE = "model.safetensors"
_CONVERTED_MARK = "visualized-bge-1"  # tells our file from another model's of the same name


def name_in_file(name: str) -> str:
    """The official name of one of our tensors."""
    for ours, theirs in _NAMES_IN_FILE:
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise KeyError(f"{name} has no place in the file; known beginnings: {_NAMES_IN_FILE}")


def _may_be_present(name: str) -> bool:
    return name.startswith(_NEVER_USED) or ".attn.rope.freqs_" in name


def check_tensors(model: VisualizedBge, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Raises WeightsDamaged unless the official names and shapes fit the model."""
    check_keys(
        {name: tensor.shape for name, tensor in tensors.items()},
        {name_in_file(name): tensor.shape for name, tensor in model.state_dict().items()},
        may_be_present=_may_be_present,
        source=source,
    )


def load_weights(model: VisualizedBge, tensors: Mapping[str, Tensor], device: Device) -> None:
    """Gives a model built on torch's meta device copies of the checked tensors, on `device`.

    The text encoder adds its first token type to everything, but image tokens must have none, so
    that row is taken off the projection's bias.
    """
    precision = getattr(torch, device.precision)
    bias = tensors[_PROJECTION_BIAS].float() - tensors[_TYPE_ROWS][0].float()
    changed = {**tensors, _PROJECTION_BIAS: bias}
    state = {}
    for name in model.state_dict():
        dtype = torch.float32 if ".rope." in name else precision
        tensor = changed[name_in_file(name)]
        state[name] = tensor.to(device=device.torch_name, dtype=dtype, copy=True)
    model.load_state_dict(state, strict=True, assign=True)
    _fill_default_ids(model.text.embeddings, device)
    model.requires_grad_(requires_grad=False).eval()


def _fill_default_ids(embeddings: nn.Module, device: Device) -> None:
    """Two tables that transformers makes itself, outside the file, and that meta left empty."""
    shape = embeddings.get_buffer("position_ids").shape
    positions = torch.arange(shape[-1], device=device.torch_name).expand(shape)
    embeddings.register_buffer("position_ids", positions, persistent=False)
    embeddings.register_buffer("token_type_ids", torch.zeros_like(positions), persistent=False)


# --------------------------------------------------------------------------- files of a folder

_TEXT_SIZES = (
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "pad_token_id",
    "type_vocab_size",
    "vocab_size",
)
_ATTENTION: dict[str, Any] = {"attn_implementation": "sdpa"}
_TOWER_SWITCHES = ("rope", "naiveswiglu", "subln")  # on in both published towers
_OTHER_WEIGHTS_FILE = "Visualized_BGE.pth"  # what the official `save` calls it


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the small files of a model's folder say."""

    flavour: Flavour
    tower: TowerConfig
    text: PreTrainedConfig
    text_folder: Path

    def empty_model(self) -> VisualizedBge:
        try:
            with torch.device("meta"):
                return VisualizedBge(self.flavour, self.tower, self.text)
        except (ArithmeticError, RuntimeError, ValueError) as problem:  # a width below 0, no heads
            place = self.text_folder / "config.json"
            raise WeightsDamaged(f"{place}: describes no possible model ({problem}).") from problem


def _read_parts(folder: Path) -> _Parts:
    text_folder = _text_folder(folder)
    values = read_json(text_folder / "config.json")
    flavour = FLAVOURS.get(str(values.get("model_type")))
    if flavour is None:
        raise ModelProblem(
            f"{text_folder / 'config.json'}: its text model is of type "
            f"{values.get('model_type')!r}; Visualized BGE has one of {', '.join(FLAVOURS)}."
        )
    text = _text_config(values, flavour, text_folder / "config.json")
    tower = _tower_config(folder / "eva_config.json") or flavour.tower
    if tower.image_tokens + 2 > text.max_position_embeddings:
        raise WeightsDamaged(
            f"{text_folder / 'config.json'}: {text.max_position_embeddings} positions are too few "
            f"for the {tower.image_tokens} tokens of a picture. Check that it is the right file."
        )
    return _Parts(flavour, tower, text, text_folder)


def _text_folder(folder: Path) -> Path:
    needed = ("config.json", "tokenizer.json", "tokenizer_config.json")
    for place in (folder / "text_model", folder):
        if all((place / name).is_file() for name in needed):
            return place
    raise WeightsMissing(
        f"{folder}: the text model's {', '.join(needed)} are not all in text_model/ or beside the "
        "weights. Copy them there from the repository of the text model."
    )


def _text_config(values: dict[str, Any], flavour: Flavour, path: Path) -> PreTrainedConfig:
    missing = [name for name in _TEXT_SIZES if name not in values]
    if missing:
        raise WeightsDamaged(f"{path}: does not give {', '.join(missing)}.")
    try:
        sizes = {name: values[name] for name in _TEXT_SIZES}
        return flavour.config_class(**sizes, **_ATTENTION)
    except (StrictDataclassError, TypeError, ValueError) as problem:
        reason = " ".join(str(problem).split())
        raise WeightsDamaged(f"{path}: has a value of the wrong kind ({reason}).") from problem


def _tower_config(path: Path) -> TowerConfig | None:
    if not path.is_file():
        return None
    values: Any = read_json(path).get("vision_cfg")
    try:
        off = [name for name in _TOWER_SWITCHES if not values[name]]
        width = int(values["width"])
        config = TowerConfig(
            picture_pixels=int(values["image_size"]),
            patch_pixels=int(values["patch_size"]),
            layers=int(values["layers"]),
            width=width,
            head_width=int(values["head_width"]),
            inner_width=int(width * float(values["mlp_ratio"])),
        )
        fits = config.heads * config.head_width == width and config.image_tokens > 0
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as problem:
        raise WeightsDamaged(f"{path}: describes no picture tower ({problem!r}).") from problem
    if off or not fits:
        what = f"{', '.join(off)} switched off" if off else "sizes that do not fit together"
        raise ModelProblem(f"{path}: a picture tower with {what} is not one of Visualized BGE's.")
    return config


def _official_file(folder: Path, flavour: Flavour) -> Path | None:
    names = (flavour.weights_file, _OTHER_WEIGHTS_FILE)
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _converted_file(folder: Path) -> Path | None:
    path = folder / _CONVERTED_FILE
    return path if read_metadata(path).get("model") == _CONVERTED_MARK else None


def _weights_file(folder: Path, flavour: Flavour) -> Path:
    path = _converted_file(folder) or _official_file(folder, flavour)
    if path is None:
        raise WeightsMissing(f"{folder}: {flavour.weights_file} is not there. Copy it there.")
    return path


def convert(folder: Path) -> Path:
    """Writes the used tensors of the .pth beside it as model.safetensors, once; returns its path.

    For folders of ours alone: a folder of the person's is never written into. Raises ModelProblem
    (WeightsMissing, WeightsDamaged) and leaves nothing behind.
    """
    parts = _read_parts(folder)
    source = _weights_file(folder, parts.flavour)
    target = folder / _CONVERTED_FILE
    if source == target:
        return target
    if target.exists():
        raise ModelProblem(f"{target}: is of another model. Move it out of this folder.")
    tensors = read_checkpoint(source)
    model = parts.empty_model()
    check_tensors(model, tensors, source)
    used = {name_in_file(name): tensors[name_in_file(name)] for name in model.state_dict()}
    save_converted(used, target, {"model": _CONVERTED_MARK, "converted_from": source.name})
    return target


# --------------------------------------------------------------------------------- embedder

_LONGEST_APP_TOKENS = 1024  # M3 would take 8,192, which keep a processor busy for minutes
_TRIED_WITH = 2  # pictures, and these words
_TRIED_WORDS = "A red phone case on a white table, seen from above."
_FEED_FORWARD = (".mlp.", ".intermediate.dense", ".output.dense")
_ATTENTION_OUTPUT = ".attention.output."


def open_embedder(
    folder: Path, *, name: str, revision: str, preparation: Preparation, device: Device
) -> Embedder:
    """Opens a folder with a .pth or converted weights, and the text model's small files.

    `revision` becomes part of the vectors' identity. Nothing is written, fetched or run from the
    folder. Slow (reads all weights). Raises ModelProblem and its kinds.
    """
    # what it warns of is settled in this file; the function has no types
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    parts = _read_parts(folder)
    tokenizer = _open_tokenizer(parts)
    source = _weights_file(folder, parts.flavour)
    with memory_trouble(device):
        model = parts.empty_model()
        tensors = read_checkpoint(source)
        check_tensors(model, tensors, source)
        load_weights(model, tensors, device)
    dimensions = parts.text.hidden_size
    return VisualizedBgeEmbedder(
        model,
        tokenizer,
        parts,
        name=name,
        space=VectorSpace(parts.flavour.name, revision, dimensions, preparation),
        device=device,
    )


def _open_tokenizer(parts: _Parts) -> Tokenizer:
    """The text model's own tokenizer, neither cutting nor padding; safe in several threads."""
    path = parts.text_folder / "tokenizer.json"
    read_json(path)
    with tokenizer_trouble(path):
        wrapped = parts.flavour.tokenizer_class.from_pretrained(
            parts.text_folder, local_files_only=True
        )
    tokenizer: Tokenizer = wrapped.backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    fits = (
        tokenizer.get_vocab_size() <= parts.text.vocab_size
        and wrapped.pad_token_id == parts.text.pad_token_id
        and len(tokenizer.encode("").ids) == 2  # the first and the end token
    )
    if not fits:
        raise WeightsDamaged(f"{path}: belongs to another text model than its config.json.")
    return tokenizer


class VisualizedBgeEmbedder:
    """The model as `domain.Embedder`; its methods may be called from several threads at once."""

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Tokenizer,
        parts: _Parts,
        *,
        name: str,
        space: VectorSpace,
        device: Device,
    ) -> None:
        self.name = name
        self.space = space
        self.picture_side_pixels = parts.tower.picture_pixels
        self.batch_size = batch_size(_operations(parts), device)
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._pad_id: int = parts.text.pad_token_id
        self._limit, self._limit_with_picture = _limits(parts, space.preparation)
        self._to_be_rounded = threading.Lock()  # taken once, for good
        if space.preparation is Preparation.OFFICIAL or not multiplies_bfloat16(device):
            self._to_be_rounded.acquire()

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        return self._embed(words, None)

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        vectors = self._embed([""] * len(pictures), pictures)
        if pictures and self._to_be_rounded.acquire(blocking=False):
            self._round(pictures[:_TRIED_WITH])
        return vectors

    def embed_pictures_with_words(
        self, pictures: Sequence[Image.Image], words: Sequence[str]
    ) -> NDArray[np.float32]:
        if len(pictures) != len(words):
            raise ValueError(f"{len(pictures)} pictures and {len(words)} texts make no pairs")
        return self._embed(words, pictures)

    def cut_notice(self, words: str, *, with_picture: bool) -> str | None:
        limit = self._limit_with_picture if with_picture else self._limit
        return cut_notice(self._tokenizer, words, limit)

    def token_ids(self, words: str, *, with_picture: bool) -> list[int]:
        """First token, words, end token; cut to what the model takes, keeping the end token."""
        limit = self._limit_with_picture if with_picture else self._limit
        return cut_ids(self._tokenizer, words, limit)

    def _embed(
        self, words: Sequence[str], pictures: Sequence[Image.Image] | None
    ) -> NDArray[np.float32]:
        if not words:
            return np.empty((0, self.space.dimensions), dtype=np.float32)
        tokens = [self.token_ids(text, with_picture=pictures is not None) for text in words]
        with memory_trouble(self._device), torch.inference_mode():
            ids, mask = padded(tokens, self._pad_id, self._device)
            vectors = self._model(ids, mask, None if pictures is None else self._pixels(pictures))
            return unit_rows(vectors, self.name, self._device)

    def _round(self, pictures: Sequence[Image.Image]) -> None:
        """From now on with products in bfloat16, where these pictures and words hardly change."""
        try:
            with memory_trouble(self._device), torch.inference_mode():
                pixels = self._pixels(pictures)
                ids, mask = padded(
                    [self.token_ids(_TRIED_WORDS, with_picture=True)] * len(pictures),
                    self._pad_id,
                    self._device,
                )
                choices = (_any_layer, _is_feed_forward)
                self._model = quickest(
                    self._model,
                    choices,
                    lambda model: torch.cat((model(ids, mask, pixels), model(ids[:1], mask[:1]))),
                )
        except DeviceOutOfMemory:
            _log.info("%s: too little memory to try products in bfloat16", self.name)

    def _pixels(self, pictures: Sequence[Image.Image]) -> Tensor:
        side, preparation = self.picture_side_pixels, self.space.preparation
        squares = [prepare_picture(picture, side, preparation) for picture in pictures]
        return on_device(squares, self._device)


def _any_layer(name: str) -> bool:
    """The tower's queries and values, which are not called as layers, stay as they are."""
    return not name.endswith((".q_proj", ".v_proj"))


def _is_feed_forward(name: str) -> bool:
    return any(part in name for part in _FEED_FORWARD) and _ATTENTION_OUTPUT not in name


def _limits(parts: _Parts, preparation: Preparation) -> tuple[int, int]:
    """The most tokens of words alone, and of words with a picture."""
    positions: int = parts.text.max_position_embeddings
    skipped = parts.text.pad_token_id + 1 if parts.flavour.counts_from_padding else 0
    most = positions if preparation is Preparation.OFFICIAL else _LONGEST_APP_TOKENS
    return min(most, positions - skipped), min(most, positions - parts.tower.image_tokens)


def _operations(parts: _Parts) -> float:
    """For one picture, roughly: two for each weight and token."""
    tower, text = parts.tower, parts.text
    block = 4 * tower.width**2 + 3 * tower.width * tower.inner_width
    layer = 4 * text.hidden_size**2 + 2 * text.hidden_size * text.intermediate_size
    weights: float = tower.layers * block + text.num_hidden_layers * layer
    return 2.0 * weights * (tower.image_tokens + 2)
