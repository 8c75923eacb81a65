"""Pictures to vectors fit to be stored, whatever a model or its device makes of them.

A batch that is too large for the device is halved, a picture that a model can make nothing of
costs that picture only, and a model that refuses all of them is told as such.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.domain import DeviceOutOfMemory, Embedder, ModelProblem
from mmsearch_desktop.library.tables import as_stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL import Image

    from mmsearch_desktop.library.prepare import Prepared

    Vector = NDArray[np.float32]

_log = logging.getLogger("mmsearch.ingest")

_SHORTEST_VECTOR = 1e-3
_MOST_REFUSED = 8  # pictures, all of them the first ones: then it is the model that is at fault
_NO_VECTOR = "the model gave no usable vector for it; another model may"
_NO_MEMORY = "the device has too little memory for it; close other programs, then add it again"


@dataclass(frozen=True, slots=True)
class NoVector:
    """Why a content has none."""

    reason: str
    lasting: bool  # this model will never give one; False: another day it may


class PictureVectors:
    """Embeds for one run over many photos; what failed in it is in `failed`, by sha256."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.batch_size = max(1, embedder.batch_size)
        self.failed: dict[str, NoVector] = {}
        self._embedded = self._refused = 0  # pictures

    def embed(self, wanted: Sequence[Prepared]) -> dict[str, Vector]:
        """sha256 -> vector as stored. ModelProblem where the model refuses them all."""
        vectors: dict[str, Vector] = {}
        start = 0
        while start < len(wanted):
            part = wanted[start : start + self.batch_size]
            try:
                vectors |= self._embed_part(part)
            except DeviceOutOfMemory as error:
                if len(part) > 1:
                    self.batch_size = len(part) // 2
                    _log.warning("out of memory (%s): batches of %d now", error, self.batch_size)
                    continue
                self.failed[part[0].sha256] = NoVector(_NO_MEMORY, lasting=False)
            start += len(part)
        return vectors

    def _embed_part(self, part: Sequence[Prepared]) -> dict[str, Vector]:
        """A picture that the model can make nothing of spoils its batch: then each one alone."""
        try:
            rows = self.embedder.embed_pictures(_pictures(part))
        except DeviceOutOfMemory:
            raise
        except ModelProblem as problem:
            if len(part) == 1:
                self._refuse(part[0], problem)
                return {}
            vectors: dict[str, Vector] = {}
            for one in part:
                vectors |= self._embed_part([one])
            return vectors
        return self._usable(part, rows)

    def _refuse(self, one: Prepared, problem: ModelProblem) -> None:
        self._refused += 1
        if self._refused >= _MOST_REFUSED and not self._embedded:
            raise problem
        _log.warning("%s: %s", one.file.path, problem)
        self.failed[one.sha256] = NoVector(_NO_VECTOR, lasting=True)

    def _usable(self, part: Sequence[Prepared], rows: Vector) -> dict[str, Vector]:
        dimensions = self.embedder.space.dimensions
        if rows.shape != (len(part), dimensions):
            raise ModelProblem(
                f"{self.embedder.name} gave vectors of shape {rows.shape} for {len(part)} pictures"
                f" and {dimensions} dimensions. Choose another model."
            )
        usable: dict[str, Vector] = {}
        for one, row in zip(part, rows, strict=True):
            if np.isfinite(row).all() and np.linalg.norm(row) > _SHORTEST_VECTOR:
                usable[one.sha256] = as_stored(row[np.newaxis])[0]
            else:
                self.failed[one.sha256] = NoVector(_NO_VECTOR, lasting=True)
        self._embedded += len(usable)
        return usable


def _pictures(part: Sequence[Prepared]) -> list[Image.Image]:
    return [one.decoded.picture for one in part if one.decoded is not None]
