"""Trains the sample judge on the pool of the sample model; can be stopped and called again.

    python -m sample_model.judge_train pictures --minutes 20
    python -m sample_model.judge_train answers --minutes 30 --anew
    python -m sample_model.judge_train both --minutes 30

First the picture path learns to name what it sees, then the decoder to answer about it, then both
together. Every call goes on from the last checkpoint with a schedule of its own, at whose end the
learning rates are nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # the name that everyone knows it by

from sample_model.captions import FIELDS, FREE
from sample_model.judge_network import (
    PIXELS,
    cells,
    level,
    named,
    picture_tokens,
    pixels_of,
    squares,
    without_unseen,
)
from sample_model.judge_packs import BLANK, Pack, Packed, Packer, packed
from sample_model.judge_questions import Requests
from sample_model.judge_trainer import RUN, Plan, Trainer, log, train
from sample_model.network import HalfProducts, has_half_products
from sample_model.pool import FOLDER as POOL
from sample_model.pool import Pool

_FIELD_WEIGHTS = {"object": 2.0, "surface": 2.5, "colour": 1.5}  # the others 0.5
_AT_ONCE = 250  # pictures that the tower reads in one go
_SUMMED_AT, _READ_AT, _COMPARED_AT = 2, 3, 4  # the layers behind which the heads read
_CANDIDATES, _CHECKS = 4, 2  # of each request, and of each candidate
_MOST_WITH_PICTURE = 0.65  # of the requests
_WRITTEN_SHARE, _DESCRIBED_SHARE = 0.05, 0.04  # of the candidates, of the packs
_BLANK_SHARE, _BLANK_WEIGHT = 0.15, 0.5
_WORDS_WEIGHT, _FACTS_WEIGHT, _MET_WEIGHT, _NAMING_WEIGHT = 0.4, 0.3, 1.0, 1.0


class Pictures(Trainer):
    """The first stage: the picture path names what it sees."""

    def changing(self) -> dict[str, nn.Module]:
        table = self.model.decoder.model.embed_tokens
        return {"pictures": self.model.pictures, "table": table, "naming": self.naming}

    def step(self) -> dict[str, float]:
        plan, progress = self.plan, self.progress
        rng = np.random.default_rng([plan.seed, 1, progress.picture_steps])
        places = rng.integers(len(self.pool.facts), size=plan.pictures).tolist()
        pixels = pixels_of(squares(self.pool, places, rng))
        with HalfProducts() if plan.half_products else nullcontext():
            loss, shares = self._loss(pixels, self.codes[places])
            self.moved(loss)
        progress.picture_steps += 1
        progress.pictures += plan.pictures
        return {"loss": loss.item(), **dict(zip(FIELDS, shares, strict=True))}

    def _loss(self, pixels: Tensor, codes: Tensor) -> tuple[Tensor, list[float]]:
        return _naming(self, cells(self.model, pixels), codes)


def _naming(trainer: Trainer, projected: Tensor, codes: Tensor) -> tuple[Tensor, list[float]]:
    """The loss of naming pictures, and the shares right by field.

    By all cells together and by each alone: then the decoder reads all from any one of them.
    """
    loss, shares = named(trainer.naming(projected), codes, _FIELD_WEIGHTS)
    each = projected.flatten(0, 1)[:, None]  # [B * cells, 1, D]
    by_one, _ = named(
        trainer.naming(each), codes.repeat_interleave(projected.shape[1], dim=0), _FIELD_WEIGHTS
    )
    loss = (loss + by_one) / 2
    table = trainer.model.decoder.model.embed_tokens.weight
    for field, found in trainer.naming.by_words(projected, table).items():
        rows = without_unseen(field, found, codes)
        wanted = codes[:, tuple(FIELDS).index(field)].long()
        if (wanted >= 0).any():
            loss = loss + 0.05 * F.cross_entropy(rows[wanted >= 0], wanted[wanted >= 0])
    return loss, shares


class Answers(Trainer):
    """The second stage: the decoder answers about pictures as the first stage sees them."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        part = len(self.pool.parts[0])
        count = min(len(self.pool.parts), max(1, plan.kept_pictures // part))
        self._asked_about = Pool(self.pool.parts[-count:], self.pool.facts[-count * part :])
        self._codes = self.codes[-count * part :]
        self._requests = Requests(self._asked_about)
        side = self.model.sizes.tower.side_pixels
        self._number = self.model.sizes.picture_tokens(side, side, 1)
        self._packer = Packer(self.tokenizer, self._requests, self._number)
        self._yes, self._no = (self.tokenizer.plain_ids(one)[-1] for one in ("Yes", "No"))
        places = range(min(_AT_ONCE, len(self._asked_about.facts)))
        rng = np.random.default_rng([plan.seed, 4])
        level(self.model, pixels_of(squares(self._asked_about, places, rng)))
        self._prepare()
        self.begin()

    def _prepare(self) -> None:
        self._tokens = self._seen(self._asked_about)

    def _rows(self, places: Tensor, _: np.random.Generator) -> Tensor:
        """The tokens of pictures as the decoder reads them, [pictures, T, D]."""
        return self._tokens[places].float()

    def changing(self) -> dict[str, nn.Module]:
        return {"decoder": self.model.decoder, "reading": self.reading}

    @torch.no_grad()
    def _seen(self, pool: Pool) -> Tensor:
        """The tokens of all pictures, [pictures, T, D] in half precision, each cut at random."""
        rng = np.random.default_rng([self.plan.seed, 2, self.progress.answer_steps])
        parts = []
        for first in range(0, len(pool.facts), _AT_ONCE):
            places = range(first, min(first + _AT_ONCE, len(pool.facts)))
            with HalfProducts() if self.plan.half_products else nullcontext():
                projected = cells(self.model, pixels_of(squares(pool, places, rng)))
            parts.append(picture_tokens(self.model, projected).half())
        nothing = picture_tokens(self.model, cells(self.model, _nothing())).half()
        return torch.cat([*parts, nothing])  # last: BLANK

    def step(self) -> dict[str, float]:
        plan, progress = self.plan, self.progress
        rng = np.random.default_rng([plan.seed, 3, progress.answer_steps])
        batch = packed([self._pack(rng) for _ in range(plan.packs)], self._number)
        with HalfProducts() if plan.half_products else nullcontext():
            rows = self._rows(batch.pictures, rng)
            loss, shown = self._loss(batch, rows)
            self.moved(self._with_more(loss, batch, shown))
        progress.answer_steps += 1
        progress.answers += len(batch.answers)
        return {"loss": loss.item(), **shown}

    def _with_more(self, loss: Tensor, _batch: Packed, _shown: dict[str, float]) -> Tensor:
        """The loss with what else is trained beside answering."""
        return loss

    def _pack(self, rng: np.random.Generator) -> Pack:
        """Mostly requests: at first of words alone, and without sentences."""
        stage = self.progress.answers / self.plan.words_answers
        if rng.random() < (_DESCRIBED_SHARE if stage > 0.5 else 0.0):
            places = rng.integers(len(self._requests.facts), size=_CANDIDATES).tolist()
            return self._packer.described(places)
        with_picture = bool(rng.random() < min(_MOST_WITH_PICTURE, stage - 1))
        request = self._requests.draw(rng, with_picture=with_picture)
        written = _WRITTEN_SHARE if stage > 0.5 else 0.0
        return self._packer.judged(
            request,
            rng,
            candidates=_CANDIDATES,
            checks=_CHECKS,
            written=written,
            blank=_BLANK_SHARE if stage > 1 else 0.0,
        )

    def _loss(self, batch: Packed, rows: Tensor) -> tuple[Tensor, dict[str, float]]:
        states = self._states(batch, rows)
        checked = batch.answers[~batch.whole]
        wholes = self._followed(states[-1], batch.answers[batch.whole], alike=True)
        checks = self._followed(states[-1], checked, alike=True)
        written = self._followed(states[-1], batch.written)
        summed, ends = states[_SUMMED_AT], batch.answers[:, 0]
        read = states[_READ_AT][ends]
        shown, places = batch.shown.T
        shared = summed[batch.requests]
        parts = {
            "asks": self._named(self.reading.wanted(shared), batch.wanted),
            "sources": self._named(self.reading.source(shared), self._codes_of(batch.sources)),
            "shows": self._named(self.reading.facts(summed[shown]), self._codes[places]),
            "meant": self._named(self.reading.wanted(read), batch.asked),
            "seen": self._named(self.reading.facts(read), self._codes[batch.about]),
            "without": self._without(shared, batch.wanted) + self._without(read, batch.asked),
        }
        met = _met(self.reading.constraints(states[_COMPARED_AT][ends]), batch)
        loss = wholes.loss + checks.loss + _BLANK_WEIGHT * self._undecided(states[-1], batch.even)
        loss = loss + _WORDS_WEIGHT * written.loss + _MET_WEIGHT * met
        loss = loss + _FACTS_WEIGHT * torch.stack(list(parts.values())).sum()
        return loss, {
            "checks_right": checks.right.float().mean().item(),
            "wholes_right": wholes.right.float().mean().item(),
            "yes": (batch.answers[:, 1] == self._yes).float().mean().item(),
            "words_loss": written.loss.item(),
            **{name: one.item() for name, one in parts.items()},
            "met": met.item(),
        }

    def _without(self, states: Tensor, wanted: Tensor) -> Tensor:
        """The loss of reading which surface is not wanted, where one is named."""
        stated = wanted[:, -1] >= 0
        if not stated.any():
            return states.new_zeros(())
        return F.cross_entropy(self.reading.unwanted(states[stated]), wanted[stated, -1]) / 3

    def _codes_of(self, places: Tensor) -> Tensor:
        """What pictures show; nothing for those that are not there."""
        return torch.where(places[:, None] >= 0, self._codes[places].long(), FREE)

    def _undecided(self, states: Tensor, places: Tensor) -> Tensor:
        """The loss of answering yes as often as no."""
        if not len(places):
            return states.new_zeros(())
        said = self.model.decoder.lm_head(states[places]).log_softmax(dim=1)
        loss: Tensor = -said[:, [self._yes, self._no]].mean()
        return loss

    def _named(self, logits: Sequence[Tensor], codes: Tensor) -> Tensor:
        return named(logits, codes, _FIELD_WEIGHTS)[0]

    def _states(self, batch: Packed, rows: Tensor) -> list[Tensor]:
        """Behind each layer, [N * S, D]; the first are the rows of the ids, the last is normed."""
        decoder = self.model.decoder.model
        embeds = decoder.embed_tokens(batch.ids)
        flat = embeds.flatten(0, 1).index_copy(0, batch.picture_rows, rows.flatten(0, 1))
        out = decoder(
            inputs_embeds=flat.view_as(embeds),
            attention_mask=batch.mask,
            position_ids=batch.positions,
            use_cache=False,
            output_hidden_states=True,
        )
        return [one.flatten(0, 1) for one in (*out.hidden_states[:-1], out.last_hidden_state)]

    def _followed(self, states: Tensor, targets: Tensor, *, alike: bool = False) -> Followed:
        """How well the ids behind some tokens are foretold; `targets` [N, 2]: place, id.

        `alike`: the rarer of the ids count for as much as the others, all together.
        """
        if not len(targets):
            return Followed(states.new_zeros(()), torch.zeros(0, dtype=torch.bool))
        wanted = targets[:, 1]
        logits = self.model.decoder.lm_head(states[targets[:, 0]])
        losses = F.cross_entropy(logits, wanted, reduction="none")
        weights = 1 / (wanted[:, None] == wanted).sum(dim=1) if alike else torch.ones(len(wanted))
        loss = (losses * weights).sum() / weights.sum()
        return Followed(loss, logits.detach().argmax(dim=1) == wanted)


def _met(logits: Tensor, batch: Packed) -> Tensor:
    """The loss of saying which of the stated constraints are met."""
    stated = (batch.asked != FREE).float()
    losses = F.binary_cross_entropy_with_logits(logits, batch.met, reduction="none")
    return (losses * stated).sum() / stated.sum()


@dataclass(frozen=True)
class Followed:
    """Of some tokens: the loss of foretelling what follows, and whether the likeliest is right."""

    loss: Tensor
    right: Tensor


class Both(Answers):
    """The third stage: the picture path goes on learning, from the answers as well."""

    def changing(self) -> dict[str, nn.Module]:
        return {**super().changing(), "pictures": self.model.pictures, "naming": self.naming}

    def _prepare(self) -> None:
        self._projected = torch.zeros(0)

    def _rows(self, places: Tensor, rng: np.random.Generator) -> Tensor:
        pixels = pixels_of(squares(self._asked_about, places.clamp(min=0).tolist(), rng))
        pixels[places == BLANK] = _nothing()
        self._projected = cells(self.model, pixels)
        self.progress.pictures += len(places)
        return picture_tokens(self.model, self._projected)

    def _with_more(self, loss: Tensor, batch: Packed, shown: dict[str, float]) -> Tensor:
        named_loss, shares = _naming(self, self._projected, self._codes_of(batch.pictures))
        shown |= dict(zip(FIELDS, shares, strict=True))
        return loss + _NAMING_WEIGHT * named_loss


def _nothing() -> Tensor:
    """The picture of nothing, [1, 3, PIXELS, PIXELS]; the app's has very nearly this colour."""
    return torch.zeros(1, 3, PIXELS, PIXELS)


_STAGES: dict[str, type[Trainer]] = {"pictures": Pictures, "answers": Answers, "both": Both}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sample_model.judge_train", description=__doc__)
    parser.add_argument("stage", choices=tuple(_STAGES))
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--anew", action="store_true", help="answers: with a new decoder")
    parser.add_argument("--pictures-from", type=Path, help="a run whose picture path is taken")
    parser.add_argument("--words", type=int, default=Plan.words_answers)
    parser.add_argument("--kept", type=int, default=Plan.kept_pictures)
    parser.add_argument("--rate", type=float, default=Plan.matrix_rate)
    parser.add_argument("--decay", type=float, default=Plan.matrix_decay)
    parser.add_argument("--packs", type=int, default=Plan.packs)
    parser.add_argument("--pool", type=Path, default=POOL)
    parser.add_argument("--run", type=Path, default=RUN)
    options = parser.parse_args(arguments)
    if not options.minutes and not options.steps:
        parser.error("say --minutes N or --steps N")
    torch.set_num_threads(1)
    plan = Plan(
        options.pool,
        options.run,
        60 * options.minutes,
        options.steps,
        half_products=has_half_products(),
        anew=options.anew,
        pictures_from=options.pictures_from,
        words_answers=options.words,
        kept_pictures=options.kept,
        matrix_rate=options.rate,
        matrix_decay=options.decay,
        packs=options.packs,
    )
    trainer = _STAGES[options.stage](plan)
    for shown in train(trainer):
        if trainer.done % plan.log_steps == 0:
            log(trainer, shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
