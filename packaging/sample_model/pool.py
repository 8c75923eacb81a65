"""Draws the pictures to train on, in several processes, as part files that training maps.

    python -m sample_model.pool [--pictures 40000] [--workers 2]

Each part holds PART pictures, uint8 [PART, SIDE, SIDE, 3], and is written whole or not at all: an
interrupted drawing goes on where it was, and training can begin with the parts that are there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the small products of drawing gain by none

from typing import TYPE_CHECKING

import numpy as np

from sample_model import pictures
from sample_model.combinations import training_facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sample_model.facts import Facts

FOLDER = Path(__file__).resolve().parents[2] / "build" / "sample_model" / "pool"
SIDE = 128
PART = 500
SEED = 1


@dataclass(frozen=True)
class Pool:
    """Pictures and what they show, in the same order."""

    parts: Sequence[NDArray[np.uint8]]  # each [PART, SIDE, SIDE, 3], mapped from its file
    facts: Sequence[Facts]

    def picture(self, index: int) -> NDArray[np.uint8]:
        """uint8 [SIDE, SIDE, 3]."""
        part = len(self.parts[0])
        found: NDArray[np.uint8] = self.parts[index // part][index % part]
        return found


def open_pool(folder: Path, *, seed: int = SEED) -> Pool:
    """The parts that are there now, from the first without a gap. ValueError where none is."""
    parts: list[NDArray[np.uint8]] = []
    while _part_path(folder, len(parts)).is_file():
        parts.append(np.load(_part_path(folder, len(parts)), mmap_mode="r"))
    if not parts:
        raise ValueError(f"{folder}: holds no pictures. Draw them: python -m sample_model.pool")
    return Pool(parts, training_facts(sum(map(len, parts)), seed))


def draw_part(number: int, *, folder: Path, seed: int = SEED, size: int = PART) -> Path:
    """Draws one part unless it is there already; returns its path."""
    path = _part_path(folder, number)
    if path.is_file():
        return path
    first = number * size
    facts = training_facts(first + size, seed)[first:]
    seeds = range(first, first + size)
    part = np.stack(
        [
            np.asarray(pictures.draw(fact, seed * 10_000_000 + place, side=SIDE))
            for fact, place in zip(facts, seeds, strict=True)
        ]
    )
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.save(file, part)
    unfinished.replace(path)
    return path


def _part_path(folder: Path, number: int) -> Path:
    return folder / f"part-{number:04}.npy"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sample_model.pool", description="Draws the pool.")
    parser.add_argument("--pictures", type=int, default=40_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    parts = range(-(-options.pictures // PART))
    with multiprocessing.get_context("spawn").Pool(options.workers, maxtasksperchild=4) as workers:
        for path in workers.imap(partial(draw_part, folder=options.folder), parts):
            print(path, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
