"""What training minimises: which picture answers which words, and what each vector says.

Several pictures may be right answers to one question: the loss is the log-sum over all candidates
less the log-sum over the right ones (InfoNCE, arXiv 1807.03748, with several positives).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # the name that everyone knows it by

from sample_model.captions import FIELDS, right_answers

if TYPE_CHECKING:
    from sample_model.batches import Batch
    from sample_model.network import Training

_HIGHEST_SCALE = 60.0
_FIELD_WEIGHTS = {"object": 2.0, "surface": 1.5, "colour": 1.5}  # the others 0.5
_SURFACE = tuple(FIELDS).index("surface")
_FIRST, _END = 2, 3  # the ids of [CLS] and [SEP]
_OF_UNIT = 11.0  # the heads read vectors of this length, about that of the tokens


@dataclass(frozen=True)
class Vectors:
    """Of one batch, at unit length; P = 2 Q pictures, the sources first."""

    pictures: Tensor  # [P, D]
    captions: Tensor  # [P, D]
    questions: Tensor | None  # [Q, D]; None while only pictures and captions are learnt
    facts: Tensor  # [P, fields]
    captions_wanted: Tensor  # [P, fields + 1]
    questions_wanted: Tensor  # [Q, fields + 1]


def vectors_of(training: Training, batch: Batch, *, questions: bool) -> tuple[Vectors, Tensor]:
    """The vectors, and the mean image tokens [P, D] on the way to them."""
    model = training.model
    image = model.image_tokens(batch.pixels)
    nothing = torch.tensor([[_FIRST, _END]], device=image.device).expand(len(image), -1)
    pictures = model.joined(nothing, torch.ones_like(nothing), image)
    asked = None
    if questions:
        ids, mask = batch.questions
        asked = F.normalize(model.joined(ids, mask, image[: len(ids)]), dim=-1)
    return Vectors(
        F.normalize(pictures, dim=-1),
        F.normalize(model(*batch.captions), dim=-1),
        asked,
        batch.facts,
        batch.captions_wanted,
        batch.questions_wanted,
    ), image.mean(dim=1)


@dataclass(frozen=True)
class Scores:
    """How well the vectors of all workers find each other."""

    loss: Tensor
    words_first: float  # share of captions whose best picture is right
    questions_first: float


def finding(parts: Sequence[Vectors], log_scale: Tensor, *, composed_weight: float) -> Scores:
    """The contrastive loss over the batches of all workers."""
    pictures = torch.cat([part.pictures for part in parts])
    facts = torch.cat([part.facts for part in parts])
    captions = torch.cat([part.captions for part in parts])
    scale = log_scale.exp().clamp(max=_HIGHEST_SCALE)
    right = _right(torch.cat([part.captions_wanted for part in parts]), facts)
    logits = scale * captions @ pictures.T
    loss = _among(logits, right) + 0.5 * _among(logits.T, right.T)
    found = 0.0
    asked = [part.questions for part in parts if part.questions is not None]
    if asked:
        right_q = _right(torch.cat([part.questions_wanted for part in parts]), facts)
        logits_q = scale * torch.cat(asked) @ pictures.T
        own = _own_sources(parts, len(pictures), logits_q.device) & right_q
        logits_q, right_q = logits_q.masked_fill(own, -1e4), right_q & ~own
        loss = loss + composed_weight * _among(logits_q, right_q)
        found = _first_right(logits_q, right_q)
    return Scores(loss, _first_right(logits, right), found)


def _own_sources(parts: Sequence[Vectors], pictures: int, device: torch.device) -> Tensor:
    """[questions, pictures]: where a question's own source stands."""
    firsts = torch.tensor([len(part.pictures) for part in parts]).cumsum(0).tolist()
    places = [
        first - len(part.pictures) + place
        for part, first in zip(parts, firsts, strict=True)
        for place in range(len(part.questions_wanted))
    ]
    return F.one_hot(torch.tensor(places), pictures).bool().to(device)


def _right(wanted: Tensor, facts: Tensor) -> Tensor:
    table = right_answers(wanted.cpu().numpy(), facts.cpu().numpy())
    return torch.from_numpy(table).to(facts.device)


def _among(logits: Tensor, right: Tensor) -> Tensor:
    """Rows without a right answer do not count."""
    rows = right.any(dim=1)
    logits, right = logits[rows], right[rows]
    of_right = logits.masked_fill(~right, -torch.inf).logsumexp(dim=1)
    return (logits.logsumexp(dim=1) - of_right).mean()


def _first_right(logits: Tensor, right: Tensor) -> float:
    best = logits.argmax(dim=1, keepdim=True)
    return right.gather(1, best).float().mean().item()


def early_naming(training: Training, batch: Batch) -> tuple[Tensor, list[float]]:
    """Cross-entropy of the facts read from the picture tower alone; shares right, by field."""
    image = training.model.image_tokens(batch.pixels).mean(dim=1)
    return _named(training.tower_heads(training.tower_norm(image)), batch.facts)


def naming(training: Training, vectors: Vectors, image: Tensor) -> tuple[Tensor, list[float]]:
    """Cross-entropy of the facts read from every vector; shares right of pictures, by field."""
    read = training.heads
    seen, shares = _named(read(vectors.pictures * _OF_UNIT), vectors.facts)
    early, _ = _named(training.tower_heads(training.tower_norm(image)), vectors.facts)
    said, _ = _named(read(vectors.captions * _OF_UNIT), vectors.captions_wanted)
    loss = seen + 0.5 * early + 0.5 * said
    if vectors.questions is not None:
        meant = read(vectors.questions * _OF_UNIT)
        loss = loss + _named(meant, vectors.questions_wanted)[0]
        loss = loss + _avoided(meant[_SURFACE], vectors.questions_wanted[:, -1])
    return loss, shares


def _avoided(surfaces: Tensor, unwanted: Tensor) -> Tensor:
    """How surely the vectors name a surface that they must not."""
    stated = unwanted >= 0
    if not stated.any():
        return surfaces.new_zeros(())
    shares = surfaces[stated].softmax(dim=1).gather(1, unwanted[stated].long()[:, None])
    return -torch.log1p(-shares.clamp(max=0.999)).mean()


def _named(logits: Sequence[Tensor], codes: Tensor) -> tuple[Tensor, list[float]]:
    loss = logits[0].new_zeros(())
    shares = []
    for place, (name, rows) in enumerate(zip(FIELDS, logits, strict=True)):
        wanted = codes[:, place].long()
        stated = wanted >= 0
        if not stated.any():
            shares.append(float("nan"))
            continue
        weight = _FIELD_WEIGHTS.get(name, 0.5)
        loss = loss + weight * F.cross_entropy(rows[stated], wanted[stated])
        shares.append((rows[stated].argmax(dim=1) == wanted[stated]).float().mean().item())
    return loss / 6, shares
