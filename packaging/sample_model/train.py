"""Trains the sample model on the pool, and can be stopped and called again at any time.

    python -m sample_model.train --until 04:30 [--workers 2] [--run FOLDER]
    python -m sample_model.train --steps 8000

The learning rates fall to nothing by the given time (UTC) or step. Several workers each compute
their part of one batch; the vectors of all are candidates for each.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
import transformers
from torch import Tensor
from torch import distributed as dist

from sample_model.batches import Batch, Batches
from sample_model.captions import FIELDS
from sample_model.losses import Vectors, early_naming, finding, naming, vectors_of
from sample_model.muon import Muon
from sample_model.network import HalfProducts, Sizes, Training, has_half_products, new_model
from sample_model.pool import FOLDER as POOL
from sample_model.pool import open_pool
from sample_model.vocabulary import tokenizer

RUN = POOL.parent / "run"
CHECKPOINT = "checkpoint.pt"
CURVE = "curve.jsonl"


@dataclass(frozen=True)
class Plan:
    """How to train. Without `until` (seconds since 1970) it ends after `steps`."""

    pool: Path
    run: Path
    sizes: Sizes = field(default_factory=Sizes)
    seed: int = 1
    steps: int = 0
    until: float = 0.0
    questions: int = 32  # of each worker and step, with twice as many pictures
    workers: int = 1
    matrix_rate: float = 0.02
    other_rate: float = 2e-3
    warm_up_steps: int = 60
    falls_from: float = 0.4  # share of the training from which the rates fall
    words_from: float = 0.10  # before, the picture tower alone learns to name what it sees
    questions_from: float = 0.18  # before, only pictures and captions
    save_seconds: float = 120.0
    log_steps: int = 20
    half_products: bool = False


@dataclass
class Progress:
    """How far training is; saved with the weights."""

    step: int = 0
    share: float = 0.0  # of the whole training
    passes: int = 0  # pictures seen, all workers together
    core_seconds: float = 0.0


class Trainer:
    """One worker's model, optimisers and batches."""

    def __init__(self, plan: Plan, worker: int = 0) -> None:
        self.plan, self.worker = plan, worker
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = new_model(plan.sizes, plan.seed)
        self.training = Training(model, plan.sizes.width).to(self.device)
        inner, other = _split(self.training)
        self.optimisers: list[torch.optim.Optimizer] = [
            Muon(inner, lr=plan.matrix_rate),
            torch.optim.AdamW(other, lr=plan.other_rate, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self._rates = (plan.matrix_rate, plan.other_rate)
        self.average = {name: value.clone() for name, value in self._state().items()}
        self.progress = Progress()
        self._tokenizer = tokenizer()
        self.load_pool()
        if (plan.run / CHECKPOINT).is_file():
            self._resume()

    def load_pool(self) -> None:
        pool = open_pool(self.plan.pool)
        self._batches = Batches(pool, self._tokenizer, self.plan.sizes.picture_pixels)

    def _state(self) -> dict[str, Tensor]:
        return dict(self.training.model.state_dict())

    def _resume(self) -> None:
        saved = torch.load(self.plan.run / CHECKPOINT, weights_only=True)
        self.training.load_state_dict(saved["training"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.average = saved["average"]
        self.progress = Progress(**saved["progress"])

    def save(self) -> None:
        """Whole or not at all."""
        saved = {
            "training": self.training.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "average": self.average,
            "progress": asdict(self.progress),
            "sizes": asdict(self.plan.sizes),
            "record": record_of(self.plan),
        }
        unfinished = self.plan.run / f"{CHECKPOINT}.unfinished"
        torch.save(saved, unfinished)
        unfinished.replace(self.plan.run / CHECKPOINT)

    def step(self) -> dict[str, Any]:
        """One step of all workers together; returns what the log shows."""
        plan, share = self.plan, self.progress.share
        started = time.process_time()
        seed = (plan.seed, self.progress.step, self.worker)
        batch = _moved(self._batches.batch(plan.questions, seed), self.device)
        shown = self._backward(batch, share)
        _add_up_gradients(self.training)
        torch.nn.utils.clip_grad_norm_(self.training.parameters(), 1.0)
        for optimiser, rate in zip(self.optimisers, self._rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * rate_share(plan, self.progress.step, share)
            optimiser.step()
        self.training.zero_grad(set_to_none=True)
        self._follow()
        self.progress.step += 1
        self.progress.passes += 2 * plan.questions * plan.workers
        self.progress.core_seconds += (time.process_time() - started) * plan.workers
        return shown

    def _backward(self, batch: Batch, share: float) -> dict[str, Any]:
        with HalfProducts() if self.plan.half_products else nullcontext():
            if share < self.plan.words_from:
                return self._naming_alone(batch)
            return self._finding_and_naming(batch, share)

    def _naming_alone(self, batch: Batch) -> dict[str, Any]:
        loss, shares = early_naming(self.training, batch)
        torch.autograd.backward(loss / self.plan.workers)
        return {"naming": loss.item(), **dict(zip(FIELDS, shares, strict=True))}

    def _finding_and_naming(self, batch: Batch, share: float) -> dict[str, Any]:
        questions = share >= self.plan.questions_from
        vectors, image = vectors_of(self.training, batch, questions=questions)
        scores = finding(_gathered(vectors), self.training.log_scale, composed_weight=1.5)
        names, shares = naming(self.training, vectors, image)
        loss = scores.loss + naming_weight(share) * names / self.plan.workers
        torch.autograd.backward(loss)
        return {
            "loss": scores.loss.item(),
            "naming": names.item(),
            "words": scores.words_first,
            "composed": scores.questions_first,
            **dict(zip(FIELDS, shares, strict=True)),
        }

    @torch.no_grad()
    def _follow(self) -> None:
        """The running average of the weights, which is what is exported."""
        keep = min(0.999, (1 + self.progress.step) / (10 + self.progress.step))
        for name, value in self._state().items():
            self.average[name].lerp_(value, 1 - keep)


def naming_weight(share: float) -> float:
    """Strong at first, so that the pictures' facts are told apart early."""
    return 3.0 - 2.4 * min(max((share - 0.2) / 0.6, 0.0), 1.0)


def rate_share(plan: Plan, step: int, share: float) -> float:
    """Of the full learning rates: warming up, constant, falling to nothing."""
    warm = min(1.0, (step + 1) / plan.warm_up_steps)
    return warm * min(1.0, max(0.0, (1 - share) / (1 - plan.falls_from)))


def _split(training: Training) -> tuple[list[Tensor], list[Tensor]]:
    """The matrices inside the network, for Muon, and all else."""
    inner: list[Tensor] = []
    other: list[Tensor] = []
    for name, parameter in training.named_parameters():
        inside = ".blocks." in name or ".encoder." in name or "projection" in name
        (inner if inside and parameter.ndim == 2 else other).append(parameter)
    return inner, other


def _moved(batch: Batch, device: torch.device) -> Batch:
    if device.type == "cpu":
        return batch
    moved: dict[str, Any] = {}
    for column in fields(batch):
        value = getattr(batch, column.name)
        pair = isinstance(value, tuple)
        moved[column.name] = tuple(part.to(device) for part in value) if pair else value.to(device)
    return replace(batch, **moved)


# ------------------------------------------------------------------------------------ workers


def _gathered(own: Vectors) -> list[Vectors]:
    """The vectors of all workers; gradients flow into one's own alone.

    Every worker computes the whole loss, so the gradients of all, added up, are those of the
    whole batch.
    """
    if not dist.is_initialized():
        return [own]
    parts: list[Vectors] = [own] * dist.get_world_size()
    columns: dict[str, list[Any]] = {}
    for column in fields(own):
        value = getattr(own, column.name)
        columns[column.name] = _parts_of(value) if value is not None else [None] * len(parts)
    for place in range(len(parts)):
        if place != dist.get_rank():
            parts[place] = Vectors(**{name: values[place] for name, values in columns.items()})
    return parts


def _parts_of(value: Tensor) -> list[Tensor]:
    gathered = [torch.empty_like(value) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, value.detach().contiguous())
    return gathered


def _add_up_gradients(training: Training) -> None:
    if not dist.is_initialized():
        return
    parameters = list(training.parameters())
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    flat = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    dist.all_reduce(flat)
    for parameter, grad in zip(
        parameters, torch.split(flat, [p.numel() for p in parameters]), strict=True
    ):
        parameter.grad = grad.view_as(parameter)


def _agreed(values: Sequence[float]) -> list[float]:
    """The first worker's values, in all workers."""
    if not dist.is_initialized():
        return list(values)
    agreed = torch.tensor(values, dtype=torch.float64)
    dist.broadcast(agreed, src=0)
    return [float(value) for value in agreed]


def train(plan: Plan, worker: int = 0) -> Iterator[tuple[Progress, dict[str, Any]]]:
    """Trains to the end of the plan, from a checkpoint where there is one; yields every step."""
    plan.run.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(plan, worker)
    progress = trainer.progress
    first_share, began, saved = progress.share, time.time(), time.time()
    while True:
        share = _share_now(plan, progress, first_share, began)
        share, save = _agreed((share, time.time() - saved > plan.save_seconds))
        progress.share = min(share, 1.0)
        if progress.share >= 1.0 or save:
            saved = time.time()
            if worker == 0:
                trainer.save()
        if progress.share >= 1.0:
            return
        if progress.step % 200 == 199:
            trainer.load_pool()  # more of it may have been drawn
        yield progress, trainer.step()


def _share_now(plan: Plan, progress: Progress, first: float, began: float) -> float:
    if not plan.until:
        return progress.step / plan.steps
    return first + (1 - first) * (time.time() - began) / max(plan.until - began, 1.0)


def record_of(plan: Plan) -> dict[str, Any]:
    """What must be known to do it again."""
    return {
        "seed": plan.seed,
        "workers": plan.workers,
        "questions_a_step_and_worker": plan.questions,
        "until": plan.until,
        "steps": plan.steps,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "half_products": plan.half_products,
    }


def _work(worker: int, plan: Plan, meeting: str) -> None:
    torch.set_num_threads(1 if plan.workers > 1 else torch.get_num_threads())
    if plan.workers > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=worker, world_size=plan.workers
        )
    began = time.time()
    for progress, shown in train(plan, worker):
        if worker == 0 and progress.step % plan.log_steps == 0:
            _log(plan, progress, shown, time.time() - began)
    if dist.is_initialized():
        dist.destroy_process_group()


def _log(plan: Plan, progress: Progress, shown: dict[str, Any], seconds: float) -> None:
    line = {**asdict(progress), **shown}
    rounded = {name: round(value, 4) for name, value in line.items()}
    rounded["seconds"] = round(seconds)
    with (plan.run / CURVE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(rounded) + "\n")
    print(" ".join(f"{name}={value}" for name, value in rounded.items()), flush=True)


def _until(text: str) -> float:
    """The next time it is HH:MM, UTC."""
    now = datetime.now(UTC)
    hour, minute = map(int, text.split(":"))
    end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (end if end > now else end + timedelta(days=1)).timestamp()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sample_model.train", description=__doc__)
    parser.add_argument("--until", type=_until, default=0.0, help="HH:MM in UTC")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--questions", type=int, default=32, help="of each worker and step")
    parser.add_argument("--pool", type=Path, default=POOL)
    parser.add_argument("--run", type=Path, default=RUN)
    options = parser.parse_args(arguments)
    if not options.until and not options.steps:
        parser.error("say --until HH:MM or --steps N")
    plan = Plan(**vars(options), half_products=has_half_products())
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        context = multiprocessing.get_context("spawn")
        others = [
            context.Process(target=_work, args=(worker, plan, meeting), daemon=True)
            for worker in range(1, plan.workers)
        ]
        for other in others:
            other.start()
        _work(0, plan, meeting)
        for other in others:
            other.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
