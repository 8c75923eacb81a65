"""A vector index in memory: exact, quick to open, and strict about what its caller may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.domain import Progress, Stage, VectorSpace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mmsearch_desktop.library.catalogue import Catalogue


class MemoryIndex:
    """Implements `VectorIndex`; `ids` shows what is in it, `inserted` how many rows ever were."""

    def __init__(self, space: VectorSpace) -> None:
        self.space = space
        self.checked = False
        self.inserted = 0
        self._rows: dict[int, NDArray[np.float32]] = {}

    @property
    def ids(self) -> set[int]:
        return set(self._rows)

    def search(
        self, vector: NDArray[np.float32], limit: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        wanted = self._rows.keys() if among is None else set(among) & self._rows.keys()
        hits = [(id_, float(self._rows[id_] @ vector)) for id_ in wanted]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))[: max(limit, 0)]

    def insert(self, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        assert vectors.shape == (len(ids), self.space.dimensions)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
        for id_, vector in zip(ids, vectors, strict=True):
            if id_ not in self._rows:
                self._rows[id_] = vector
                self.inserted += 1

    def remove(self, ids: Sequence[int]) -> None:
        for id_ in ids:
            self._rows.pop(id_, None)

    def missing(self, ids: Sequence[int]) -> list[int]:
        return [id_ for id_ in ids if id_ not in self._rows]

    def count(self) -> int:
        return len(self._rows)

    def reconcile(self, catalogue: Catalogue, *, thorough: bool = True) -> Iterator[Progress]:
        wanted = catalogue.embedded_ids(self.space)
        if not thorough:
            assert sorted(self._rows) == wanted, "left unequal to the catalogue after a scan"
        missing = self.missing(wanted)
        self.remove(sorted(self.ids - set(wanted)))
        for id_, vector in catalogue.embeddings(missing, self.space).items():
            self._rows[id_] = vector
        if missing:
            yield Progress(Stage.REBUILDING, len(missing), len(missing))
        self.checked = True

    def close(self) -> None:
        self._rows.clear()
