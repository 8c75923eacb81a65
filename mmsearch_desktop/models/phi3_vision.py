"""Phi-3 Vision: a picture path of its own in front of the Phi-3 mini decoder, read from the top.

A picture is cut into crops, a CLIP ViT-L/14 at 336 pixels turns each crop into patches, a small
projection turns four patches into one token of the decoder's width, and the decoder reads words
and picture tokens alike. `transformers` gives the tower (CLIPVisionModel) and the decoder
(Phi3ForCausalLM); everything between them is here.

Sources: microsoft/Phi-3-vision-128k-instruct and Phi-3.5-vision-instruct (MIT; their
processing and embedding code was read for the facts), and the Phi-3 report, arXiv 2404.14219.

Letters in shapes: B crops, P patches of a crop, W the tower's width, T tokens of a picture,
S tokens of a text with pictures, D the decoder's width, V its vocabulary, H heads, K width of a
head.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel, Phi3Config, Phi3ForCausalLM
from transformers.activations import ACT2FN
from transformers.cache_utils import Cache, DynamicLayer
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding

from mmsearch_desktop.domain import ModelProblem, WeightsDamaged

# Goes up whenever the features of a picture change; part of a judge's revision.
PICTURE_PATH_VERSION = 1

# One picture of one crop, and so the slice in which long prompts are read.
SLICE_TOKENS = 313

_MEAN = (0.48145466, 0.4578275, 0.40821073)  # CLIP's
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
_CACHE_STEP_TOKENS = 256
_LARGEST_SIZE = 2**22  # of what a damaged configuration may claim
_MOST_LAYERS = 1000


# --------------------------------------------------------------------------- configuration


@dataclass(frozen=True, slots=True)
class TowerSizes:
    """CLIP ViT-L/14 at 336 pixels, unless the configuration lists others.

    Microsoft's configuration names the tower and leaves its sizes to the code.
    """

    width: int = 1024
    layers: int = 24
    heads: int = 16
    feed_forward: int = 4096
    side_pixels: int = 336
    patch_pixels: int = 14
    layer_norm_eps: float = 1e-5
    activation: str = "quick_gelu"

    @property
    def tokens_a_side(self) -> int:
        """Tokens along one side of a crop: each stands for 2 x 2 patches."""
        return self.side_pixels // self.patch_pixels // 2

    def config(self) -> CLIPVisionConfig:
        return CLIPVisionConfig(
            hidden_size=self.width,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_channels=3,
            image_size=self.side_pixels,
            patch_size=self.patch_pixels,
            hidden_act=self.activation,
            layer_norm_eps=self.layer_norm_eps,
            attention_dropout=0.0,
        )


@dataclass(frozen=True, slots=True)
class DecoderSizes:
    """Phi-3 mini, or a smaller one of the same build."""

    vocabulary: int
    width: int
    feed_forward: int
    layers: int
    heads: int
    key_value_heads: int
    context_tokens: int  # up to here the short rope factors hold; above, the long ones
    most_tokens: int
    norm_eps: float
    rope_theta: float
    short_factors: tuple[float, ...]
    long_factors: tuple[float, ...]
    activation: str = "silu"

    @property
    def cache_values_per_token(self) -> int:
        """Numbers that the cache keeps of one token, keys and values together."""
        return 2 * self.layers * self.key_value_heads * (self.width // self.heads)

    def config(self) -> Phi3Config:
        return Phi3Config(
            vocab_size=self.vocabulary,
            hidden_size=self.width,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.key_value_heads,
            hidden_act=self.activation,
            max_position_embeddings=self.most_tokens,
            original_max_position_embeddings=self.context_tokens,
            rms_norm_eps=self.norm_eps,
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=None,
            sliding_window=None,  # wider than any prompt; set, it would build other caches
            rope_parameters={
                "rope_type": "longrope",
                "rope_theta": self.rope_theta,
                "short_factor": list(self.short_factors),
                "long_factor": list(self.long_factors),
                "factor": self.most_tokens / self.context_tokens,
                "original_max_position_embeddings": self.context_tokens,
            },
        )


@dataclass(frozen=True, slots=True)
class Sizes:
    """All that config.json says of a Phi-3 Vision checkpoint."""

    tower: TowerSizes
    decoder: DecoderSizes
    stored_precision: str  # "bfloat16", "float16" or "float32"

    @classmethod
    def from_config(cls, config: Mapping[str, Any], source: Path) -> Sizes:
        """Read config.json's content; ModelProblem where it is another architecture,
        WeightsDamaged where a field is missing or makes no sense."""
        _check_architecture(config, source)
        try:
            tower = _tower_sizes(config["img_processor"].get("clip_config"))
            decoder = _decoder_sizes(config)
            stored = str(config.get("torch_dtype") or config.get("dtype") or "bfloat16")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _bad_config(source, f"the field {error} is missing or is not a number") from error
        _check_sizes(tower, decoder, source)
        return cls(tower, decoder, stored)

    def picture_tokens(self, width: int, height: int, num_crops: int) -> int:
        """How many tokens a picture of this size (pixels) becomes."""
        return crop_plan(width, height, num_crops, self.tower.side_pixels).tokens(self.tower)


def _check_architecture(config: Mapping[str, Any], source: Path) -> None:
    if config.get("model_type") != "phi3_v":
        raise ModelProblem(
            f"{source}: this is a model of type {config.get('model_type')!r}, not Phi-3 Vision "
            "('phi3_v'). Choose a folder with Phi-3 Vision or Phi-3.5 Vision."
        )
    wanted = {"hd_transform_order": "sub_glb", "projection_cls": "mlp", "use_hd_transform": True}
    layer = config.get("embd_layer")
    found = {name: layer.get(name) for name in wanted} if isinstance(layer, dict) else None
    if found != wanted:
        raise ModelProblem(
            f"{source}: embd_layer says {found}, and only {wanted} is known. "
            "Choose Microsoft's Phi-3 Vision or Phi-3.5 Vision."
        )


def _tower_sizes(listed: Mapping[str, Any] | None) -> TowerSizes:
    if listed is None:
        return TowerSizes()
    return TowerSizes(
        width=int(listed["hidden_size"]),
        layers=int(listed["num_hidden_layers"]),
        heads=int(listed["num_attention_heads"]),
        feed_forward=int(listed["intermediate_size"]),
        side_pixels=int(listed["image_size"]),
        patch_pixels=int(listed["patch_size"]),
        layer_norm_eps=float(listed["layer_norm_eps"]),
        activation=str(listed["hidden_act"]),
    )


def _decoder_sizes(config: Mapping[str, Any]) -> DecoderSizes:
    scaling = config["rope_scaling"]
    return DecoderSizes(
        vocabulary=int(config["vocab_size"]),
        width=int(config["hidden_size"]),
        feed_forward=int(config["intermediate_size"]),
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        key_value_heads=int(config["num_key_value_heads"]),
        context_tokens=int(config["original_max_position_embeddings"]),
        most_tokens=int(config["max_position_embeddings"]),
        norm_eps=float(config["rms_norm_eps"]),
        rope_theta=float(config["rope_theta"]),
        short_factors=tuple(float(factor) for factor in scaling["short_factor"]),
        long_factors=tuple(float(factor) for factor in scaling["long_factor"]),
        activation=str(config["hidden_act"]),
    )


def _check_sizes(tower: TowerSizes, decoder: DecoderSizes, source: Path) -> None:
    counts = [tower.width, tower.layers - 1, tower.heads, tower.feed_forward, tower.patch_pixels]
    counts += [decoder.vocabulary, decoder.width, decoder.feed_forward, decoder.layers]
    counts += [decoder.heads, decoder.key_value_heads, decoder.context_tokens]
    if min(counts) < 1:
        raise _bad_config(source, "a size is below one")
    if max(counts) > _LARGEST_SIZE or max(tower.layers, decoder.layers) > _MOST_LAYERS:
        raise _bad_config(source, "a size is far beyond any model's")
    for name in (tower.activation, decoder.activation):
        if name not in ACT2FN:
            raise _bad_config(source, f"the activation {name!r} is unknown")
    if tower.side_pixels < 1 or tower.side_pixels % (2 * tower.patch_pixels):
        raise _bad_config(source, "the picture's side is not an even number of patches")
    if tower.width % tower.heads or decoder.width % decoder.heads:
        raise _bad_config(source, "a width is not a multiple of its heads")
    if decoder.heads % decoder.key_value_heads or decoder.most_tokens < decoder.context_tokens:
        raise _bad_config(source, "key heads or positions do not go together")
    rotated = decoder.width // decoder.heads // 2
    if not len(decoder.short_factors) == len(decoder.long_factors) == rotated:
        raise _bad_config(source, f"rope_scaling should list {rotated} factors twice")


def _bad_config(source: Path, fact: str) -> WeightsDamaged:
    return WeightsDamaged(f"{source}: {fact}. Download the model again.")


# --------------------------------------------------------------------------- picture -> crops


@dataclass(frozen=True, slots=True)
class CropPlan:
    """How a picture is resized, padded with white and cut. Sizes in pixels, upright."""

    rows: int
    columns: int
    turned: bool  # a portrait: worked on with width and height exchanged
    width: int  # of the resized picture before padding, as worked on
    height: int

    def tokens(self, tower: TowerSizes) -> int:
        """Tokens of the picture: crop rows with their ends, a separator, the global view."""
        side = tower.tokens_a_side
        return (self.rows * self.columns + 1) * side**2 + 1 + (self.rows + 1) * side


def crop_plan(width: int, height: int, num_crops: int, side: int) -> CropPlan:
    """The grid of at most `num_crops` crops of `side` pixels that fits this shape best.

    The order of operations is the official one; others differ by a pixel in rare sizes.
    """
    turned = width < height
    ratio = max(width, height) / min(width, height)
    columns = 1
    while (columns + 1) * math.ceil((columns + 1) / ratio) <= num_crops:
        columns += 1
    new_width = columns * side
    # The guard is ours: a line of pixels (5000 x 1) would get no height at all.
    new_height = max(1, int(new_width / ratio))
    rows = math.ceil(new_height / side)
    if turned:
        return CropPlan(columns, rows, turned, new_width, new_height)
    return CropPlan(rows, columns, turned, new_width, new_height)


@dataclass(frozen=True, slots=True)
class Crops:
    """A picture as the tower sees it."""

    pixels: Tensor  # [1 + rows * columns, 3, side, side] float32: the global view first
    plan: CropPlan


def prepare_picture(picture: Image.Image, num_crops: int, side: int) -> Crops:
    """Resize, pad and cut; equal to the official pixels bit for bit with the same Pillow."""
    plan = crop_plan(picture.width, picture.height, num_crops, side)
    values = torch.from_numpy(np.array(_resized_and_padded(picture, plan, side)))
    pixels = values.permute(2, 0, 1).contiguous().float() / 255  # [3, rows*side, columns*side]
    pixels = (pixels - _per_channel(_MEAN)) / _per_channel(_DEVIATION)
    whole = nn.functional.interpolate(
        pixels[None], size=(side, side), mode="bicubic", align_corners=False
    )  # [1, 3, side, side]; its aspect is not kept
    cut = pixels.reshape(3, plan.rows, side, plan.columns, side)
    cut = cut.permute(1, 3, 0, 2, 4).reshape(-1, 3, side, side)  # row by row
    return Crops(torch.cat([whole, cut]), plan)


def _resized_and_padded(picture: Image.Image, plan: CropPlan, side: int) -> Image.Image:
    upright = picture.convert("RGB")
    # Portraits are turned and turned back because Pillow rounds between its two passes.
    worked = upright.transpose(Image.Transpose.TRANSPOSE) if plan.turned else upright
    resized = worked.resize((plan.width, plan.height), Image.Resampling.BILINEAR)
    padded_height = math.ceil(plan.height / side) * side
    canvas = Image.new("RGB", (plan.width, padded_height), "white")
    canvas.paste(resized, (0, (padded_height - plan.height) // 2))
    return canvas.transpose(Image.Transpose.TRANSPOSE) if plan.turned else canvas


def _per_channel(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values)[:, None, None]


# --------------------------------------------------------------------------- layers


class PictureLayers(nn.Module):
    """Crops -> tokens of the decoder's width."""

    def __init__(self, tower: TowerSizes, width: int) -> None:
        super().__init__()
        merged = 4 * tower.width
        self.sizes = tower
        self.tower: Any = CLIPVisionModel(tower.config())
        self.projection = nn.Sequential(
            nn.Linear(merged, width), nn.GELU(), nn.Linear(width, width)
        )
        self.row_end = nn.Parameter(torch.zeros(1, 1, 1, merged))
        self.view_end = nn.Parameter(torch.zeros(1, 1, merged))

    def drop_unused(self) -> None:
        """Forget the last layer and the norm behind it: the features are taken before them."""
        del self.tower.encoder.layers[-1]
        self.tower.post_layernorm = nn.Identity()

    def patches(self, pixels: Tensor) -> Tensor:
        """[B, 3, side, side] -> [B, P, W], without the class token."""
        states = self.tower.pre_layrnorm(self.tower.embeddings(pixels))
        states = self.tower.encoder(inputs_embeds=states).last_hidden_state  # [B, 1 + P, W]
        patches: Tensor = states[:, 1:]
        return patches

    def arrange(self, patches: Tensor, rows: int, columns: int) -> Tensor:
        """[1 + rows * columns, P, W] -> [T, D]: crop rows, separator, global view."""
        cells = self._merge(patches)  # [1 + rows * columns, side, side, 4 W]
        side = self.sizes.tokens_a_side
        grid = cells[1:].reshape(rows, columns, side, side, -1).permute(0, 2, 1, 3, 4)
        whole = self._with_row_ends(cells[0])
        parts = self._with_row_ends(grid.reshape(rows * side, columns * side, -1))
        tokens: Tensor = self.projection(torch.cat([parts, self.view_end[0], whole]))
        return tokens

    def _merge(self, patches: Tensor) -> Tensor:
        """Join 2 x 2 patches: row in the square, column in the square, channel."""
        side = self.sizes.tokens_a_side
        squares = patches.reshape(len(patches), side, 2, side, 2, -1)
        return squares.permute(0, 1, 3, 2, 4, 5).reshape(len(patches), side, side, -1)

    def _with_row_ends(self, cells: Tensor) -> Tensor:
        """[rows, columns, 4 W] -> [rows * (columns + 1), 4 W]"""
        ends = self.row_end[0].expand(len(cells), 1, -1)
        return torch.cat([cells, ends], dim=1).flatten(0, 1)


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # its base is untyped
    """Keys and values of one decoder layer, [1, H, length, K], in buffers with room to spare.

    Adding tokens writes them in place and `keep` moves an end mark, so that a prefix is shared
    by all candidates without ever being copied.
    """

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *args: Any,  # noqa: ARG002 - the base class passes more than is needed here
        **kwargs: Any,  # noqa: ARG002
    ) -> tuple[Tensor, Tensor]:
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._key_buffer = key_states[:, :, :0]
            self._value_buffer = value_states[:, :, :0]
        self._key_buffer = _with_room(self._key_buffer, start, end)
        self._value_buffer = _with_room(self._value_buffer, start, end)
        self._key_buffer[:, :, start:end] = key_states
        self._value_buffer[:, :, start:end] = value_states
        self.keep(end)
        return self._key_buffer[:, :, :end], self._value_buffer[:, :, :end]

    def keep(self, length: int) -> None:
        """Forget all tokens after the first `length`."""
        self.keys = self._key_buffer[:, :, :length]
        self.values = self._value_buffer[:, :, :length]

    def forget(self) -> None:
        """Be as new."""
        self.is_initialized = False
        self.keys = self.values = None
        self._key_buffer = self._value_buffer = torch.empty(0)


def _with_room(buffer: Tensor, used: int, needed: int) -> Tensor:
    if needed <= buffer.shape[2]:
        return buffer
    room = math.ceil(needed / _CACHE_STEP_TOKENS) * _CACHE_STEP_TOKENS
    larger = buffer.new_empty((*buffer.shape[:2], room, buffer.shape[3]))
    larger[:, :, :used] = buffer[:, :, :used]
    return larger


class TokenCache:
    """What the decoder remembers of the tokens read so far."""

    def __init__(self, layers: int) -> None:
        self.layers = [RoomyLayer() for _ in range(layers)]  # type: ignore[no-untyped-call]
        self.states = Cache(layers=list(self.layers))

    @property
    def length(self) -> int:
        """Tokens remembered."""
        return self.layers[0].get_seq_length()

    def keep(self, length: int) -> None:
        """Forget all tokens after the first `length`; without any, do nothing."""
        for layer in self.layers:
            if layer.is_initialized:
                layer.keep(min(length, layer.get_seq_length()))

    def clear(self) -> None:
        """Forget everything and give the memory back."""
        for layer in self.layers:
            layer.forget()


# --------------------------------------------------------------------------- model


class Phi3Vision(nn.Module):
    """Pictures and words in, logits of the next token out. One thread at a time."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.pictures = PictureLayers(sizes.tower, sizes.decoder.width)
        self.decoder: Any = Phi3ForCausalLM(sizes.decoder.config())

    @property
    def device(self) -> torch.device:
        return self.pictures.row_end.device

    @property
    def precision(self) -> torch.dtype:
        return self.pictures.row_end.dtype

    def new_cache(self) -> TokenCache:
        return TokenCache(self.sizes.decoder.layers)

    def encode_picture(self, crops: Crops) -> Tensor:
        """The picture's tokens, [T, D]."""
        return self.arrange(self.patches(crops.pixels), crops.plan)

    @torch.inference_mode()
    def patches(self, pixels: Tensor) -> Tensor:
        """Some of a picture's crops, [B, 3, side, side] -> [B, P, W]; the long part of the work."""
        return self.pictures.patches(pixels.to(self.device, self.precision))

    @torch.inference_mode()
    def arrange(self, patches: Tensor, plan: CropPlan) -> Tensor:
        """The patches of all crops, in order, -> the picture's tokens, [T, D]."""
        return self.pictures.arrange(patches, plan.rows, plan.columns)

    @torch.inference_mode()
    def embed(self, ids: Sequence[int], features: Sequence[Tensor]) -> Tensor:
        """Ids -> [1, S, D]; -n stands for a token of picture n, whose rows come from `features`.

        `features` belong to the pictures in the order of their appearance in `ids`.
        """
        wanted = torch.tensor(ids, dtype=torch.long, device=self.device)
        rows: Tensor = self.decoder.model.embed_tokens(wanted.clamp(min=0))  # [S, D]
        if features:
            rows[wanted < 0] = torch.cat(list(features)).to(rows.dtype)
        return rows[None]

    @torch.inference_mode()
    def read(self, embeds: Tensor, cache: TokenCache, *, keep: int = 1) -> Tensor:
        """Read [1, S, D] behind what the cache holds; the last `keep` states, [keep, D]."""
        states: Tensor = self.decoder.model(
            inputs_embeds=embeds, past_key_values=cache.states, use_cache=True
        ).last_hidden_state
        return states[0, -keep:]

    @torch.inference_mode()
    def logits(self, states: Tensor) -> Tensor:
        """[..., D] -> [..., V] float32"""
        answer: Tensor = self.decoder.lm_head(states)
        return answer.float()

    @torch.inference_mode()
    def precise_logits(self, state: Tensor, ids: Sequence[int]) -> Tensor:
        """Logits of a few ids, [len(ids)] float32, from products in float32.

        Half precision would round logits near 30 to steps of 1/8, and candidates to ties.
        """
        rows: Tensor = self.decoder.lm_head.weight[list(ids)]
        return rows.float() @ state.float()

    def slices(self, embeds: Tensor, start: int = 0) -> tuple[Tensor, ...]:
        """Cut [1, S, D] into pieces to be read one after the other, `start` tokens read before.

        A text that ends above the context stays whole: all of it is read with the long rope
        factors, and slices below the limit would use the short ones.
        """
        if start + embeds.shape[1] > self.sizes.decoder.context_tokens:
            return (embeds,)
        return torch.split(embeds, SLICE_TOKENS, dim=1)

    def make_buffers(self, device: torch.device) -> None:
        """Compute what no checkpoint stores; needed once after building on the meta device."""
        rotary = Phi3RotaryEmbedding(self.decoder.config)
        self.decoder.model.rotary_emb = rotary.to(device)
        places = torch.arange(self.pictures.tower.embeddings.num_positions, device=device)
        self.pictures.tower.embeddings.position_ids = places[None]


# --------------------------------------------------------------------------- checkpoint names

# Beginnings of the official names, and what they are called here. The first that fits holds.
CHECKPOINT_NAMES = (
    ("model.vision_embed_tokens.img_processor.vision_model.", "pictures.tower."),
    ("model.vision_embed_tokens.img_projection.", "pictures.projection."),
    ("model.vision_embed_tokens.sub_GN", "pictures.row_end"),
    ("model.vision_embed_tokens.glb_GN", "pictures.view_end"),
    ("lm_head.", "decoder.lm_head."),
    ("model.", "decoder.model."),
)

# Buffers that older versions of the official code stored; they are computed here.
_COMPUTED = (".position_ids", ".inv_freq")


def own_name(official: str) -> str:
    """What a tensor of the official checkpoint is called in `Phi3Vision`."""
    for beginning, ours in CHECKPOINT_NAMES:
        if official.startswith(beginning):
            return ours + official.removeprefix(beginning)
    known = ", ".join(beginning for beginning, _ in CHECKPOINT_NAMES)
    raise WeightsDamaged(f"unknown tensor {official!r}; known names begin with {known}")


def official_name(own: str) -> str:
    """The reverse of `own_name`."""
    for beginning, ours in CHECKPOINT_NAMES:
        if own.startswith(ours):
            return beginning + own.removeprefix(ours)
    raise ValueError(f"no part of Phi-3 Vision is called {own!r}")


def official_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that the official checkpoint of these sizes holds."""
    with torch.device("meta"):
        model = Phi3Vision(sizes)
    return {official_name(name): tuple(value.shape) for name, value in model.named_parameters()}


def may_be_stored(official: str) -> bool:
    """Whether a checkpoint may hold this tensor although it is not needed."""
    return official.endswith(_COMPUTED)


def unused_names(sizes: Sizes) -> tuple[str, ...]:
    """Beginnings of official names whose tensors never reach an answer."""
    tower = CHECKPOINT_NAMES[0][0]
    return (f"{tower}encoder.layers.{sizes.tower.layers - 1}.", f"{tower}post_layernorm.")


def quantisable(own: str) -> bool:
    """Whether a tensor is the weight of one of the decoder layers' linear parts."""
    parts = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")
    return own.startswith("decoder.model.layers.") and own.endswith(
        tuple(f".{part}.weight" for part in parts)
    )


def operations_per_token(sizes: Sizes) -> int:
    """Floating-point operations for one token in the decoder, without attention."""
    decoder = sizes.decoder
    keys = 2 * decoder.width * decoder.width // decoder.heads * decoder.key_value_heads
    layer = 2 * decoder.width**2 + keys + 3 * decoder.width * decoder.feed_forward
    return 2 * decoder.layers * layer


def operations_per_crop(sizes: Sizes) -> int:
    """Floating-point operations for one crop in the tower, attention included."""
    tower = sizes.tower
    patches = (tower.side_pixels // tower.patch_pixels) ** 2 + 1
    weights = 4 * tower.width**2 + 2 * tower.width * tower.feed_forward
    return 2 * (tower.layers - 1) * patches * (weights + 2 * patches * tower.width)
