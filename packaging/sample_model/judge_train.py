"""Trains the sample judge on the pool of the sample model; can be stopped and called again.

    python -m sample_model.judge_train pictures --minutes 20
    python -m sample_model.judge_train answers --minutes 30

First the picture path learns to name what it sees, then the decoder to answer about it. Every call
goes on from the last checkpoint with a schedule of its own, at whose end the learning rates are
nothing.
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

from sample_model.captions import FIELDS
from sample_model.judge_network import cells, named, picture_tokens, pixels_of, squares
from sample_model.judge_packs import Pack, Packed, Packer, packed
from sample_model.judge_questions import Requests
from sample_model.judge_trainer import RUN, Plan, Trainer, log, train
from sample_model.network import HalfProducts, has_half_products
from sample_model.pool import FOLDER as POOL
from sample_model.pool import Pool

_FIELD_WEIGHTS = {"object": 2.0, "surface": 1.5, "colour": 1.5}  # the others 0.5
_AT_ONCE = 250  # pictures that the tower reads in one go
_SUMMED_AT, _COMPARED_AT = 2, 3  # the layers behind which the heads read
_WORDS_WEIGHT, _FACTS_WEIGHT, _MET_WEIGHT = 0.4, 0.3, 1.0


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
        projected = cells(self.model, pixels)
        loss, shares = named(self.naming(projected), codes, _FIELD_WEIGHTS)
        by_words = self.naming.by_words(projected, self.model.decoder.model.embed_tokens.weight)
        for field, rows in by_words.items():
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
        seen = Pool(self.pool.parts[:count], self.pool.facts[: count * part])
        self._tokens = self._seen(seen)
        requests = Requests(seen)
        self._requests, self._number = requests, self._tokens.shape[1]
        self._packer = Packer(self.tokenizer, requests, self._number)
        self._yes = self.tokenizer.plain_ids("Yes")[-1]
        self.begin()

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
        return torch.cat(parts)

    def step(self) -> dict[str, float]:
        plan, progress = self.plan, self.progress
        rng = np.random.default_rng([plan.seed, 3, progress.answer_steps])
        batch = packed([self._pack(number, rng) for number in range(plan.packs)], self._number)
        with HalfProducts() if plan.half_products else nullcontext():
            loss, shown = self._loss(batch)
            self.moved(loss)
        progress.answer_steps += 1
        progress.answers += len(batch.answers)
        return shown

    def _pack(self, number: int, rng: np.random.Generator) -> Pack:
        """Mostly requests; at first of words alone, with more questions about single things."""
        if number == 0 and rng.random() < 0.5:
            places = rng.integers(len(self._requests.facts), size=8).tolist()
            return self._packer.described(places)
        later = max(0.0, self.progress.answer_steps / self.plan.words_steps - 1)
        with_picture = bool(rng.random() < min(0.6, later))
        request = self._requests.draw(rng, with_picture=with_picture)
        return self._packer.judged(request, rng, candidates=4, checks=2 if with_picture else 4)

    def _loss(self, batch: Packed) -> tuple[Tensor, dict[str, float]]:
        states = self._states(batch)
        answers = self._followed(states[-1], batch.answers, alike=True)
        written = self._followed(states[-1], batch.written)
        summed = states[_SUMMED_AT]
        ends = batch.answers[:, 0]
        meant = self._named(self.reading.wanted(summed[ends]), batch.asked)
        seen = self._named(self.reading.facts(summed[ends]), self.codes[batch.about])
        asks = self._named(self.reading.wanted(summed[batch.requests]), batch.wanted)
        shown, places = batch.shown.T
        shows = self._named(self.reading.facts(summed[shown]), self.codes[places])
        compared = self.reading.constraints(states[_COMPARED_AT][ends])
        met = F.binary_cross_entropy_with_logits(compared, batch.met)
        loss = answers.loss + _WORDS_WEIGHT * written.loss + _MET_WEIGHT * met
        loss = loss + _FACTS_WEIGHT * (asks + shows + meant + seen)
        return loss, {
            "loss": loss.item(),
            "checks_right": answers.right[~batch.whole].float().mean().item(),
            "wholes_right": answers.right[batch.whole].float().mean().item(),
            "yes": (batch.answers[:, 1] == self._yes).float().mean().item(),
            "meant": meant.item(),
            "seen": seen.item(),
            "words_loss": written.loss.item(),
            "asks": asks.item(),
            "shows": shows.item(),
            "met": met.item(),
        }

    def _named(self, logits: Sequence[Tensor], codes: Tensor) -> Tensor:
        return named(logits, codes, _FIELD_WEIGHTS)[0]

    def _states(self, batch: Packed) -> list[Tensor]:
        """Behind each layer, [N * S, D]; the first are the rows of the ids, the last is normed."""
        decoder = self.model.decoder.model
        embeds = decoder.embed_tokens(batch.ids)
        rows = self._tokens[batch.pictures].float().flatten(0, 1)
        flat = embeds.flatten(0, 1).index_copy(0, batch.picture_rows, rows)
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


@dataclass(frozen=True)
class Followed:
    """Of some tokens: the loss of foretelling what follows, and whether the likeliest is right."""

    loss: Tensor
    right: Tensor


_STAGES: dict[str, type[Trainer]] = {"pictures": Pictures, "answers": Answers}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sample_model.judge_train", description=__doc__)
    parser.add_argument("stage", choices=tuple(_STAGES))
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--steps", type=int, default=0)
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
    )
    trainer = _STAGES[options.stage](plan)
    for shown in train(trainer):
        if trainer.done % plan.log_steps == 0:
            log(trainer, shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
