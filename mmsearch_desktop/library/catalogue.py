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

import time
from datetime import MAXYEAR, MINYEAR
from typing import TYPE_CHECKING, Any

from mmsearch_desktop.domain import Folder, Photo, Preparation, Problem, VectorSpace
from mmsearch_desktop.library.database import Database
from mmsearch_desktop.library.folder_table import FolderTable
from mmsearch_desktop.library.judgements import Judgements
from mmsearch_desktop.library.remembered import Remembered
from mmsearch_desktop.library.scope import (
    ALL,
    ContentsOf,
    Scope,
    days_condition,
    of_year,
    with_more,
    year_at,
    year_from,
)
from mmsearch_desktop.library.space_table import SpaceTable
from mmsearch_desktop.library.tables import (
    BETWEEN,
    DIRECTLY_IN,
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
    range_in,
    space_columns,
    usable_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
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
        self._database = Database(
            path, schema=SCHEMA, version=VERSION, small_tables=SMALL_TABLES, upgrades=UPGRADES
        )
        self._remembered = Remembered(lambda: self._database.writes)
        self.judgements = Judgements(self._database)
        self.space_table = SpaceTable(self._database)
        self.folder_table = FolderTable(self._database, self._remembered)

    def close(self) -> None:
        self._database.close()

    # -- reading ---------------------------------------------------------------------------

    def folders(self) -> list[Folder]:
        """By path. A folder whose drive is away is there, not connected, with its photos."""
        return self.folder_table.all()

    def away(self) -> list[int]:
        """The folders, and the drives below them, that are not there now; ascending."""
        return self.folder_table.away()

    def photo_count(self, scope: Scope = ALL) -> int:
        """How many photos `photos` would list in all."""
        where, parameters = self._present(scope)
        return int(self._one(f"SELECT count(*) FROM photos WHERE {where}", parameters))

    def years(self, folder: Path | None = None) -> list[tuple[int, int]]:
        """(year, how many photos) of each year that has any, below `folder`; newest first.

        At 100,000 photos 30 ms.
        """
        found = []
        year = self._next_year(MINYEAR)
        while year is not None:
            where, parameters = self._present(of_year(year, folder), by_time=True)
            photos = self._one(f"SELECT count(*) FROM photos WHERE {where}", parameters)
            if photos:
                found.append((year, photos))
            year = self._next_year(year + 1)
        return found[::-1]

    def photos(self, scope: Scope = ALL, *, offset: int = 0, limit: int = 1000) -> list[Photo]:
        """Those of the scope, newest first; those of drives that are away are left out."""
        where, parameters = self._present(scope)
        rows = self._database.read(
            f"SELECT {PHOTO} FROM (SELECT * FROM photos WHERE {where}"
            " ORDER BY shown_us DESC, id DESC LIMIT ? OFFSET ?) p"
            " JOIN contents c ON c.id = p.content_id ORDER BY p.shown_us DESC, p.id DESC",
            (*parameters, limit, offset),
        )
        return [photo_of(row) for row in rows]

    def photos_of(self, content_ids: Iterable[int]) -> dict[int, tuple[Photo, ...]]:
        """The photos of each content, by path; a content without any at hand is left out."""
        where, parameters = self._present(ALL)
        rows = self._database.read(
            f"SELECT {PHOTO} FROM (SELECT * FROM photos WHERE content_id IN {GIVEN}"
            f" AND {where}) p JOIN contents c ON c.id = p.content_id ORDER BY p.path",
            (numbers(content_ids), *parameters),
        )
        found: dict[int, tuple[Photo, ...]] = {}
        for photo in map(photo_of, rows):
            found[photo.content_id] = (*found.get(photo.content_id, ()), photo)
        return found

    def content_ids(self, scope: Scope = ALL) -> Sequence[int]:
        """The contents that have a photo at hand of the scope, ascending.

        At 100,000 photos 40 ms; asked again, none, also where only new photos were stored since.
        """
        asked = ContentsOf(scope, *self._present(scope))

        def find() -> Sequence[int]:
            read = f"SELECT content_id FROM photos WHERE {asked.where}"
            return sorted({id_ for (id_,) in self._database.read(read, asked.parameters)})

        return self._remembered.answer(asked, find)

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

    def waiting_count(self, space: VectorSpace, scope: Scope = ALL) -> int:
        """How many contents with a photo at hand of the scope have no vector in this space.

        At 100,000 photos 5 ms where there is none, else up to 40 ms; asked again, none.
        """
        where, parameters = self._present(scope)
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

    def known_files(self, root: Path, *, directly: bool = False) -> dict[bytes, KnownFile]:
        """Every path below `root`, or `directly` in it, that shows a photo."""
        where, parameters = _placed(root, directly=directly)
        rows = self._database.read(
            "SELECT path, p.id, content_id, folder_id, size_bytes, modified_ns, lower(hex(sha256))"
            f" FROM photos p JOIN contents c ON c.id = content_id WHERE {where}",
            parameters,
        )
        return {row[0]: KnownFile(*row[1:]) for row in rows}

    def known_problems(self, root: Path, *, directly: bool = False) -> dict[bytes, KnownProblem]:
        where, parameters = _placed(root, directly=directly)
        rows = self._database.read(
            f"SELECT path, reason, size_bytes, modified_ns, valid_for FROM problems WHERE {where}",
            parameters,
        )
        return {row[0]: KnownProblem(*row[1:]) for row in rows}

    def not_embedded(self, root: Path, space: VectorSpace, *, directly: bool = False) -> set[int]:
        """The contents with a photo below `root`, or in it, that have no vector in this space."""
        where, parameters = _placed(root, directly=directly)
        rows = self._database.read(
            f"SELECT DISTINCT content_id FROM photos WHERE {where} AND content_id NOT IN"
            " (SELECT content_id FROM embeddings WHERE space_id = ?)",
            (*parameters, self._space_id(space)),
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
        return self.folder_table.add(path)

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
            before = self._database.writes
        found = {photo.id: photo for photo in map(photo_of, rows)}
        photos = [found[id_] for id_ in ids]
        if not left and all(arrival.moved_photo is None for arrival in arrivals):
            self._remember_also(photos, arrivals, before)
        return photos

    def _remember_also(
        self, photos: Sequence[Photo], arrivals: Sequence[Arrival], before: int
    ) -> None:
        """Bring the contents of scopes up to date by photos that are new: no search waits then."""
        away = self.away()
        new = [
            photo
            for photo, arrival in zip(photos, arrivals, strict=True)
            if arrival.folder_id not in away
        ]

        def renew(asked: Hashable, known: Any) -> Sequence[int] | None:
            if not isinstance(asked, ContentsOf):
                return None
            if (asked.where, asked.parameters) != self._present(asked.scope, away=away):
                return None
            return with_more(known, (p.content_id for p in new if asked.scope.holds(p)))

        self._remembered.carry(before, renew)

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
                "DELETE FROM photos WHERE folder_id IN (SELECT id FROM folders"
                " WHERE id = ?1 OR part_of = ?1) RETURNING content_id",
                (folder_id,),
            ).fetchall()
            forget_unseen(connection, {id_ for (id_,) in rows})
            connection.execute("DELETE FROM folders WHERE part_of = ?", (folder_id,))
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

    def _one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        return self._database.read(sql, parameters)[0][0]

    def _space_id(self, space: VectorSpace) -> int:
        rows = self._database.read(
            "SELECT id FROM spaces WHERE model = ? AND revision = ? AND dimensions = ?"
            " AND preparation = ?",
            space_columns(space),
        )
        return rows[0][0] if rows else -1

    def _next_year(self, year: int) -> int | None:
        """The first one, from this one on, that may have photos."""
        if year > MAXYEAR:
            return None
        next_photo = "SELECT min(shown_us) FROM photos WHERE shown_us >= ?"
        shown_us = self._one(next_photo, (year_from(year),))
        return None if shown_us is None else max(year, year_at(shown_us))

    def _present(
        self, scope: Scope, *, by_time: bool = False, away: Sequence[int] | None = None
    ) -> tuple[str, tuple[Any, ...]]:
        """The condition for photos of the scope whose drive is there.

        "+" keeps SQLite from taking an index: the one on folders would give up the order of time,
        and where `by_time` the one on paths would look at every photo of the folder.
        """
        conditions: list[str] = []
        parameters: tuple[Any, ...] = ()
        if scope.folder is not None:
            conditions.append(BETWEEN.replace("path", "+path") if by_time else BETWEEN)
            parameters += range_below(scope.folder)
        if scope.has_days:
            condition, numbers_bound = days_condition(scope)
            conditions.append(condition)
            parameters += numbers_bound
        away = self.away() if away is None else away
        if away:
            conditions.append(f"+folder_id NOT IN {GIVEN}")
            parameters += (numbers(away),)
        return " AND ".join(conditions) or "TRUE", parameters


def _placed(root: Path, *, directly: bool) -> tuple[str, tuple[Any, ...]]:
    """The condition for paths below `root`, or directly in it."""
    return (DIRECTLY_IN, range_in(root)) if directly else (BETWEEN, range_below(root))
