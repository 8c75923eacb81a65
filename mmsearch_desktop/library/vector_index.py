"""The vector index as the rest of the program knows it: which contents lie nearest to a vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mmsearch_desktop.domain import Progress, VectorSpace
    from mmsearch_desktop.library.catalogue import Catalogue

    Vectors = NDArray[np.float32]


class VectorIndex(Protocol):
    """Contents of one vector space. Any thread may search; one at a time may write."""

    @property
    def space(self) -> VectorSpace: ...

    @property
    def checked(self) -> bool:
        """Whether `reconcile` has come to its end since the index was opened."""
        ...

    def search(
        self, vector: Vectors, limit: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """(content id, cosine) of the `limit` nearest, best first, ties by id.

        `vector` is float32 [D] of unit length. `among`: only these contents; an empty sequence
        finds nothing. ModelProblem if the vector is not finite.
        """
        ...

    def insert(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Add rows [B, D]; NoSpace, ServerGone, LibraryProblem.

        Ids that are there already stay as they are, or on a server get this vector: no two are
        ever given for one id, unless the first was damaged and removed.
        """
        ...

    def remove(self, ids: Sequence[int]) -> None:
        """Take these out; collect many, a call costs the same for one as for thousands."""
        ...

    def missing(self, ids: Sequence[int]) -> list[int]:
        """Those of `ids` that are not in the index, in their order."""
        ...

    def count(self) -> int: ...

    def reconcile(self, catalogue: Catalogue, *, thorough: bool = True) -> Iterator[Progress]:
        """Make the index equal to the catalogue; yields (Stage.REBUILDING) only while it writes.

        Run once after opening, and with `thorough=False` after writing. Searching is allowed
        meanwhile and may miss what is not back yet.
        """
        ...

    def close(self) -> None: ...
