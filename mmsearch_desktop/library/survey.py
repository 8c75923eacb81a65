"""Compares a folder with what the catalogue knows of it: unchanged, to be read, gone.

No file is opened: size and time of change decide. What lies below a sub-folder that could not be
read, or on a drive that is away, is not known to be gone. Folders of the library within this one
that the walk does not enter (hidden ones, added on purpose) are walked after it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import Drive, Folder, FolderProblem, Problem, VectorSpace
from mmsearch_desktop.library.roots import known_spelling
from mmsearch_desktop.library.scan import FoundDrive, FoundFile, scan_folder, scan_only
from mmsearch_desktop.library.tables import NewProblem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mmsearch_desktop.library.scan import Found
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.tables import KnownFile, KnownProblem

_SEPARATOR = os.fsencode(os.sep)
_MANY = 2000  # photos; from here on, listing all thumbnails is quicker than asking for each
_LATEST_NS = 2**62  # SQLite's integers hold twice that; file systems can go beyond


class Survey:
    """One look at one folder. `look` first; then the other attributes are complete."""

    def __init__(
        self,
        folder: Path,
        library: Library,
        space: VectorSpace,
        trusted: Collection[str],
        within: Collection[Path] | None = None,
    ) -> None:
        """`trusted`: the finders whose problems stand as long as the file does not change.

        `within`: of all that lies below, look only at what is directly in these folders.
        FolderProblem if the folder is not there, or is the place of the library itself.
        """
        self._catalogue = library.catalogue
        self._folders = self._catalogue.folders()
        at_hand = [known.path for known in self._folders if known.connected]
        self.root = known_spelling(Path(os.path.realpath(folder)), at_hand)
        self._thumbnails = library.thumbnails
        self._own = os.fsencode(library.folder) + _SEPARATOR
        if (os.fsencode(self.root) + _SEPARATOR).startswith(self._own):
            raise FolderProblem(f"{self.root} is where this program keeps its own files.")
        self._require_connected()
        if within is not None and not all(one.is_relative_to(self.root) for one in within):
            within = None  # it goes by another name here
        self._found = scan_folder(self.root) if within is None else scan_only(self.root, within)
        self._known: dict[bytes, KnownFile] = {}
        self._known_problems: dict[bytes, KnownProblem] = {}
        self._not_embedded: set[int] = set()
        for place in [self.root] if within is None else within:
            self._read_what_is_known(place, space, directly=within is not None)
        self._listed = self._thumbnails.all() if len(self._known) >= _MANY else None
        self._trusted = trusted
        self._unseen = dict(self._known)
        self._unseen_problems = set(self._known_problems)
        self._unknown: list[bytes] = []  # nothing is known of what lies below these
        self._unreached = self._folders_below() if within is None else {}
        drives = [drive for holder in self._folders for drive in holder.drives]
        self._drives = {os.fsencode(drive.path) + _SEPARATOR: drive for drive in drives}
        self._away = {drive.id for drive in drives if not drive.connected}
        self.folder_id = self._owner()
        self.reached_folders: list[int] = []  # folders of the library that lie within this one
        self.files = 0  # photos by their suffix, readable or not
        self.unchanged = 0
        self.work: list[FoundFile] = []
        self.new_problems: list[NewProblem] = []
        self.gone: dict[bytes, KnownFile] = {}
        self.gone_problems: list[bytes] = []

    def look(self) -> Iterator[FoundFile | Problem]:
        """Everything in the folder, once; problems known from before are among them."""
        for found, inner in self._walk(self._found):
            self.reached_folders.extend(folder.id for folder in inner)
            yield found
        while self._unreached:
            start = min(self._unreached)
            folder = self._unreached.pop(start)
            if not folder.connected:
                self._unknown.append(start)
                continue
            try:
                entries = scan_folder(folder.path)
            except FolderProblem:
                self._unknown.append(start)  # its drive is away
                continue
            for found, _ in self._walk(entries):
                yield found
        self._conclude()

    def is_same(self, file: FoundFile) -> bool:
        """Whether the catalogue has this file as it is; its vector or thumbnail may be missing."""
        known = self._known.get(os.fsencode(file.path))
        return known is not None and _is_same(known, file)

    def folder_of(self, path: Path) -> int:
        """Which folder of the catalogue, or drive below one, a photo belongs to."""
        drive = self._drive_of(os.fsencode(path))
        return self.folder_id if drive is None else drive.id

    def moved_from(self, file: FoundFile, sha256: str) -> int | None:
        """The photo whose file this was, if its old place is empty now; each one only once."""
        if os.fsencode(file.path) in self._known:
            return None
        for photo_id, path in self._catalogue.paths_of(sha256).items():
            if self.gone.pop(os.fsencode(path), None) or self._left_elsewhere(path):
                return photo_id
        return None

    def is_gone(self, file: FoundFile) -> None:
        """It was there a moment ago. With its drive it goes away, but is not gone."""
        path = os.fsencode(file.path)
        self.files -= 1
        if not _is_at_hand(file.path, self._catalogue.folders()):
            return
        if path in self._known:
            self.gone[path] = self._known[path]
        if path in self._known_problems:
            self.gone_problems.append(path)

    # -- inside ----------------------------------------------------------------------------

    def _folders_below(self) -> dict[bytes, Folder]:
        return {
            os.fsencode(inner.path) + _SEPARATOR: inner
            for inner in self._folders
            if inner.path != self.root and inner.path.is_relative_to(self.root)
        }

    def _read_what_is_known(self, place: Path, space: VectorSpace, *, directly: bool) -> None:
        """Of what lies below a folder, or directly in it."""
        catalogue = self._catalogue
        self._known |= catalogue.known_files(place, directly=directly)
        self._known_problems |= catalogue.known_problems(place, directly=directly)
        self._not_embedded |= catalogue.not_embedded(place, space, directly=directly)

    def _require_connected(self) -> None:
        for folder in self._folders:
            if folder.path == self.root and not folder.connected and self.root.is_dir():
                raise FolderProblem(
                    f"{self.root} is empty because its drive is not connected. Connect it and try"
                    f" again; its {folder.photos} photos are kept."
                )

    def _owner(self) -> int:
        """The folder that these photos belong to: one around this that reaches in, or a new one."""
        around = [f for f in self._folders if self.root.is_relative_to(f.path)]
        nearest = max(around, key=lambda folder: len(folder.path.parts), default=None)
        if nearest is not None and nearest.path != self.root and self._belongs_to(nearest):
            return nearest.id
        return self._catalogue.add_folder(self.root)

    def _belongs_to(self, folder: Folder) -> bool:
        ids = {place.id for place in folder.places}
        return any(known.folder_id in ids for known in self._known.values())

    def _walk(self, entries: Iterator[Found]) -> Iterator[tuple[FoundFile | Problem, list[Folder]]]:
        """What was found, and the folders of the library that were entered with it."""
        for found in entries:
            path = os.fsencode(found.path)
            if path.startswith(self._own):
                continue
            if isinstance(found, FoundDrive):
                self._meet(found.path)
                continue
            starts = [start for start in self._unreached if path.startswith(start)]
            entered = [self._unreached.pop(start) for start in starts]
            if isinstance(found, Problem):
                self._see_problem(path, found)
                yield found, entered
            else:
                yield self._see_file(path, found), entered

    def _meet(self, path: Path) -> None:
        """A drive that is there."""
        id_ = self._catalogue.folder_table.add_drive(path, self.folder_id)
        self._away.discard(id_)
        self._drives[os.fsencode(path) + _SEPARATOR] = Drive(id_, path, connected=True, photos=0)

    def _drive_of(self, path: bytes) -> Drive | None:
        """The innermost that is there and has this path below it."""
        starts = [
            start
            for start, drive in self._drives.items()
            if drive.connected and path.startswith(start)
        ]
        return self._drives[max(starts, key=len)] if starts else None

    def _see_problem(self, path: bytes, problem: Problem) -> None:
        self._unknown.append(path + _SEPARATOR)
        self._unseen.pop(path, None)
        self._unseen_problems.discard(path)
        before = self._known_problems.get(path)
        if before is None or before.reason != problem.reason or path in self._known:
            self.new_problems.append(NewProblem(problem.path, problem.reason, 0, 0, ""))

    def _see_file(self, path: bytes, found: FoundFile) -> FoundFile | Problem:
        file = _storable(found)
        self.files += 1
        self._unseen.pop(path, None)
        self._unseen_problems.discard(path)
        known = self._known.get(path)
        problem = self._known_problems.get(path)
        if known and self.is_same(file) and self._is_complete(known):
            self.unchanged += 1
        elif problem and _is_same(problem, file) and problem.valid_for in self._trusted:
            return Problem(found.path, problem.reason)
        else:
            self.work.append(file)
        return file

    def _is_complete(self, known: KnownFile) -> bool:
        """One whose thumbnail was given up for others is; one that was lost is not.

        Nor is one that lies where a drive was, and still belongs to that.
        """
        if known.content_id in self._not_embedded or known.folder_id in self._away:
            return False
        if self._listed is None:
            has_thumbnail = self._thumbnails.exists(known.sha256)
        else:
            has_thumbnail = known.sha256 in self._listed
        return has_thumbnail or not self._thumbnails.has_room()

    def _conclude(self) -> None:
        roots = self._catalogue.folder_table.roots
        away = [
            start
            for start, drive in self._drives.items()
            if not roots.is_connected(drive.path, mounted=True)  # now: it may just have gone
        ]
        kept = (*self._unknown, *away)
        self.gone = {
            path: known for path, known in self._unseen.items() if not path.startswith(kept)
        }
        self.gone_problems = [path for path in self._unseen_problems if not path.startswith(kept)]

    def _left_elsewhere(self, path: Path) -> bool:
        """Whether a path outside this folder is empty although its drive is there."""
        if os.fsencode(path) in self._known or os.path.lexists(path):
            return False
        return _is_at_hand(path, self._folders)


def _is_at_hand(path: Path, folders: Sequence[Folder]) -> bool:
    """Whether the drive on which the folder of a photo lies is there."""
    places = (place for folder in folders for place in folder.places)
    around = [place for place in places if path.is_relative_to(place.path)]
    nearest = max(around, key=lambda place: len(place.path.parts), default=None)
    return nearest is not None and nearest.connected


def _is_same(known: KnownFile | KnownProblem, file: FoundFile) -> bool:
    return known.size_bytes == file.size_bytes and known.modified_ns == file.modified_ns


def _storable(file: FoundFile) -> FoundFile:
    """Times after the year 2116 or before 1824 are taken for those."""
    if -_LATEST_NS <= file.modified_ns <= _LATEST_NS:
        return file
    time_ns = max(-_LATEST_NS, min(_LATEST_NS, file.modified_ns))
    return FoundFile(file.path, file.size_bytes, time_ns)
