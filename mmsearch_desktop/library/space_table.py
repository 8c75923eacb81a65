"""The vectors of whole spaces, as the catalogue keeps them: counted, added to, dropped."""

# ruff: noqa: S608 - what is put into a statement are constants of tables.py; values are bound

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsearch_desktop.library.tables import GIVEN, add_space, numbers, space_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mmsearch_desktop.domain import VectorSpace
    from mmsearch_desktop.library.database import Database

    Vector = NDArray[np.float32]

_ROW_BYTES = 40  # what a stored vector costs beside itself
_CHOSEN = "model = ? AND revision = ? AND dimensions = ? AND preparation = ?"


class SpaceTable:
    """The vectors of whole spaces in the catalogue. Any thread may call any method."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sizes(self) -> dict[tuple[str, str, int, str], tuple[int, int]]:
        """Columns of each space that has vectors -> how many, and their bytes."""
        rows = self._database.read(
            "SELECT model, revision, dimensions, preparation, n FROM spaces JOIN (SELECT"
            " space_id, count(*) AS n FROM embeddings GROUP BY space_id) ON space_id = id"
            " ORDER BY id"
        )
        return {(m, r, d, p): (n, n * (2 * d + _ROW_BYTES)) for m, r, d, p, n in rows}

    def add(self, space: VectorSpace, vectors: Mapping[str, Vector]) -> dict[int, Vector]:
        """Keep vectors by sha256. Content id -> vector of those whose content has a photo."""
        kept: dict[int, Vector] = {}
        with self._database.write() as connection:
            space_id = add_space(connection, space)
            for sha256, vector in vectors.items():
                for (content_id,) in connection.execute(
                    "INSERT OR REPLACE INTO embeddings (space_id, content_id, vector)"
                    " SELECT ?, id, ? FROM contents WHERE sha256 = ? AND forgotten_ns IS NULL"
                    " RETURNING content_id",
                    (space_id, vector.astype("<f2").tobytes(), bytes.fromhex(sha256)),
                ).fetchall():
                    kept[content_id] = vector
        return kept

    def remove(self, space: VectorSpace) -> None:
        """Drop every vector of the space, and give their room on the disk back."""
        with self._database.write() as connection:
            row = connection.execute(
                f"SELECT id FROM spaces WHERE {_CHOSEN}", space_columns(space)
            ).fetchone()
            if row is None:
                return
            connection.execute("DELETE FROM embeddings WHERE space_id = ?", row)
            connection.execute("DELETE FROM spaces WHERE id = ?", row)
        self._database.shrink()

    def without(self, content_ids: Sequence[int], space: VectorSpace) -> list[int]:
        """Those of these contents that have no vector in the space, in their order."""
        rows = self._database.read(
            f"SELECT content_id FROM embeddings WHERE content_id IN {GIVEN}"
            f" AND space_id = (SELECT id FROM spaces WHERE {_CHOSEN})",
            (numbers(content_ids), *space_columns(space)),
        )
        there = {id_ for (id_,) in rows}
        return [id_ for id_ in content_ids if id_ not in there]
