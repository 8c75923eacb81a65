"""Which photos lie in a folder: names, sizes and times, without opening a single file.

Left out silently: what is hidden (a leading dot; the hidden mark on Windows), bins, thumbnails and
caches that other programs keep beside photos (`_SKIPPED`), libraries of this program (their
thumbnails would be photos), and files that are no photos by their suffix. Of a macOS photo library
only the originals are read. Told as a `Problem`: photo formats that are not supported, and folders
and links that cannot be followed.

A link to a photo is a photo. Links to folders are followed after all real folders, so that a photo
within the folder itself goes by its real path. Each folder is entered once, however many links lead
to it, and a folder that holds this one is not entered. Where another drive begins, by a link or
not, is told, for what lies on it may go and come back with it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mmsearch_desktop.domain import FolderProblem, Problem
from mmsearch_desktop.library.decode import SUFFIXES
from mmsearch_desktop.library.roots import as_listed

_SKIPPED = frozenset(
    {
        "@eadir",  # Synology: thumbnails
        "#recycle",
        "#snapshot",
        "@recycle",  # QNAP
        "@recently-snapshot",
        "$recycle.bin",  # Windows
        "system volume information",
        "lost+found",
        "__macosx",  # left by macOS in archives
    }
)
_SKIPPED_ENDINGS = (".lrdata", ".cocatalogdb")  # previews of Lightroom and Capture One
_MACOS_LIBRARIES = (".photoslibrary", ".migratedphotolibrary", ".aplibrary")
_MACOS_ORIGINALS = frozenset({"originals", "masters"})
_OF_A_LIBRARY = frozenset({"catalogue.sqlite", "thumbnails"})  # see stores.py

_RAW = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq"}
    | {".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx", ".raf", ".raw"}
    | {".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"}
)
_OTHER_FORMATS = {
    ".jxl": "JPEG XL",
    ".jp2": "JPEG 2000",
    ".j2k": "JPEG 2000",
    ".jpf": "JPEG 2000",
    ".jpx": "JPEG 2000",
    ".jxr": "JPEG XR",
    ".psd": "Photoshop",
    ".psb": "Photoshop",
    ".xcf": "GIMP",
    ".kra": "Krita",
    ".svg": "SVG",
    ".svgz": "SVG",
    ".eps": "EPS",
    ".tga": "TGA",
    ".exr": "OpenEXR",
    ".hdr": "Radiance HDR",
}
_HIDDEN_ON_WINDOWS = 0x2 | 0x4  # FILE_ATTRIBUTE_HIDDEN, FILE_ATTRIBUTE_SYSTEM

_Identity = tuple[int, int]  # device and number of a folder: the same by whatever path


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that is a photo by its suffix."""

    path: Path
    size_bytes: int
    modified_ns: int  # nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class FoundDrive:
    """A folder in which another drive begins, told before what lies below it."""

    path: Path


Found = FoundFile | FoundDrive | Problem


def scan_folder(root: Path) -> Iterator[Found]:
    """All photos below `root`, by name within each folder; FolderProblem at once if it is unusable.

    A Problem whose path is a folder means that nothing is known of what lies below it, not that
    nothing does.
    """
    try:
        first = _listed(root)
        walk = _Walk(_identity(root), _holders_of(root))
    except OSError as error:
        raise FolderProblem(_why_unusable(root, error)) from error
    except ValueError as error:  # a NUL in the name
        raise FolderProblem(f"{root}: no folder can have this name") from error
    return walk.everything(root, first)


def scan_only(root: Path, folders: Collection[Path]) -> Iterator[Found]:
    """The photos directly in these folders of `root`; one that is gone has none. FolderProblem.

    And the drives that begin between it and them.
    """
    scan_folder(root)  # looks at once whether it is there
    return _photos_in(root, _by_one_name(root, folders))


def _photos_in(root: Path, folders: Collection[Path]) -> Iterator[Found]:
    devices = {root: _identity(root)[0]}
    for folder in sorted(folders):
        try:
            yield from _drives_on_the_way(folder, devices)
            walk, entries = _Walk(_identity(folder), frozenset()), _listed(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield Problem(folder, _why_not_read(error))
            continue
        yield from walk.within(folder, entries)


def _by_one_name(root: Path, folders: Collection[Path]) -> list[Path]:
    """Without names that folders no longer go by, though the system still knows whom they mean."""
    names: dict[_Identity, list[Path]] = {}
    for folder in folders:
        with contextlib.suppress(OSError):
            names.setdefault(_identity(folder), []).append(folder)
    doubled = {folder for same in names.values() if len(same) > 1 for folder in same}
    return [one for one in folders if one not in doubled or as_listed(one, root) == one]


def _drives_on_the_way(folder: Path, devices: dict[Path, int]) -> Iterator[FoundDrive]:
    """Those not known yet from one of the folders whose devices are known down to this one."""
    new = list(itertools.takewhile(lambda one: one not in devices, (folder, *folder.parents)))
    for one in reversed(new):
        devices[one] = _identity(one)[0]
        if devices[one] != devices[one.parent]:
            yield FoundDrive(one)


def folder_states(root: Path) -> dict[Path, int]:
    """Every folder that `scan_folder` enters, with a number that changes as its own photos do.

    So does that of a folder on which a drive is put, or from which it is taken. Numbers of one run
    of the program can be compared, those of two cannot. FolderProblem.
    """
    try:
        first = _listed(root)
        walk = _Walk(_identity(root), _holders_of(root))
    except (OSError, ValueError) as error:
        raise FolderProblem(f"{root} cannot be read: {error}") from error
    states: dict[str, int] = {}
    for found in walk.everything(root, first):
        folder = str(found.path if isinstance(found, FoundDrive) else found.path.parent)
        states[folder] = states.get(folder, 0) ^ hash(found)
    return {folder: states.get(str(folder), 0) for folder in walk.looked_into}


def folder_state(folder: Path) -> tuple[int, list[Path]]:
    """The number of `folder_states` for one folder, and the folders in it. OSError."""
    walk = _Walk(_identity(folder), frozenset())
    state = 0
    for found in walk.within(folder, _listed(folder)):
        state ^= hash(found)
    return state, walk.folders + walk.links


def _why_unusable(root: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{root}: there is no such folder; if it is on a drive, connect the drive"
    if isinstance(error, NotADirectoryError):
        return f"{root}: this is a file, not a folder; choose the folder it lies in"
    if isinstance(error, PermissionError):
        return f"{root}: reading this folder is not permitted; change its permissions"
    if error.errno == errno.ENAMETOOLONG:
        return f"{root}: this path is too long for the system; move the folder further up"
    return f"{root}: the folder cannot be read ({error.strerror or error})"


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _identity(folder: Path) -> _Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _holders_of(folder: Path) -> frozenset[_Identity]:
    real = Path(os.path.realpath(folder))
    return frozenset(_identity(parent) for parent in real.parents)


@dataclass(slots=True)
class _Walk:
    """One way through a tree: what is still to be entered, and what has been."""

    start: _Identity
    holders: frozenset[_Identity]  # the folders that hold the root
    entered: set[_Identity] = field(default_factory=set)
    folders: list[Path] = field(default_factory=list)  # a stack: the last is entered next
    links: list[Path] = field(default_factory=list)  # to folders; entered when no folder is left
    looked_into: list[Path] = field(default_factory=list)
    devices: dict[Path, int] = field(default_factory=dict)  # of the folders entered

    def everything(self, root: Path, first: list[os.DirEntry[str]]) -> Iterator[Found]:
        self.entered.add(self.start)
        self.devices[root] = self.start[0]
        yield from self.within(root, first)
        while self.folders or self.links:
            folder = self.folders.pop() if self.folders else self.links.pop(0)
            try:
                identity = _identity(folder)
                if identity in self.entered or identity in self.holders:
                    continue
                self.entered.add(identity)
                entries = _listed(folder)
            except OSError as error:
                yield Problem(folder, _why_not_read(error))
                continue
            self.devices[folder] = identity[0]
            if identity[0] != self.devices[folder.parent]:
                yield FoundDrive(folder)
            yield from self.within(folder, entries)

    def within(self, folder: Path, entries: list[os.DirEntry[str]]) -> Iterator[Found]:
        """The files of one folder; its own folders are put on the stack."""
        if _OF_A_LIBRARY.issubset(entry.name for entry in entries):
            return
        self.looked_into.append(folder)
        below: list[Path] = []
        only = _MACOS_ORIGINALS if folder.name.lower().endswith(_MACOS_LIBRARIES) else None
        for entry in entries:
            try:
                if entry.is_dir():
                    if _is_entered(entry) and (only is None or entry.name.lower() in only):
                        (self.links if entry.is_symlink() else below).append(Path(entry.path))
                elif only is None and (found := _file(entry)) is not None:
                    yield found
            except OSError as error:
                yield Problem(Path(entry.path), _why_not_read(error))
        self.folders.extend(reversed(below))


def _is_entered(entry: os.DirEntry[str]) -> bool:
    name = entry.name.lower()
    if name.startswith(".") or name in _SKIPPED or name.endswith(_SKIPPED_ENDINGS):
        return False
    attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return not attributes & _HIDDEN_ON_WINDOWS


def _file(entry: os.DirEntry[str]) -> FoundFile | Problem | None:
    if entry.name.startswith("."):
        return None
    _, dot, ending = entry.name.rpartition(".")
    suffix = (dot + ending).lower() if dot else ""
    if suffix not in SUFFIXES:
        reason = _why_unsupported(suffix)
        return Problem(Path(entry.path), reason) if reason else None
    status = entry.stat()
    if not stat.S_ISREG(status.st_mode):
        return Problem(Path(entry.path), "it is not a regular file")
    return FoundFile(Path(entry.path), status.st_size, status.st_mtime_ns)


def _why_unsupported(suffix: str) -> str:
    if suffix in _RAW:
        return f"RAW photos ({suffix}) are not supported yet; export it as JPEG"
    name = _OTHER_FORMATS.get(suffix)
    return f"{name} files ({suffix}) are not supported; export it as JPEG or PNG" if name else ""


def _why_not_read(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "reading it is not permitted; change its permissions"
    if isinstance(error, FileNotFoundError):
        return "it is gone, or a link to a file that is gone"
    if error.errno == errno.ELOOP:
        return "it is a link that leads back to itself"
    if error.errno == errno.ENAMETOOLONG:
        return "its path is too long for this system; move it further up"
    return f"the disk could not read it ({error.strerror or error})"
