"""What both stages of the sample judge's training share: the plan, the checkpoint, the steps."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmsearch_desktop.models.phi3_prompt import Phi3Tokenizer
from sample_model.captions import codes_of_facts
from sample_model.judge_network import CONFIG, Naming, Reading, new_judge, word_bags
from sample_model.judge_words import VOCABULARY, write_tokenizer
from sample_model.muon import Muon
from sample_model.pool import FOLDER as POOL
from sample_model.pool import open_pool

RUN = POOL.parents[1] / "sample_judge"
CHECKPOINT = "checkpoint.pt"
_CURVE = "curve.jsonl"
_KEPT = ("pictures.", "decoder.model.embed_tokens.")  # where a decoder begins anew


@dataclass(frozen=True)
class Plan:
    """How to train in one call, which ends after so many seconds or steps."""

    pool: Path
    run: Path
    seconds: float = 0.0
    steps: int = 0
    seed: int = 1
    pictures: int = 96  # of each step of the first stage
    anew: bool = False  # the second stage begins with a new decoder, but for its table
    pictures_from: Path | None = None  # another run, whose picture path is taken over
    packs: int = 12  # of each step of the second stage
    words_answers: int = 250_000  # of the second stage, before any request has a picture
    kept_pictures: int = 40_000  # that the second stage asks about, at most
    matrix_rate: float = 0.02
    matrix_decay: float = 0.01
    other_rate: float = 2e-3
    warm_up_steps: int = 60
    falls_from: float = 0.4  # share of the call from which the rates fall
    save_seconds: float = 120.0
    log_steps: int = 20
    half_products: bool = False


@dataclass
class Progress:
    """How far all training is; saved with the weights."""

    picture_steps: int = 0
    answer_steps: int = 0
    pictures: int = 0  # seen by the tower
    answers: int = 0  # asked of the decoder
    core_seconds: float = 0.0


class Trainer(ABC):
    """The model with its heads, one stage's optimisers, and the run's checkpoint."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tokenizer = Phi3Tokenizer(write_tokenizer(plan.run), VOCABULARY)
        self.model = new_judge(CONFIG, plan.seed)
        self.naming = Naming(CONFIG["hidden_size"], word_bags(self.tokenizer.plain_ids))
        self.pool = open_pool(plan.pool)
        self.codes = torch.from_numpy(codes_of_facts(self.pool.facts))
        self.reading = Reading(CONFIG["hidden_size"])
        self.progress = Progress()
        self.done = 0  # steps of this call
        self._parts = nn.ModuleList([self.model, self.naming, self.reading])
        self._of_other_stages: dict[str, Any] = {}
        self._begun = time.time()
        self.optimisers = self._optimisers()
        if (plan.run / CHECKPOINT).is_file():
            self._resume()
        if plan.pictures_from is not None:
            self._see_as(plan.pictures_from)

    def trained(self) -> dict[str, Tensor]:
        """What this stage changes, by name."""
        return {
            f"{part}.{name}": parameter
            for part, module in self.changing().items()
            for name, parameter in module.named_parameters()
        }

    @abstractmethod
    def changing(self) -> dict[str, nn.Module]:
        """The parts of the model, and the heads, that this stage changes."""

    @abstractmethod
    def step(self) -> dict[str, float]:
        """One step; returns what the log shows."""

    def begin(self) -> None:
        """The time of the call counts from here."""
        self._begun = time.time()

    def share(self) -> float:
        """Of this call, 0 to 1."""
        if self.plan.steps:
            return min(1.0, self.done / self.plan.steps)
        return min(1.0, (time.time() - self._begun) / self.plan.seconds)

    def save(self) -> None:
        """Whole or not at all."""
        saved = {
            "model": self.model.state_dict(),
            "naming": self.naming.state_dict(),
            "reading": self.reading.state_dict(),
            "optimisers": {
                **self._of_other_stages,
                type(self).__name__: [one.state_dict() for one in self.optimisers],
            },
            "progress": asdict(self.progress),
            "torch": str(torch.__version__),
        }
        unfinished = self.plan.run / f"{CHECKPOINT}.unfinished"
        torch.save(saved, unfinished)
        unfinished.replace(self.plan.run / CHECKPOINT)

    def _resume(self) -> None:
        saved = torch.load(self.plan.run / CHECKPOINT, weights_only=True)
        self.naming.load_state_dict(saved["naming"])
        self.progress = Progress(**saved["progress"])
        if self.plan.anew:
            self._begin_anew(saved["model"])
            return
        self.model.load_state_dict(saved["model"])
        self.reading.load_state_dict(saved["reading"], strict=False)
        if self.plan.pictures_from is not None:
            return  # what the optimisers remember is of another picture path
        kept = saved["optimisers"].pop(type(self).__name__, [])
        self._of_other_stages = saved["optimisers"]
        for optimiser, state in zip(self.optimisers, kept, strict=False):
            optimiser.load_state_dict(state)

    def _begin_anew(self, saved: dict[str, Tensor]) -> None:
        """The picture path and the table of words are kept."""
        kept = {name: one for name, one in saved.items() if name.startswith(_KEPT)}
        self.model.load_state_dict(kept, strict=False)
        table = self.model.decoder.model.embed_tokens.weight
        with torch.no_grad():
            self.model.decoder.lm_head.weight.copy_(table)
        self.progress.answer_steps = self.progress.answers = 0

    def _see_as(self, run: Path) -> None:
        """Take over a picture path and its heads; its core-seconds are not added."""
        saved = torch.load(run / CHECKPOINT, weights_only=True)
        path = {name: one for name, one in saved["model"].items() if name.startswith("pictures.")}
        self.model.load_state_dict(path, strict=False)
        self.naming.load_state_dict(saved["naming"])
        other = Progress(**saved["progress"])
        self.progress.picture_steps, self.progress.pictures = other.picture_steps, other.pictures

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        inner: list[Tensor] = []
        other: list[Tensor] = []
        for name, parameter in self.trained().items():
            inside = ".layers." in name or "projection" in name
            (inner if inside and parameter.ndim == 2 else other).append(parameter)
        rest = torch.optim.AdamW(
            other, lr=self.plan.other_rate, betas=(0.9, 0.98), weight_decay=0.0
        )
        decay = self.plan.matrix_decay
        return [Muon(inner, lr=self.plan.matrix_rate, weight_decay=decay), rest]

    def moved(self, loss: Tensor) -> None:
        """Backwards through the loss, then one step of the optimisers."""
        torch.autograd.backward(loss)
        parameters = list(self.trained().values())
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        rates = (self.plan.matrix_rate, self.plan.other_rate)
        for optimiser, rate in zip(self.optimisers, rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * rate_share(self.plan, self.done, self.share())
            optimiser.step()
        self._parts.zero_grad(set_to_none=True)


def rate_share(plan: Plan, step: int, share: float) -> float:
    """Of the full learning rates: warming up, constant, falling to nothing."""
    warm = min(1.0, (step + 1) / plan.warm_up_steps)
    return warm * min(1.0, max(0.0, (1 - share) / (1 - plan.falls_from)))


def train(trainer: Trainer) -> Iterator[dict[str, float]]:
    """Trains to the end of the plan; yields every step."""
    trainer.plan.run.mkdir(parents=True, exist_ok=True)
    saved = time.time()
    while trainer.share() < 1.0:
        started = time.process_time()
        shown = trainer.step()
        trainer.done += 1
        trainer.progress.core_seconds += time.process_time() - started
        if time.time() - saved > trainer.plan.save_seconds:
            trainer.save()
            saved = time.time()
        yield shown
    trainer.save()


def log(trainer: Trainer, shown: dict[str, float]) -> None:
    line: dict[str, Any] = {**asdict(trainer.progress), **shown}
    rounded = {name: round(value, 4) for name, value in line.items()}
    with (trainer.plan.run / _CURVE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(rounded) + "\n")
    print(" ".join(f"{name}={value}" for name, value in rounded.items()), flush=True)
