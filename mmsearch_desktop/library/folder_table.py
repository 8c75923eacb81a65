"""The folders that were added, and the drives that begin below them, as the catalogue keeps them.

A drive below a folder (a stick, a share, a second disk mounted there, or reached by a link) has a
row of its own, which its photos belong to: so they are kept, and not shown, while it is away.
"""

# ruff: noqa: S608 - what is put into a statement are constants of tables.py; values are bound

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import Drive, Folder
from mmsearch_desktop.library.roots import Roots
from mmsearch_desktop.library.tables import GIVEN, numbers, path_of, range_below

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmsearch_desktop.library.database import Database
    from mmsearch_desktop.library.remembered import Remembered

_COUNTED = (
    "SELECT f.id, f.path, f.mounted, f.part_of,"
    " (SELECT count(*) FROM photos WHERE folder_id = f.id) FROM folders f ORDER BY f.path"
)
_WITH_DRIVES = "SELECT id FROM folders WHERE id = ?1 OR part_of = ?1"


class FolderTable:
    """The folders of the catalogue. Any thread may call any method."""

    def __init__(self, database: Database, remembered: Remembered) -> None:
        self._database, self._remembered = database, remembered
        self.roots = Roots()

    def all(self) -> list[Folder]:
        """Those that were added, by path. One whose drive is away is there, not connected."""
        rows = self._remembered.answer(_COUNTED, lambda: self._database.read(_COUNTED))
        drives: dict[int, tuple[Drive, ...]] = {}
        for id_, path, mounted, part_of, photos in rows:
            if part_of is not None:
                drive = Drive(id_, path_of(path), self._is_there(path, mounted), photos)
                drives[part_of] = (*drives.get(part_of, ()), drive)
        return [
            Folder(
                id_,
                path_of(path),
                self._is_there(path, mounted),
                photos + sum(drive.photos for drive in drives.get(id_, ())),
                drives=drives.get(id_, ()),
            )
            for id_, path, mounted, part_of, photos in rows
            if part_of is None
        ]

    def away(self) -> list[int]:
        """The folders, and the drives below them, that are not there now; ascending."""
        rows = self._database.read("SELECT id, path, mounted FROM folders ORDER BY id")
        return [id_ for id_, path, mounted in rows if not self._is_there(path, mounted)]

    def moved_to(self, folder_id: int) -> Path | None:
        """For a folder that is away: the one at hand that shows all it showed, if there is one.

        It was moved or renamed as a whole, then, and the new place was added.
        """
        rows = self._database.read(
            "SELECT o.path, o.mounted FROM photos p JOIN folders f ON f.id = p.folder_id"
            " JOIN folders o ON o.id = coalesce(f.part_of, f.id)"
            f" WHERE p.folder_id NOT IN ({_WITH_DRIVES}) AND p.content_id IN"
            f" (SELECT content_id FROM photos WHERE folder_id IN ({_WITH_DRIVES}))"
            " GROUP BY o.id HAVING count(DISTINCT p.content_id) ="
            f" (SELECT count(DISTINCT content_id) FROM photos WHERE folder_id IN ({_WITH_DRIVES}))",
            (folder_id,),
        )
        there = (path_of(path) for path, mounted in rows if self._is_there(path, mounted))
        return next(there, None)

    def add(self, path: Path) -> int:
        """Its id, new or not."""
        mounted = path.is_mount()
        with self._database.write() as connection:
            return int(
                connection.execute(
                    "INSERT INTO folders (path, mounted) VALUES (?, ?) ON CONFLICT (path)"
                    " DO UPDATE SET mounted = max(excluded.mounted, part_of IS NOT NULL)"
                    " RETURNING id",
                    (os.fsencode(path), mounted),
                ).fetchone()[0]
            )

    def add_drive(self, path: Path, folder_id: int) -> int:
        """Its id, new or not; it begins below this folder. What lies below it belongs to it now."""
        stored, (first, end) = os.fsencode(path), range_below(path)
        others = (
            "SELECT id FROM folders WHERE path != ?1 AND NOT (path >= ?2 AND path < ?3)"
            " AND coalesce(part_of, id) ="
            " (SELECT coalesce(part_of, id) FROM folders WHERE id = ?4)"
        )
        astray = f"path >= ?2 AND path < ?3 AND folder_id IN ({others})"
        given = (stored, first, end, folder_id)
        known = self._database.read("SELECT id FROM folders WHERE path = ?", (stored,))
        if known and not self._database.read(f"SELECT 1 FROM photos WHERE {astray} LIMIT 1", given):
            return int(known[0][0])
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO folders (path, mounted, part_of) SELECT ?, 1, coalesce(part_of, id)"
                " FROM folders WHERE id = ? ON CONFLICT (path) DO NOTHING",
                (stored, folder_id),
            )
            ((id_,),) = connection.execute("SELECT id FROM folders WHERE path = ?", (stored,))
            connection.execute(f"UPDATE photos SET folder_id = ?5 WHERE {astray}", (*given, id_))
        return int(id_)

    def absorb(self, folder_ids: Sequence[int], into: int) -> None:
        """Give these folders' photos to the folder around them, and drop them from the list.

        Those that are drives are kept, as drives below it.
        """
        with self._database.write() as connection:
            given = numbers(folder_ids)
            connection.execute(
                f"UPDATE folders SET part_of = ? WHERE part_of IN {GIVEN} OR"
                f" (mounted AND id IN {GIVEN})",
                (into, given, given),
            )
            gone = f"{GIVEN} AND NOT mounted"
            connection.execute(
                "UPDATE photos SET folder_id = ? WHERE folder_id IN"
                f" (SELECT id FROM folders WHERE id IN {gone})",
                (into, given),
            )
            connection.execute(f"DELETE FROM folders WHERE id IN {gone}", (given,))

    def _is_there(self, path: bytes, mounted: int) -> bool:
        return self.roots.is_connected(path_of(path), mounted=bool(mounted))
