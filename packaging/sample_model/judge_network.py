"""The sample judge before training: Phi-3 Vision's own modules in a small configuration.

Beside them what only training needs: heads that name what a picture shows. Letters in shapes as in
models/phi3_vision.py: B pictures, P patches, W the tower's width, T tokens, D the decoder's width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # the name that everyone knows it by

from mmsearch_desktop.models.embedding import normalised
from mmsearch_desktop.models.phi3_vision import Phi3Vision, Sizes
from sample_model import phrases
from sample_model.captions import FIELDS
from sample_model.combinations import held_out
from sample_model.facts import OBJECTS, SURFACES, Kind
from sample_model.judge_words import VOCABULARY
from sample_model.network import Heads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sample_model.pool import Pool

PIXELS = 96  # of a crop's side; 6 x 6 patches become 3 x 3 cells and 25 tokens a picture
_MOST_CUT, _FAR_CUT = 0.14, 0.38  # of a picture's side, at random
_ALIGNED = ("object", "surface", "colour", "scene", "time")
_ALIGNED_SCALE = 8.0

CONFIG: dict[str, Any] = {
    "model_type": "phi3_v",
    "vocab_size": VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "hidden_act": "silu",
    "max_position_embeddings": 4096,
    "original_max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "rope_scaling": {"type": "su", "short_factor": [1.0] * 16, "long_factor": [1.0] * 16},
    "sliding_window": 4096,
    "torch_dtype": "float16",
    "embd_layer": {
        "hd_transform_order": "sub_glb",
        "projection_cls": "mlp",
        "use_hd_transform": True,
        "with_learnable_separator": True,
    },
    "img_processor": {
        "name": "clip_vision_model",
        "clip_config": {
            "hidden_size": 128,
            "intermediate_size": 512,
            "num_hidden_layers": 6,  # the last is never run
            "num_attention_heads": 4,
            "image_size": PIXELS,
            "patch_size": 16,
            "layer_norm_eps": 1e-5,
            "hidden_act": "quick_gelu",
        },
    },
}


def new_judge(config: dict[str, Any], seed: int) -> Phi3Vision:
    """With random weights and without the parts that no answer needs, in training mode."""
    torch.manual_seed(seed)
    model = Phi3Vision(Sizes.from_config(config, Path("config.json")))
    model.pictures.drop_unused()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            _start(name, parameter)
        model.decoder.lm_head.weight.copy_(model.decoder.model.embed_tokens.weight)
    return model.train()


_INTO_THE_STREAM = ("out_proj.weight", "fc2.weight", "o_proj.weight", "down_proj.weight")


def _start(name: str, parameter: Tensor) -> None:
    if name.endswith(("row_end", "view_end")):
        nn.init.normal_(parameter, std=0.5)
    elif parameter.ndim == 1:
        parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
        if "class_embedding" in name:
            nn.init.normal_(parameter, std=0.02)
    elif "position_embedding" in name:
        nn.init.normal_(parameter, std=0.02)
    elif "embed_tokens" in name:
        nn.init.normal_(parameter, std=0.1)
    else:
        small = 0.3 if name.endswith(_INTO_THE_STREAM) else 1.0
        nn.init.trunc_normal_(parameter, std=0.7 * small / math.sqrt(parameter[0].numel()))


def cells(model: Phi3Vision, pixels: Tensor) -> Tensor:
    """[B, 3, side, side] -> [B, cells, D]: each crop's 2 x 2 patches, projected."""
    pictures = model.pictures
    side = pictures.sizes.tokens_a_side
    patches = pictures.patches(pixels)  # [B, P, W]
    squares = patches.reshape(len(patches), side, 2, side, 2, -1).permute(0, 1, 3, 2, 4, 5)
    projected: Tensor = pictures.projection(squares.reshape(len(patches), side * side, -1))
    return projected


def picture_tokens(model: Phi3Vision, projected: Tensor) -> Tensor:
    """Cells [B, cells, D] -> [B, T, D] of square pictures at one crop, which is the global view.

    The tower runs once in training for what it reads twice in the app, with the same result.
    """
    pictures = model.pictures
    count, number, width = projected.shape
    side = math.isqrt(number)
    row_end = pictures.projection(pictures.row_end[0]).expand(count, side, 1, width)
    view_end = pictures.projection(pictures.view_end).expand(count, 1, width)
    rows = torch.cat([projected.reshape(count, side, side, width), row_end], dim=2).flatten(1, 2)
    return torch.cat([rows, view_end, rows], dim=1)


@torch.no_grad()
def level(model: Phi3Vision, pixels: Tensor) -> None:
    """Make the picture tokens as long as words are inside the decoder.

    Naming does not mind how long they are, so they have grown without bound; beside them what the
    layers add to the stream would be nothing. What naming says stays exactly as it was.
    """
    length = cells(model, pixels).norm(dim=-1).mean()
    last = model.pictures.projection[-1]
    for parameter in last.parameters():
        parameter.mul_(math.sqrt(parameter.shape[0]) / length)


# --------------------------------------------------------------------------------------- pictures


def squares(pool: Pool, places: Sequence[int], rng: np.random.Generator) -> Tensor:
    """Random pieces out of pictures, some mirrored, uint8 [B, PIXELS, PIXELS, 3].

    A third of them are cut much smaller and may be stretched: that a surface is the same on all
    objects, and an object the same at any size, is learnt from fewer pictures so.
    """
    far = len(places) // 3
    parts = [(places[far:], _MOST_CUT), (places[: far // 2], _FAR_CUT)]
    parts.append((places[far // 2 : far], _FAR_CUT))
    cut = [_cut(pool, part, most, rng) for part, most in parts if part]
    order = [*range(far, len(places)), *range(far)]
    return torch.cat(cut)[torch.tensor(order).argsort()]


def _cut(pool: Pool, places: Sequence[int], most: float, rng: np.random.Generator) -> Tensor:
    """Pieces of one size, so that one call reduces them all as models/phi3_vision.py does."""
    full = len(pool.picture(0))
    height, width = full - rng.integers(int(full * most) + 1, size=2)
    if most == _MOST_CUT:
        width = height
    tops = rng.integers(full - height + 1, size=len(places))
    lefts = rng.integers(full - width + 1, size=len(places))
    cut = np.stack(
        [
            _mirrored(pool.picture(place)[top : top + height, left : left + width], rng)
            for place, top, left in zip(places, tops, lefts, strict=True)
        ]
    )
    return reduced(torch.from_numpy(cut))


def _mirrored(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    return picture[:, ::-1] if rng.random() < 0.5 else picture


def reduced(pictures: Tensor) -> Tensor:
    """uint8 [B, height, width, 3] -> uint8 [B, PIXELS, PIXELS, 3]"""
    planes = pictures.permute(0, 3, 1, 2)
    small = F.interpolate(planes, (PIXELS, PIXELS), mode="bilinear", antialias=True)
    return small.permute(0, 2, 3, 1)


def pixels_of(pictures: Tensor) -> Tensor:
    """uint8 [B, PIXELS, PIXELS, 3] -> [B, 3, PIXELS, PIXELS] as the tower reads them."""
    return normalised(pictures)


# ----------------------------------------------------------------------------------------- naming


class Naming(nn.Module):
    """Names what pictures show, from the mean of their cells; thrown away after training.

    One set of heads is free; the other compares with the decoder's own rows of the words, so that
    what a picture's tokens say and what words say begin alike.
    """

    def __init__(self, width: int, words: dict[str, Tensor]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.heads = Heads(width)
        for field, bag in words.items():
            self.register_buffer(f"words_{field}", bag)

    def forward(self, projected: Tensor) -> tuple[Tensor, ...]:
        """Cells [B, cells, D] -> one [B, names] for each field."""
        rows: tuple[Tensor, ...] = self.heads(self.norm(projected.mean(dim=1)))
        return rows

    def by_words(self, projected: Tensor, table: Tensor) -> dict[str, Tensor]:
        """[B, names] for the fields that have words; `table`: the decoder's rows, [V, D]."""
        mean = F.normalize(projected.mean(dim=1), dim=-1)
        found = {}
        for field in _ALIGNED:
            bag = getattr(self, f"words_{field}")  # [names, V]
            found[field] = _ALIGNED_SCALE * 2 * mean @ F.normalize(bag @ table, dim=-1).T
        return found


def word_bags(ids: Any) -> dict[str, Tensor]:
    """For each field that has words: the share of each id in a name's words, [names, V].

    `ids`: text -> the ids of it as the model writes it.
    """
    said = {
        "object": phrases.OBJECTS,
        "surface": phrases.SURFACE_ADJECTIVES,
        "colour": phrases.COLOUR_WORDS,
        "scene": phrases.SCENE_NAMES,
        "time": phrases.AT_TIME,
    }
    bags = {}
    for field, texts in said.items():
        bag = torch.zeros(len(FIELDS[field]), VOCABULARY)
        for row, name in zip(bag, FIELDS[field], strict=True):
            for text in texts[name]:
                found = ids(text)
                row[found] += 1 / len(found) / len(texts[name])
        bags[field] = bag
    return bags


def named(
    logits: Sequence[Tensor], codes: Tensor, weights: dict[str, float]
) -> tuple[Tensor, list[float]]:
    """Cross-entropy over the fields that are stated, and the shares right.

    An object on a surface that no picture of training shows it on is neither right nor wrong: that
    it is absent there says nothing about what else is drawn.
    """
    loss = logits[0].new_zeros(())
    shares = []
    for place, (name, found) in enumerate(zip(FIELDS, logits, strict=True)):
        wanted = codes[:, place].long()
        stated = wanted >= 0
        rows = without_unseen(name, found, codes)
        if not stated.any():
            shares.append(math.nan)
            continue
        loss = loss + weights.get(name, 0.5) * F.cross_entropy(rows[stated], wanted[stated])
        shares.append((rows[stated].argmax(dim=1) == wanted[stated]).float().mean().item())
    return loss / 6, shares


def _unseen_pairs() -> Tensor:
    """[objects, surfaces]: which pairs training never shows."""
    return torch.tensor([[held_out(one, surface) for surface in SURFACES] for one in OBJECTS])


_UNSEEN = {"surface": _unseen_pairs(), "object": _unseen_pairs().T}
_OTHER = {"surface": tuple(FIELDS).index("object"), "object": tuple(FIELDS).index("surface")}


def without_unseen(field: str, rows: Tensor, codes: Tensor) -> Tensor:
    """The names' logits [N, names], far down where training never shows the picture's like."""
    if field not in _UNSEEN:
        return rows
    other = codes[:, _OTHER[field]].long()
    product = codes[:, 0].long() == tuple(Kind).index(Kind.PRODUCT)
    unseen = _UNSEEN[field][other.clamp(min=0)] & ((other >= 0) & product)[:, None]
    return rows.masked_fill(unseen, -1e4)


class Reading(nn.Module):
    """What the decoder's states say on the way to an answer; thrown away after training.

    What a candidate shows and what is wanted are read at the end of each question, where one
    layer later they can be compared; what the query picture shows, at the end of the request.
    Another head says which constraints are met.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.heads = Heads(width)
        self.wanted_heads = Heads(width)
        self.source_heads = Heads(width)
        self.without = nn.Linear(width, len(SURFACES))
        self.met_norm = nn.LayerNorm(width)
        self.met = nn.Linear(width, len(FIELDS) + 1)

    def facts(self, states: Tensor) -> tuple[Tensor, ...]:
        """[N, D] -> one [N, names] for each field."""
        rows: tuple[Tensor, ...] = self.heads(self.norm(states))
        return rows

    def wanted(self, states: Tensor) -> tuple[Tensor, ...]:
        """[N, D] -> one [N, names] for each field."""
        rows: tuple[Tensor, ...] = self.wanted_heads(self.norm(states))
        return rows

    def unwanted(self, states: Tensor) -> Tensor:
        """[N, D] -> [N, surfaces]"""
        rows: Tensor = self.without(self.norm(states))
        return rows

    def source(self, states: Tensor) -> tuple[Tensor, ...]:
        """[N, D] -> one [N, names] for each field."""
        rows: tuple[Tensor, ...] = self.source_heads(self.norm(states))
        return rows

    def constraints(self, states: Tensor) -> Tensor:
        """[N, D] -> [N, fields + 1], above 0 where a constraint is met."""
        met: Tensor = self.met(self.met_norm(states))
        return met
