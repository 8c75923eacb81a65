"""MagicLens: a picture and what to look for beside it, in one vector; base and large.

OpenAI's CLIP turns picture and words into one vector each; a small transformer reads the two as a
sequence, and a learned query gathers its output into one vector of unit length. A picture alone is
a picture with no words.

Words alone have no official form. Here their CLIP vector stands where the picture's would, beside
that of no words: an experiment, which no published figure describes.

Sources: MagicLens, arXiv 2403.19651; google-deepmind/magiclens (Apache-2.0), whose file layout and
numbers are met here, and google-research/scenic, projects/baselines/clip (Apache-2.0), on which it
builds; CLIP, arXiv 2103.00020, and openai/CLIP, simple_tokenizer.py (MIT); the clean-up of words
before that is ftfy's, without its repair of wrongly decoded text.

In the shapes below: B pictures or texts, S tokens, N patches, W width of a tower, D width of the
two vectors and of all that follows, H heads of C channels. Weights keep the names and the layouts
of the official file, where they lie as [in, out] and heads are dimensions of their own.
"""

from __future__ import annotations

import bisect
import html
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # the name that everyone knows it by

from mmsearch_desktop.domain import (
    Embedder,
    ModelProblem,
    Preparation,
    VectorSpace,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models.checkpoint import (
    check_keys,
    read_checkpoint,
    read_json,
    read_metadata,
    save_converted,
)
from mmsearch_desktop.models.embedding import (
    batch_size,
    centred,
    characters_read,
    cut_ids,
    memory_trouble,
    padded,
    too_long,
    unit_rows,
)
from mmsearch_desktop.models.flax_pickle import read_flax_pickle

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from mmsearch_desktop.models.device import Device

# ------------------------------------------------------------------------------------ sizes


@dataclass(frozen=True, slots=True)
class TowerSizes:
    """A stack of transformer blocks."""

    layers: int
    width: int
    heads: int
    head_width: int
    inner_width: int  # of the feed-forward layers

    @property
    def weights(self) -> int:
        """Without norms and biases."""
        return self.layers * (4 * self.width**2 + 2 * self.width * self.inner_width)


@dataclass(frozen=True, slots=True)
class Sizes:
    """All that differs between base and large; read from the shapes in the file."""

    picture: TowerSizes
    patch_pixels: int
    patches: int
    text: TowerSizes
    vocabulary: int
    positions: int  # the most tokens, with start and end
    dimensions: int
    fusion: TowerSizes
    pool_heads: int
    pool_head_width: int

    @property
    def picture_pixels(self) -> int:
        """Side of the square that the picture tower sees."""
        return math.isqrt(self.patches) * self.patch_pixels


def read_sizes(shapes: Mapping[str, Sequence[int]], source: Path) -> Sizes:
    """From the official names and shapes. Raises WeightsDamaged if they are not of MagicLens."""
    try:
        sizes = _sizes({name: tuple(shape) for name, shape in shapes.items()})
        if (
            sizes.fusion.width != sizes.dimensions
            or math.isqrt(sizes.patches) ** 2 != sizes.patches
        ):
            raise ValueError("sizes that do not fit together")
        return sizes
    except (KeyError, ValueError, ZeroDivisionError) as problem:
        raise WeightsDamaged(
            f"{source}: holds no MagicLens model ({problem}). Choose magic_lens_clip_base.pkl or "
            "magic_lens_clip_large.pkl."
        ) from problem


def _sizes(shapes: Mapping[str, tuple[int, ...]]) -> Sizes:
    patch_pixels, _, _, _ = shapes["params/clip/visual/conv1/kernel"]
    patch_positions, _ = shapes["params/clip/visual/positional_embedding"]
    vocabulary, _ = shapes["params/clip/text/token_embedding/embedding"]
    positions, _ = shapes["params/clip/text/positional_embedding"]
    _, dimensions = shapes["params/clip/text/text_projection/kernel"]
    _, pool_heads, pool_head_width = shapes[
        "params/contrastive_multimodal_pooler/pool_attn/query/w"
    ]
    return Sizes(
        picture=_clip_sizes(shapes, "params/clip/visual/transformer"),
        patch_pixels=patch_pixels,
        patches=patch_positions - 1,
        text=_clip_sizes(shapes, "params/clip/text/transformer"),
        vocabulary=vocabulary,
        positions=positions,
        dimensions=dimensions,
        fusion=_fusion_sizes(shapes, "params/multimodal_encoder"),
        pool_heads=pool_heads,
        pool_head_width=pool_head_width,
    )


def _clip_sizes(shapes: Mapping[str, tuple[int, ...]], place: str) -> TowerSizes:
    width, heads, head_width = shapes[f"{place}/resblocks_0/attn/query/kernel"]
    _, inner_width = shapes[f"{place}/resblocks_0/mlp/c_fc/kernel"]
    layers = _layers(shapes, f"{place}/resblocks_")
    return TowerSizes(layers, width, heads, head_width, inner_width)


def _fusion_sizes(shapes: Mapping[str, tuple[int, ...]], place: str) -> TowerSizes:
    width, heads, head_width = shapes[f"{place}/x_layers_0/self_attention/query/w"]
    _, inner_width = shapes[f"{place}/x_layers_0/ff_layer/ffn_layer1/linear/w"]
    layers = _layers(shapes, f"{place}/x_layers_")
    return TowerSizes(layers, width, heads, head_width, inner_width)


def _layers(shapes: Mapping[str, object], start: str) -> int:
    rest = (name.removeprefix(start) for name in shapes if name.startswith(start))
    return len({number.partition("/")[0] for number in rest})


# ------------------------------------------------------------------------ picture preparation

_KEPT = 2  # APP: a picture is first made small in whole steps down to this many times the side


def prepare_picture(picture: Image.Image, side: int, preparation: Preparation) -> Tensor:
    """RGB float32 [3, side, side], divided by the picture's own largest value; not cropped.

    As in the official code, a picture that is not square is squeezed and a dark one brightened.
    """
    picture = picture.convert("RGB")
    largest = max(high for _, high in picture.getextrema())  # type: ignore[misc]  # RGB has three pairs
    if preparation is not Preparation.OFFICIAL:
        picture = _in_whole_steps(picture, _KEPT * side)
    pixels = torch.from_numpy(np.array(picture, dtype=np.float32)).permute(2, 0, 1)
    return resized(pixels.div(largest + 1e-12), side)


def _in_whole_steps(picture: Image.Image, least: int) -> Image.Image:
    """Down to no fewer than `least` pixels each way; what is left over at the edges is cut off."""
    across, down = (max(1, pixels // least) for pixels in picture.size)
    left, top = picture.width % across // 2, picture.height % down // 2
    right = left + picture.width // across * across
    bottom = top + picture.height // down * down
    return picture.reduce((across, down), box=(left, top, right, bottom))


def resized(pixels: Tensor, side: int) -> Tensor:
    """[..., 3, height, width] → [..., 3, side, side], bilinear with antialias."""
    if pixels.shape[-2:] == (side, side):
        return pixels
    batch = pixels.reshape(-1, *pixels.shape[-3:])
    out = F.interpolate(
        batch, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )
    return out.reshape(*pixels.shape[:-2], side, side)


# ------------------------------------------------------------------------------------- CLIP


class Norm(nn.Module):
    """CLIP's layer norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(width))
        self.bias = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.scale.shape, self.scale, self.bias, eps=1e-5)


class Dense(nn.Module):
    """A kernel [in, *out] whose outputs come flat; with or without a bias [*out]."""

    def __init__(self, inputs: int, *outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(inputs, *outputs))
        self.bias = nn.Parameter(torch.empty(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.flatten()
        return F.linear(x, self.kernel.flatten(1).T, bias)


class JoinHeads(nn.Module):
    """A kernel [heads, head width, out]."""

    def __init__(self, heads: int, head_width: int, outputs: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(heads, head_width, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.kernel.flatten(0, 1).T, self.bias)


class ClipAttention(nn.Module):
    def __init__(self, sizes: TowerSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        heads = (sizes.heads, sizes.head_width)
        self.query = Dense(sizes.width, *heads)
        self.key = Dense(sizes.width, *heads)
        self.value = Dense(sizes.width, *heads)
        self.out = JoinHeads(*heads, sizes.width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:  # [B, S, W]
        query, key, value = (
            part(x).view(*x.shape[:2], self.heads, -1).transpose(1, 2)  # [B, H, S, C]
            for part in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return mixed


class ClipFeedForward(nn.Module):
    def __init__(self, sizes: TowerSizes) -> None:
        super().__init__()
        self.c_fc = Dense(sizes.width, sizes.inner_width)
        self.c_proj = Dense(sizes.inner_width, sizes.width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.c_fc(x)
        out: Tensor = self.c_proj(x * torch.sigmoid(1.702 * x))  # the quick form of GELU
        return out


class ClipBlock(nn.Module):
    def __init__(self, sizes: TowerSizes) -> None:
        super().__init__()
        self.ln_1 = Norm(sizes.width)
        self.attn = ClipAttention(sizes)
        self.ln_2 = Norm(sizes.width)
        self.mlp = ClipFeedForward(sizes)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = x.add(self.attn(self.ln_1(x), mask))
        return x.add(self.mlp(self.ln_2(x)))


class ClipTransformer(nn.ModuleDict):
    def __init__(self, sizes: TowerSizes) -> None:
        super().__init__({f"resblocks_{i}": ClipBlock(sizes) for i in range(sizes.layers)})

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.values():
            x = block(x, mask)
        return x


class PictureTower(nn.Module):
    """A vision transformer; its class token, projected, is the vector."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, self.patch = sizes.picture.width, sizes.patch_pixels
        self.conv1 = nn.ParameterDict({"kernel": torch.empty(self.patch, self.patch, 3, width)})
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(1 + sizes.patches, width))
        self.ln_pre = Norm(width)
        self.transformer = ClipTransformer(sizes.picture)
        self.ln_post = Norm(width)
        self.proj = Dense(width, sizes.dimensions, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """[B, 3, side, side] → [B, D], not of unit length."""
        patches = self._patches(pixels) @ self.conv1["kernel"].flatten(0, 2)  # [B, N, W]
        first = self.class_embedding.expand(len(patches), 1, -1)
        x = torch.cat((first, patches), dim=1) + self.positional_embedding
        x = self.transformer(self.ln_pre(x))
        vectors: Tensor = self.proj(self.ln_post(x[:, 0]))
        return vectors

    def _patches(self, pixels: Tensor) -> Tensor:
        """[B, N, patch * patch * 3], row by row, each in the order of the kernel."""
        grid = pixels.shape[-1] // self.patch
        squares = pixels.reshape(-1, 3, grid, self.patch, grid, self.patch)
        return squares.permute(0, 2, 4, 3, 5, 1).reshape(len(pixels), grid**2, -1)


class TextTower(nn.Module):
    """A causal transformer; the output at the end token, projected, is the vector."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.text.width
        table = torch.empty(sizes.vocabulary, width)
        self.token_embedding = nn.ParameterDict({"embedding": table})
        self.positional_embedding = nn.Parameter(torch.empty(sizes.positions, width))
        self.transformer = ClipTransformer(sizes.text)
        self.ln_final = Norm(width)
        self.text_projection = Dense(width, sizes.dimensions, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids [B, S], padded on the right with 0 → [B, D], not of unit length.

        Padding after the longest text may be left out: no token looks to its right.
        """
        positions = self.positional_embedding[: ids.shape[1]]
        x = F.embedding(ids, self.token_embedding["embedding"]) + positions
        x = self.ln_final(self.transformer(x, _text_mask(ids)))
        ends = x[torch.arange(len(ids), device=ids.device), ids.argmax(dim=1)]  # the largest id
        vectors: Tensor = self.text_projection(ends)
        return vectors


def _text_mask(ids: Tensor) -> Tensor:
    """[B, 1, S, S], true where a token may look: not to its right, and never at the id 0.

    The official code hides an id 0 inside the words as well as the padding. There its own row is
    empty too; here it is not, as that would make its numbers NaN, and nothing looks at it.
    """
    causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).tril()
    return causal & (ids > 0)[:, None, None, :]


class Clip(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.visual = PictureTower(sizes)
        self.text = TextTower(sizes)


# ----------------------------------------------------------------------------------- fusion

_MOST_LOGIT = 50.0


class FusionNorm(Norm):
    """A layer norm whose stored scale is its distance from one."""

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.scale.shape, 1 + self.scale, self.bias, eps=1e-6)


class IntoHeads(nn.Module):
    """[B, S, D] → [B, H, S, C] by a w [D, heads, head width]."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(width, heads, head_width))
        self.b = nn.Parameter(torch.empty(heads, head_width))

    def forward(self, x: Tensor) -> Tensor:
        flat = F.linear(x, self.w.flatten(1).T, self.b.flatten())
        return flat.view(*x.shape[:2], *self.b.shape).transpose(1, 2)


class OutOfHeads(nn.Module):
    """[B, H, S, C] → [B, S, D], by a w that lies as on the way in: [D, heads, head width]."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(width, heads, head_width))
        self.b = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.transpose(1, 2).flatten(2), self.w.flatten(1), self.b)


class FusionAttention(nn.Module):
    """Attention without a mask, whose logits are held within ±50."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.query = IntoHeads(width, heads, head_width)
        self.key = IntoHeads(width, heads, head_width)
        self.value = IntoHeads(width, heads, head_width)
        self.post = OutOfHeads(width, heads, head_width)

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:  # [B, S, D] each
        query, key, value = self.query(asking), self.key(asked), self.value(asked)
        logits = self.scaled(query) @ key.transpose(-1, -2)  # [B, H, S, S]
        held = _MOST_LOGIT * torch.tanh(logits / _MOST_LOGIT)
        out: Tensor = self.post(held.softmax(dim=-1) @ value)
        return out

    def scaled(self, query: Tensor) -> Tensor:
        return query * float(query.shape[-1] ** -0.5)


class PoolAttention(FusionAttention):
    """Scales each channel of the query by a number of its own; one over ln 2 makes 0 mean 1."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__(width, heads, head_width)
        self.per_dim_scale = nn.ParameterDict({"per_dim_scale": torch.empty(head_width)})

    def scaled(self, query: Tensor) -> Tensor:
        own = F.softplus(self.per_dim_scale["per_dim_scale"])
        return query * (own * (1.442695041 / math.sqrt(query.shape[-1])))


class FusionFeedForwardPart(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.ParameterDict({"w": torch.empty(inputs, outputs)})
        self.bias = nn.ParameterDict({"b": torch.empty(outputs)})

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.linear["w"].T, self.bias["b"])


class FusionFeedForward(nn.Module):
    def __init__(self, sizes: TowerSizes) -> None:
        super().__init__()
        self.layer_norm = FusionNorm(sizes.width)
        self.ffn_layer1 = FusionFeedForwardPart(sizes.width, sizes.inner_width)
        self.ffn_layer2 = FusionFeedForwardPart(sizes.inner_width, sizes.width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.ffn_layer2(F.relu(self.ffn_layer1(self.layer_norm(x))))
        return out


class FusionLayer(nn.Module):
    def __init__(self, sizes: TowerSizes) -> None:
        super().__init__()
        self.layer_norm = FusionNorm(sizes.width)
        self.self_attention = FusionAttention(sizes.width, sizes.heads, sizes.head_width)
        self.ff_layer = FusionFeedForward(sizes)

    def forward(self, x: Tensor) -> Tensor:
        normal = self.layer_norm(x)
        x = x.add(self.self_attention(normal, normal))
        return x.add(self.ff_layer(x))


class FusionPool(nn.Module):
    """One learned query gathers the sequence into one vector."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.dimensions
        self.pooling_attn_query = nn.Parameter(torch.empty(1, width))
        self.pool_attn = PoolAttention(width, sizes.pool_heads, sizes.pool_head_width)
        self.pool_attn_ln = FusionNorm(width)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, D]
        asking = self.pooling_attn_query.expand(len(x), 1, -1)
        vectors: Tensor = self.pool_attn_ln(self.pool_attn(asking, x))[:, 0]
        return vectors


class MagicLens(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.clip = Clip(sizes)
        layers = {f"x_layers_{i}": FusionLayer(sizes.fusion) for i in range(sizes.fusion.layers)}
        self.multimodal_encoder = nn.ModuleDict(layers)
        self.contrastive_multimodal_pooler = FusionPool(sizes)

    def forward(self, picture: Tensor, text: Tensor) -> Tensor:
        """CLIP's vectors [B, D] of pictures and texts → float32 [B, D], not of unit length."""
        x = torch.stack((picture.float(), text.float()), dim=1)
        for layer in self.multimodal_encoder.values():
            x = layer(x)
        vectors: Tensor = self.contrastive_multimodal_pooler(x)
        return vectors


# ------------------------------------------------------------------------------------ words

_WORD = (  # what simple_tokenizer.py takes for one word
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
_START, _END = "<|startoftext|>", "<|endoftext|>"
_VOCABULARY_REPO = "openai/clip-vit-large-patch14"


def _plain_characters() -> dict[int, str]:
    """Ligatures taken apart, wide and narrow forms made normal, quotation marks straight."""
    odd = [*range(0xFF01, 0xFFF0), *range(0xFB00, 0xFB07), 0x132, 0x133, 0x3000]
    odd += [*range(0x1C4, 0x1CD), *range(0x1F1, 0x1F4)]
    plain = {code: unicodedata.normalize("NFKC", chr(code)) for code in odd}
    plain |= dict.fromkeys((0x2BC, *range(0x2018, 0x201C)), "'")
    plain |= dict.fromkeys(range(0x201C, 0x2020), '"')
    plain |= {0x149: "'n", 0xFB05: "\u017ft"}
    unseen = [*range(9), 0xB, *range(0xE, 0x20), 0x7F, *range(0x206A, 0x2070), 0xFEFF]
    return plain | dict.fromkeys([*unseen, *range(0xFFF9, 0xFFFD)], "")


_PLAIN = _plain_characters()


def cleaned(words: str) -> str:
    """The words as the official tokeniser sees them: one line, small letters, plain signs."""
    words = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "<" not in words:
        words = html.unescape(words)
    words = re.sub("\x1b\\[[\\d;]*[a-zA-Z]", "", words)  # colours of a terminal
    words = unicodedata.normalize("NFC", words.translate(_PLAIN))
    return " ".join(html.unescape(html.unescape(words)).split()).lower()


def open_tokenizer(folder: Path, size: int) -> Tokenizer:
    """CLIP's byte-pair encoding of cleaned words; safe in several threads.

    From vocab.json and merges.txt, or from tokenizer.json. Raises WeightsMissing, or
    WeightsDamaged if it is not the vocabulary of `size` tokens that the weights know.
    """
    vocabulary = _read_vocabulary(folder)
    vocabulary.check(size)
    ids = vocabulary.ids
    tokenizer = Tokenizer(
        models.BPE(vocab=ids, merges=list(vocabulary.merges), end_of_word_suffix="</w>")
    )
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in (_START, _END)])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORD), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_START} $A {_END}", special_tokens=[(_START, ids[_START]), (_END, ids[_END])]
    )
    return tokenizer


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    source: Path
    ids: dict[str, int]
    merges: tuple[tuple[str, str], ...]  # pieces that become one, those preferred first

    def check(self, size: int) -> None:
        """Raises WeightsDamaged where the ids are not 0, 1, 2 … with the end token the last."""
        signs = pre_tokenizers.ByteLevel.alphabet()
        needed = {*signs, *(f"{sign}</w>" for sign in signs), _START, _END}
        needed |= {piece for pair in self.merges for piece in (*pair, "".join(pair))}
        in_order = sorted(self.ids.values()) == list(range(size))
        if not in_order or not self.ids.keys() >= needed or self.ids[_END] != size - 1:
            raise self.strange(f"of {len(self.ids):,} tokens, not the {size:,} of these weights")

    def strange(self, what: str) -> WeightsDamaged:
        return WeightsDamaged(
            f"{self.source}: holds a vocabulary {what}. Copy vocab.json and merges.txt of a CLIP "
            f"model of OpenAI, such as {_VOCABULARY_REPO}."
        )


def _read_vocabulary(folder: Path) -> _Vocabulary:
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if vocabulary.is_file() and merges.is_file():
        return _vocabulary_of(vocabulary, read_json(vocabulary), _read_lines(merges))
    whole = folder / "tokenizer.json"
    if whole.is_file():
        model = read_json(whole).get("model")
        parts = model if isinstance(model, dict) else {}
        return _vocabulary_of(whole, parts.get("vocab"), parts.get("merges"))
    raise WeightsMissing(
        f"{folder}: CLIP's vocab.json and merges.txt are not both beside the weights. Copy them "
        f"there from {_VOCABULARY_REPO}."
    )


def _vocabulary_of(source: Path, ids: object, merges: object) -> _Vocabulary:
    """Merges are lines "a b" or pairs, as both kinds of file are about."""
    lines = merges if isinstance(merges, list) else []
    pairs = [tuple(line.split(" ")) if isinstance(line, str) else line for line in lines]
    is_table = isinstance(ids, dict) and all(type(number) is int for number in ids.values())
    if not isinstance(ids, dict) or not is_table or not all(map(_is_pair, pairs)):
        raise _Vocabulary(source, {}, ()).strange("in no form that is known here")
    return _Vocabulary(source, ids, tuple((first, second) for first, second in pairs))


def _is_pair(pieces: object) -> bool:
    if not isinstance(pieces, list | tuple):
        return False
    return len(pieces) == 2 and all(isinstance(piece, str) for piece in pieces)


def _read_lines(path: Path) -> list[str]:
    """Of merges.txt, without its first line, which names the version."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as problem:
        raise WeightsDamaged(f"{path}: cannot be read as text ({problem}).") from problem
    return [line for line in lines[lines[0].startswith("#version") :] if line]


# ---------------------------------------------------------------------------------- weights

_ROOT = "params/"
_NEVER_USED = "params/clip/logit_scale"
_OFFICIAL_FILES = "magic_lens_clip_*.pkl"
_CONVERTED_FILE = "magiclens.safetensors"
_KINDS = {12: "base", 24: "large"}  # by the layers of the picture tower
_CONVERTED_MARK = "magiclens-1"  # tells our file from another's of the same name


def name_in_file(name: str) -> str:
    """The official name of one of our tensors."""
    return _ROOT + name.replace(".", "/")


def empty_model(sizes: Sizes) -> MagicLens:
    """On torch's meta device, without numbers."""
    with torch.device("meta"):
        return MagicLens(sizes)


def check_tensors(model: MagicLens, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Raises WeightsDamaged unless the official names and shapes fit the model."""
    check_keys(
        {name: tensor.shape for name, tensor in tensors.items()},
        {name_in_file(name): tensor.shape for name, tensor in model.state_dict().items()},
        may_be_present=lambda name: name == _NEVER_USED,
        source=source,
    )


def load_weights(model: MagicLens, tensors: Mapping[str, Tensor], device: Device) -> None:
    """Gives an empty model copies of the checked tensors, on `device`.

    The fusion stays in float32: it is small, and its norms and logits lose most by rounding.
    """
    precision = getattr(torch, device.precision)
    state = {}
    for name in model.state_dict():
        dtype = precision if name.startswith("clip.") else torch.float32
        tensor = tensors[name_in_file(name)]
        state[name] = tensor.to(device=device.torch_name, dtype=dtype, copy=True)
    model.load_state_dict(state, strict=True, assign=True)
    model.requires_grad_(requires_grad=False).eval()


def _read_weights(path: Path) -> tuple[Sizes, MagicLens, dict[str, Tensor]]:
    """The sizes, an empty model of them, and the tensors that fit it."""
    tensors = read_flax_pickle(path) if path.suffix == ".pkl" else read_checkpoint(path)
    sizes = read_sizes({name: tensor.shape for name, tensor in tensors.items()}, path)
    model = empty_model(sizes)
    check_tensors(model, tensors, path)
    return sizes, model, tensors


def _weights_file(folder: Path) -> Path:
    converted = folder / _CONVERTED_FILE
    if read_metadata(converted).get("model") == _CONVERTED_MARK:
        return converted
    official = sorted(folder.glob(_OFFICIAL_FILES))
    if len(official) > 1:
        names = " and ".join(path.name for path in official)
        raise ModelProblem(f"{folder}: holds {names}. Put each into a folder of its own.")
    if not official:
        raise WeightsMissing(
            f"{folder}: magic_lens_clip_base.pkl or magic_lens_clip_large.pkl is not there. Copy "
            "one of them there."
        )
    return official[0]


def convert(folder: Path) -> Path:
    """Writes the tensors of the .pkl beside it as magiclens.safetensors, once; returns its path.

    For folders of ours alone: a folder of the person's is never written into. Raises ModelProblem
    (WeightsMissing, WeightsDamaged) and leaves nothing behind.
    """
    source, target = _weights_file(folder), folder / _CONVERTED_FILE
    if source == target:
        return target
    if target.exists():
        raise ModelProblem(f"{target}: is of another model. Move it out of this folder.")
    _, model, tensors = _read_weights(source)
    used = {name_in_file(name): tensors[name_in_file(name)] for name in model.state_dict()}
    save_converted(used, target, {"model": _CONVERTED_MARK, "converted_from": source.name})
    return target


# --------------------------------------------------------------------------------- embedder


def open_embedder(
    folder: Path, *, name: str, revision: str, preparation: Preparation, device: Device
) -> Embedder:
    """Opens a folder with a .pkl or converted weights, and CLIP's vocabulary.

    `revision` becomes part of the vectors' identity. Nothing is written, fetched or run from the
    folder. Slow (reads all weights). Raises ModelProblem and its kinds.
    """
    with memory_trouble(device):
        sizes, model, tensors = _read_weights(_weights_file(folder))
        tokenizer = open_tokenizer(folder, sizes.vocabulary)
        load_weights(model, tensors, device)
    kind = f"magiclens-{_KINDS.get(sizes.picture.layers, sizes.picture.layers)}"
    return MagicLensEmbedder(
        model,
        tokenizer,
        sizes,
        name=name,
        space=VectorSpace(kind, revision, sizes.dimensions, preparation),
        device=device,
    )


class MagicLensEmbedder:
    """The model as `domain.Embedder`; its methods may be called from several threads at once."""

    def __init__(
        self,
        model: MagicLens,
        tokenizer: Tokenizer,
        sizes: Sizes,
        *,
        name: str,
        space: VectorSpace,
        device: Device,
    ) -> None:
        self.name = name
        self.space = space
        self.picture_side_pixels = sizes.picture_pixels
        self.batch_size = batch_size(_operations(sizes), device)
        self._model = model
        self._tokenizer = tokenizer
        self._limit = sizes.positions
        self._device = device
        with memory_trouble(device), torch.inference_mode():
            self._no_words = self._of_words([""])  # [1, D], the same beside every picture

    def embed_words(self, words: Sequence[str]) -> NDArray[np.float32]:
        """An experiment: the words stand in the picture's place, as no paper has tried."""
        return self._embed(lambda: (self._of_words(words), self._no_words), len(words))

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        return self._embed(lambda: (self._of_pictures(pictures), self._no_words), len(pictures))

    def embed_pictures_with_words(
        self, pictures: Sequence[Image.Image], words: Sequence[str]
    ) -> NDArray[np.float32]:
        if len(pictures) != len(words):
            raise ValueError(f"{len(pictures)} pictures and {len(words)} texts make no pairs")
        return self._embed(
            lambda: (self._of_pictures(pictures), self._of_words(words)), len(pictures)
        )

    def cut_notice(self, words: str, *, with_picture: bool) -> str | None:  # noqa: ARG002 - both alike
        read = characters_read(self._tokenizer, cleaned(words), self._limit)
        if read is None:
            return None
        as_typed = bisect.bisect_left(
            range(len(words)), read, key=lambda n: len(cleaned(words[:n]))
        )
        return too_long(as_typed, len(words))

    def token_ids(self, words: str) -> list[int]:
        """Start, words, end; cut to what the model takes, keeping the end token."""
        return cut_ids(self._tokenizer, cleaned(words), self._limit)

    def _embed(
        self, features: Callable[[], tuple[Tensor, Tensor]], count: int
    ) -> NDArray[np.float32]:
        """`features` gives CLIP's vectors for the two places, [count, D] and [count or 1, D]."""
        if not count:
            return np.empty((0, self.space.dimensions), dtype=np.float32)
        with memory_trouble(self._device), torch.inference_mode():
            first, second = features()
            vectors = self._model(first, second.expand_as(first))
            return unit_rows(vectors, self.name, self._device)

    def _of_words(self, words: Sequence[str]) -> Tensor:
        ids, _ = padded([self.token_ids(text) for text in words], 0, self._device)
        vectors: Tensor = self._model.clip.text(ids)
        return vectors

    def _of_pictures(self, pictures: Sequence[Image.Image]) -> Tensor:
        side, preparation = self.picture_side_pixels, self.space.preparation
        squares = [prepare_picture(picture, side, preparation) for picture in pictures]
        pixels = centred(torch.stack(squares).to(self._device.torch_name))
        vectors: Tensor = self._model.clip.visual(pixels.to(getattr(torch, self._device.precision)))
        return vectors


def _operations(sizes: Sizes) -> float:
    """For one picture, roughly: two for each weight and token, and two between tokens."""
    picture, tokens = sizes.picture, sizes.patches + 1
    between = 2 * picture.layers * tokens * picture.width
    return 2.0 * tokens * (picture.weights + between)
