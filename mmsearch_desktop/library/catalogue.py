"""The source of truth in SQLite: folders, photos, contents, embeddings and problems.

A content is a sequence of bytes (its sha256); a photo is one path that shows it. Vectors are kept
as float16 per content and space, so that the vector index can be made again without a model.
A content whose last photo goes is kept for a while (`forgotten_ns`), so that moving files between
folders, in whatever order they are scanned, embeds nothing again. Ids are never used twice: the
vector index may still hold what had them.

Paths are stored as the system's bytes, so that names that are no text survive, and a folder's
photos are one range of them.
"""

# ruff: noqa: S608 - what is put into a statement are constants of tables.py; values are bound

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from mmsearch_desktop.domain import Folder, Photo, Preparation, Problem, VectorSpace
from mmsearch_desktop.library.database import Database
from mmsearch_desktop.library.judgements import Judgements
from mmsearch_desktop.library.remembered import Remembered
from mmsearch_desktop.library.roots import Roots
from mmsearch_desktop.library.space_table import SpaceTable
from mmsearch_desktop.library.tables import (
    BETWEEN,
    GIVEN,
    PHOTO,
    SCHEMA,
    SMALL_TABLES,
    UPGRADES,
    VERSION,
    Arrival,
    Forgotten,
    KnownFile,
    KnownProblem,
    NewContent,
    NewProblem,
    add_space,
    drop_forgotten,
    forget_unseen,
    numbers,
    path_of,
    photo_of,
    put_arrival,
    put_content,
    put_problem,
    range_below,
    space_columns,
    usable_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_FORGOTTEN = "(SELECT id FROM contents WHERE forgotten_ns IS NOT NULL)"


class Catalogue:
    """Any thread may call any method; each write is one transaction, on disk when it returns."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. LibraryProblem, LibraryDamaged, NoSpace."""
        self.path = path
        self.changes = 0  # writes of photos since it was opened: what a backup would keep
        self._roots = Roots()
        self._database = Database(
            path, schema=SCHEMA, version=VERSION, small_tables=SMALL_TABLES, upgrades=UPGRADES
        )
        self._remembered = Remembered(lambda: self._database.writes)
        self.judgements = Judgements(self._database)
        self.space_table = SpaceTable(self._database)

    def close(self) -> None:
        self._database.close()

    # -- reading ---------------------------------------------------------------------------

    def folders(self) -> list[Folder]:
        """By path. A folder whose drive is away is there, not connected, with its photos."""
        counted = (
            "SELECT f.id, f.path, f.mounted,"
            " (SELECT count(*) FROM photos WHERE folder_id = f.id) FROM folders f ORDER BY f.path"
        )
        rows = self._remembered.answer(counted, lambda: self._database.read(counted))
        return [
            Folder(id_, path_of(path), self._is_there(path, mounted), photos)
            for id_, path, mounted, photos in rows
        ]

    def away(self) -> list[int]:
        """The folders whose drives are not there now, ascending."""
        rows = self._database.read("SELECT id, path, mounted FROM folders ORDER BY id")
        return [id_ for id_, path, mounted in rows if not self._is_there(path, mounted)]

    def moved_to(self, folder_id: int) -> Path | None:
        """For a folder that is away: the one at hand that shows all it showed, if there is one.

        It was moved or renamed as a whole, then, and the new place was added.
        """
        rows = self._database.read(
            "SELECT f.path, f.mounted FROM photos p JOIN folders f ON f.id = p.folder_id"
            " WHERE p.folder_id != ?1 AND p.content_id IN"
            " (SELECT content_id FROM photos WHERE folder_id = ?1)"
            " GROUP BY f.id HAVING count(DISTINCT p.content_id) ="
            " (SELECT count(DISTINCT content_id) FROM photos WHERE folder_id = ?1)",
            (folder_id,),
        )
        there = (path_of(path) for path, mounted in rows if self._is_there(path, mounted))
        return next(there, None)

    def photo_count(self, folder: Path | None = None) -> int:
        """How many photos `photos` would list in all."""
        where, parameters = self._present(folder)
        return int(self._one(f"SELECT count(*) FROM photos WHERE {where}", parameters))

    def photos(
        self, *, folder: Path | None = None, offset: int = 0, limit: int = 1000
    ) -> list[Photo]:
        """Photos below `folder`, newest first; those of drives that are away are left out."""
        where, parameters = self._present(folder)
        rows = self._database.read(
            f"SELECT {PHOTO} FROM (SELECT * FROM photos WHERE {where}"
            " ORDER BY shown_us DESC, id DESC LIMIT ? OFFSET ?) p"
            " JOIN contents c ON c.id = p.content_id ORDER BY p.shown_us DESC, p.id DESC",
            (*parameters, limit, offset),
        )
        return [photo_of(row) for row in rows]

    def photos_of(self, content_ids: Iterable[int]) -> dict[int, tuple[Photo, ...]]:
        """The photos of each content, by path; a content without any at hand is left out."""
        where, parameters = self._present(None)
        rows = self._database.read(
            f"SELECT {PHOTO} FROM (SELECT * FROM photos WHERE content_id IN {GIVEN}"
            f" AND {where}) p JOIN contents c ON c.id = p.content_id ORDER BY p.path",
            (numbers(content_ids), *parameters),
        )
        found: dict[int, tuple[Photo, ...]] = {}
        for photo in map(photo_of, rows):
            found[photo.content_id] = (*found.get(photo.content_id, ()), photo)
        return found

    def content_ids(self, folder: Path | None = None) -> Sequence[int]:
        """The contents that have a photo at hand, below `folder`; ascending.

        At 100,000 photos 40 ms; asked again before anything is written, none.
        """
        where, parameters = self._present(folder)

        def find() -> Sequence[int]:
            rows = self._database.read(f"SELECT content_id FROM photos WHERE {where}", parameters)
            return sorted({id_ for (id_,) in rows})

        return self._remembered.answer(("content_ids", where, parameters), find)

    def out_of_reach(self) -> set[str]:
        """The sha256s of all that is shown by photos on drives that are away, and nowhere else."""
        away = numbers(self.away())
        rows = self._database.read(
            "SELECT lower(hex(sha256)) FROM contents WHERE id IN"
            f" (SELECT content_id FROM photos WHERE folder_id IN {GIVEN}) AND id NOT IN"
            f" (SELECT content_id FROM photos WHERE folder_id NOT IN {GIVEN})",
            (away, away),
        )
        return {sha256 for (sha256,) in rows}

    def content_id_of(self, sha256: str) -> int | None:
        """Known contents only count while they have a photo."""
        rows = self._database.read(
            "SELECT id FROM contents WHERE sha256 = ? AND forgotten_ns IS NULL",
            (bytes.fromhex(sha256),),
        )
        return rows[0][0] if rows else None

    def is_embedded(self, sha256: str, space: VectorSpace) -> bool:
        """Whether the content has a vector in this space; one without photos counts too."""
        rows = self._database.read(
            "SELECT 1 FROM contents c JOIN embeddings e ON e.content_id = c.id"
            " WHERE c.sha256 = ? AND e.space_id = ?",
            (bytes.fromhex(sha256), self._space_id(space)),
        )
        return bool(rows)

    def embeddings(self, content_ids: Iterable[int], space: VectorSpace) -> dict[int, Vectors]:
        """Unit vectors float32 [D] of those that have a usable one in this space."""
        rows = self._database.read(
            "SELECT content_id, vector FROM embeddings"
            f" WHERE space_id = ? AND content_id IN {GIVEN}",
            (self._space_id(space), numbers(content_ids)),
        )
        return usable_vectors(rows, space.dimensions)

    def embedded_ids(self, space: VectorSpace) -> list[int]:
        """What the vector index must hold: embedded contents with a photo, ascending."""
        rows = self._database.read(
            f"SELECT content_id FROM embeddings WHERE space_id = ? AND content_id NOT IN"
            f" {_FORGOTTEN} ORDER BY content_id",
            (self._space_id(space),),
        )
        return [id_ for (id_,) in rows]

    def forgotten_since(self, since_ns: int) -> list[int]:
        """The contents that have lost their last photo since then, ascending."""
        rows = self._database.read(
            "SELECT id FROM contents WHERE forgotten_ns >= ? ORDER BY id", (since_ns,)
        )
        return [id_ for (id_,) in rows]

    def embedded_count(self, space: VectorSpace) -> int:
        space_id = self._space_id(space)
        count = "SELECT count(*) FROM embeddings WHERE space_id = ?"
        forgotten = f"{count} AND content_id IN {_FORGOTTEN}"
        return int(self._one(count, (space_id,)) - self._one(forgotten, (space_id,)))

    def waiting_count(self, space: VectorSpace, folder: Path | None = None) -> int:
        """How many contents with a photo at hand, below `folder`, have no vector in this space.

        At 100,000 photos 5 ms where there is none, else up to 40 ms; asked again, none.
        """
        where, parameters = self._present(folder)
        return self._remembered.answer(
            ("waiting", space, where, parameters),
            lambda: self._count_waiting(space, where, parameters),
        )

    def _count_waiting(self, space: VectorSpace, where: str, parameters: tuple[Any, ...]) -> int:
        contents = self._one("SELECT count(*) FROM contents")
        forgotten = self._one(f"SELECT count(*) FROM {_FORGOTTEN}")
        missing = max(0, int(contents) - int(forgotten) - self.embedded_count(space))
        if not missing or not parameters:
            return missing
        return int(
            self._one(
                f"SELECT count(DISTINCT content_id) FROM photos WHERE {where} AND content_id"
                " NOT IN (SELECT content_id FROM embeddings WHERE space_id = ?)",
                (*parameters, self._space_id(space)),
            )
        )

    def problems(self) -> list[Problem]:
        """Every file that could not be indexed when it was last looked at, by path."""
        rows = self._database.read("SELECT path, reason FROM problems ORDER BY path")
        return [Problem(path_of(path), reason) for path, reason in rows]

    def spaces(self) -> list[VectorSpace]:
        """The spaces that have vectors here, of those whose preparation this program knows."""
        rows = self._database.read("SELECT model, revision, dimensions, preparation FROM spaces")
        known = set(Preparation)
        return [VectorSpace(m, r, d, Preparation(p)) for m, r, d, p in rows if p in known]

    # -- what a scan needs to know ---------------------------------------------------------

    def known_files(self, root: Path) -> dict[bytes, KnownFile]:
        """Every path below `root` that shows a photo."""
        rows = self._database.read(
            "SELECT path, p.id, content_id, folder_id, size_bytes, modified_ns, lower(hex(sha256))"
            f" FROM photos p JOIN contents c ON c.id = content_id WHERE {BETWEEN}",
            range_below(root),
        )
        return {row[0]: KnownFile(*row[1:]) for row in rows}

    def known_problems(self, root: Path) -> dict[bytes, KnownProblem]:
        rows = self._database.read(
            "SELECT path, reason, size_bytes, modified_ns, valid_for FROM problems"
            f" WHERE {BETWEEN}",
            range_below(root),
        )
        return {row[0]: KnownProblem(*row[1:]) for row in rows}

    def not_embedded(self, root: Path, space: VectorSpace) -> set[int]:
        """The contents with a photo below `root` that have no vector in this space."""
        rows = self._database.read(
            f"SELECT DISTINCT content_id FROM photos WHERE {BETWEEN} AND content_id NOT IN"
            " (SELECT content_id FROM embeddings WHERE space_id = ?)",
            (*range_below(root), self._space_id(space)),
        )
        return {id_ for (id_,) in rows}

    def paths_of(self, sha256: str) -> dict[int, Path]:
        """Photo id to path, of every photo of this content, at hand or not."""
        rows = self._database.read(
            "SELECT p.id, p.path FROM photos p JOIN contents c ON c.id = p.content_id"
            " WHERE c.sha256 = ?",
            (bytes.fromhex(sha256),),
        )
        return {id_: path_of(path) for id_, path in rows}

    # -- writing ---------------------------------------------------------------------------

    def add_folder(self, path: Path) -> int:
        """Its id, new or not."""
        mounted = path.is_mount()
        with self._database.write() as connection:
            return int(
                connection.execute(
                    "INSERT INTO folders (path, mounted) VALUES (?, ?) ON CONFLICT (path)"
                    " DO UPDATE SET mounted = excluded.mounted RETURNING id",
                    (os.fsencode(path), mounted),
                ).fetchone()[0]
            )

    def absorb(self, folder_ids: Sequence[int], into: int) -> None:
        """Give these folders' photos to the folder around them, and drop them from the list."""
        with self._database.write() as connection:
            given = numbers(folder_ids)
            connection.execute(
                f"UPDATE photos SET folder_id = ? WHERE folder_id IN {GIVEN}", (into, given)
            )
            connection.execute(f"DELETE FROM folders WHERE id IN {GIVEN}", (given,))

    def store(
        self,
        space: VectorSpace,
        *,
        contents: Sequence[NewContent] = (),
        arrivals: Sequence[Arrival] = (),
        problems: Sequence[NewProblem] = (),
    ) -> list[Photo]:
        """One batch: all of it or nothing. The photos come back in the order of the arrivals.

        A path is either a photo or a problem: storing one takes the other away.
        Vectors must be finite and as wide as the space; that is the caller's to check.
        """
        self.changes += 1
        with self._database.write() as connection:
            space_id = add_space(connection, space)
            for content in contents:
                put_content(connection, content, space_id)
            left: set[int] = set()
            ids = [put_arrival(connection, arrival, left) for arrival in arrivals]
            for problem in problems:
                put_problem(connection, problem, left)
            forget_unseen(connection, left)
            rows = connection.execute(
                f"SELECT {PHOTO} FROM photos p JOIN contents c ON c.id = p.content_id"
                f" WHERE p.id IN {GIVEN}",
                (numbers(ids),),
            ).fetchall()
        found = {photo.id: photo for photo in map(photo_of, rows)}
        return [found[id_] for id_ in ids]

    def drop_embeddings(self, content_ids: Iterable[int], space: VectorSpace) -> None:
        """Vectors that are none any more: the next scan makes them again from the photos."""
        with self._database.write() as connection:
            connection.execute(
                f"DELETE FROM embeddings WHERE space_id = ? AND content_id IN {GIVEN}",
                (self._space_id(space), numbers(content_ids)),
            )

    def remove_photos(self, photo_ids: Iterable[int], problem_paths: Iterable[bytes] = ()) -> None:
        """Their files are gone; so are the files of these problems."""
        self.changes += 1
        with self._database.write() as connection:
            given = numbers(photo_ids)
            left = connection.execute(
                f"DELETE FROM photos WHERE id IN {GIVEN} RETURNING content_id", (given,)
            ).fetchall()
            forget_unseen(connection, {id_ for (id_,) in left})
            connection.executemany(
                "DELETE FROM problems WHERE path = ?", [(path,) for path in problem_paths]
            )

    def remove_folder(self, folder_id: int) -> list[Forgotten]:
        """Drop a folder, its photos, and at once every content that no photo shows any more.

        `ingest.forget_folder` does this and takes them out of the index and the thumbnails too.
        """
        self.changes += 1
        with self._database.write() as connection:
            rows = connection.execute(
                "DELETE FROM photos WHERE folder_id = ? RETURNING content_id", (folder_id,)
            ).fetchall()
            forget_unseen(connection, {id_ for (id_,) in rows})
            gone = connection.execute(
                "DELETE FROM folders WHERE id = ? RETURNING path", (folder_id,)
            ).fetchall()
            for (path,) in gone:
                connection.execute(
                    f"DELETE FROM problems WHERE {BETWEEN}", range_below(path_of(path))
                )
            return drop_forgotten(connection, before_ns=time.time_ns() + 1)

    def drop_forgotten(self, older_than: timedelta) -> list[Forgotten]:
        """Contents whose last photo went longer ago than this leave for good."""
        before = time.time_ns() - int(older_than.total_seconds()) * 10**9
        with self._database.write() as connection:
            return drop_forgotten(connection, before_ns=before)

    # -- inside ----------------------------------------------------------------------------

    def _is_there(self, path: bytes, mounted: int) -> bool:
        return self._roots.is_connected(path_of(path), mounted=bool(mounted))

    def _one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        return self._database.read(sql, parameters)[0][0]

    def _space_id(self, space: VectorSpace) -> int:
        rows = self._database.read(
            "SELECT id FROM spaces WHERE model = ? AND revision = ? AND dimensions = ?"
            " AND preparation = ?",
            space_columns(space),
        )
        return rows[0][0] if rows else -1

    def _present(self, folder: Path | None) -> tuple[str, tuple[Any, ...]]:
        """The condition for photos below `folder` whose drive is there."""
        conditions: list[str] = []
        parameters: tuple[Any, ...] = ()
        if folder is not None:
            conditions.append(BETWEEN)
            parameters += range_below(folder)
        away = self.away()
        if away:
            # "+" keeps SQLite from giving up the order of time for the index on folders
            conditions.append(f"+folder_id NOT IN {GIVEN}")
            parameters += (numbers(away),)
        return " AND ".join(conditions) or "TRUE", parameters
