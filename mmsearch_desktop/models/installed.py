"""What of a model is on this disk, and whether it still is what it should be.

What was found right is noted beside the files in `installed.json`, so that opening a model need
not read it all again: a file of the same size and time is taken to be the same, and every other
one is read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import glob
import hashlib
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmsearch_desktop.domain import WeightsDamaged, WeightsMissing, WeightsUnknown
from mmsearch_desktop.models.offers import Offer, OfferFile, where_files_go

REVISION_DIGITS = 12
_RECORD = "installed.json"
_log = logging.getLogger("mmsearch.models")


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file as it was when it was found right."""

    size_bytes: int
    sha256: str
    modified_ns: int
    source: str  # an address, a path, or the name of the file it was made from
    agreed: bool = False  # not the edition known here, and the person agreed to it
    made_here: bool = False  # converted from another

    def still_is(self, path: Path) -> bool:
        """By size and time; nothing is read."""
        try:
            facts = path.stat()
        except OSError:
            return False
        return (facts.st_size, facts.st_mtime_ns) == (self.size_bytes, self.modified_ns)


Record = dict[str, InstalledFile]  # by the name below the model's folder, with "/"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file against what it must be. None: not known, or the file is not there."""

    path: Path
    expected_bytes: int | None
    expected_sha256: str | None
    found_bytes: int | None
    found_sha256: str | None
    ok: bool
    message: str


def verify(offer: Offer, models_folder: Path) -> Iterator[FileCheck]:
    """Reads every byte of every file; a large one takes seconds."""
    folder = offer.folder(models_folder)
    record = read_record(folder)
    for file in offer.files:
        yield _verified(file, folder, record)
    for local, entry in record.items():
        if entry.made_here:
            yield _verified_conversion(folder / local, entry)


def missing_files(offer: Offer, models_folder: Path) -> list[OfferFile]:
    """Those not there, or of a wrong size. Weights converted here stand for the official ones."""
    folder = offer.folder(models_folder)
    record = read_record(folder)
    return [file for file in offer.files if not seems_there(file, folder, record)]


def require_there(offer: Offer, models_folder: Path) -> None:
    """By size alone. WeightsMissing saying which files go where."""
    missing = [file.local for file in missing_files(offer, models_folder)]
    if missing:
        raise WeightsMissing(
            f"{offer.title} is not installed; missing, or of a wrong size: {', '.join(missing)}.\n"
            f"{where_files_go(offer, models_folder)}"
        )


def checked_revision(offer: Offer, models_folder: Path) -> str:
    """The first digits of the sha256 of an installed offer's weights.

    Reads only what changed since it was found right, and what was put there by hand. Raises
    WeightsMissing, WeightsDamaged or WeightsUnknown naming the file.
    """
    require_there(offer, models_folder)
    folder = offer.folder(models_folder)
    record = read_record(folder)
    for path in damaged_conversions(folder, record):
        raise WeightsDamaged(f"{path}: {_changed(record[path.relative_to(folder).as_posix()])}")
    entries = {file.local: rechecked(file, folder, record) for file in offer.files}
    if any(record.get(local) != entry for local, entry in entries.items()):
        with contextlib.suppress(OSError):  # a read-only folder only costs reading again
            note(folder, entries)
    return entries[offer.weights.local].sha256[:REVISION_DIGITS]


def file_sha256(path: Path) -> str:
    """Of the file's bytes, hexadecimal; remembered while its size and time stay the same."""
    facts = path.stat()
    return _sha256_of(str(path), facts.st_size, facts.st_mtime_ns)


def weights_sha256(path: Path) -> str:
    """Of a model's weights; of all parts together where the file is the first of several."""
    first = re.fullmatch(r"(.+)-00001-(of-\d{5}\.safetensors)", path.name)
    if first is None:
        return file_sha256(path)
    parts = sorted(path.parent.glob(f"{glob.escape(first[1])}-?????-{first[2]}"))
    return hashlib.sha256("".join(file_sha256(part) for part in parts).encode()).hexdigest()


@functools.lru_cache(maxsize=64)
def _sha256_of(path: str, size_bytes: int, modified_ns: int) -> str:  # noqa: ARG001 - keys
    return _read_sha256(Path(path))


def _read_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_record(folder: Path) -> Record:
    """What is noted of a model's folder; empty where nothing is, or where it cannot be read."""
    path = folder / _RECORD
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {local: InstalledFile(**facts) for local, facts in stored["files"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        _log.warning("%s cannot be read (%s); the files will be checked again", path, error)
        return {}


def note(folder: Path, entries: Record) -> None:
    """Adds to what is noted, or replaces it."""
    files = {local: dataclasses.asdict(e) for local, e in (read_record(folder) | entries).items()}
    temporary = folder / f"{_RECORD}.part"
    temporary.write_text(json.dumps({"files": files}, indent=2) + "\n", encoding="utf-8")
    temporary.replace(folder / _RECORD)


def found_right(path: Path, sha256: str, source: str, *, agreed: bool = False) -> InstalledFile:
    """The entry of a file as it lies there now."""
    facts = path.stat()
    return InstalledFile(facts.st_size, sha256, facts.st_mtime_ns, source, agreed)


def seems_there(file: OfferFile, folder: Path, record: Record) -> bool:
    """By size alone; or something made of it is there."""
    entry = record.get(file.local)
    path = folder / file.local
    if not path.is_file():
        return entry is not None and _converted(file, folder, record)
    size_bytes = path.stat().st_size
    if entry is not None and size_bytes == entry.size_bytes:
        return True
    return size_bytes == file.size_bytes or (not file.size_is_exact and size_bytes > 0)


def _converted(file: OfferFile, folder: Path, record: Record) -> bool:
    return any((folder / local).is_file() for local in conversions(file, record))


def conversions(file: OfferFile, record: Record) -> list[str]:
    """Names of what was made here from a file."""
    return [
        name for name, entry in record.items() if entry.made_here and entry.source == file.local
    ]


def rechecked(file: OfferFile, folder: Path, record: Record) -> InstalledFile:
    """Its entry in the record, made anew where the file changed or has none."""
    path, entry = folder / file.local, record.get(file.local)
    if entry is not None and (entry.still_is(path) or not path.exists()):
        return entry
    found = file_sha256(path)
    if entry is not None and found == entry.sha256:
        return dataclasses.replace(entry, modified_ns=path.stat().st_mtime_ns)
    if entry is not None and found != file.sha256:
        raise WeightsDamaged(f"{path}: {_changed(entry)}")
    require_right(file, str(path), path.stat().st_size, found, accept_unknown=False)
    return found_right(path, found, "put there by hand")


def damaged_conversions(folder: Path, record: Record) -> list[Path]:
    """Those made here that changed since."""
    made = [(folder / local, entry) for local, entry in record.items() if entry.made_here]
    return [
        path
        for path, entry in made
        if path.is_file() and not entry.still_is(path) and file_sha256(path) != entry.sha256
    ]


def _changed(entry: InstalledFile) -> str:
    if entry.made_here:
        return f"it changed since it was made of {entry.source}. Fetch or import the model again."
    return "it changed since it was installed. Fetch or import it again."


def require_right(
    file: OfferFile, where: str, size_bytes: int, sha256: str | None, *, accept_unknown: bool
) -> bool:
    """Raises unless the file is as published. True: it is not, and the person agreed to it."""
    faults = []
    if file.size_is_exact and size_bytes != file.size_bytes:
        faults.append(f"it has {size_bytes:,} bytes where {file.size_bytes:,} are expected")
    if sha256 is not None and file.sha256 is not None and sha256 != file.sha256:
        faults.append(f"its sha256 is {sha256} where {file.sha256} is expected")
    if not faults:
        return False
    if file.sha256_is_sure:
        raise WeightsDamaged(
            f"{where}: is not {file.name} as published: {'; '.join(faults)}. Fetch it again, or "
            "import another copy."
        )
    if not accept_unknown:
        raise WeightsUnknown(
            f"{where}: is not the edition of {file.name} that is known here: {'; '.join(faults)}. "
            f"It may be newer, or damaged. Compare the sha256 with the page of {file.repo}; if "
            "they agree, say that you accept it."
        )
    return True


def _verified(file: OfferFile, folder: Path, record: Record) -> FileCheck:
    path, entry = folder / file.local, record.get(file.local)
    by_record = entry is not None and (entry.agreed or file.sha256 is None)
    sha256 = entry.sha256 if entry and by_record else file.sha256
    size_bytes = entry.size_bytes if entry else file.size_bytes if file.size_is_exact else None
    if not path.is_file() and entry is not None and _converted(file, folder, record):
        return FileCheck(
            path, size_bytes, sha256, None, None, ok=True, message="not needed: converted"
        )
    check = _compared(path, size_bytes, sha256)
    if check.ok and entry is not None and entry.agreed:
        return dataclasses.replace(check, message="right: the edition that you agreed to")
    return check


def _verified_conversion(path: Path, entry: InstalledFile) -> FileCheck:
    check = _compared(path, entry.size_bytes, entry.sha256)
    if check.found_bytes is None:
        return dataclasses.replace(check, ok=True, message="not there, and not needed")
    return check if check.ok else dataclasses.replace(check, message=_changed(entry))


def _compared(path: Path, size_bytes: int | None, sha256: str | None) -> FileCheck:
    try:
        found_bytes, found = path.stat().st_size, _read_sha256(path)
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}. Fetch or import it again."
        return FileCheck(path, size_bytes, sha256, None, None, ok=False, message=message)
    right_size = size_bytes is None or found_bytes == size_bytes
    ok = right_size and (sha256 is None or found == sha256)
    message = "right" if sha256 else "there; its sha256 is not known"
    if not ok:
        message = "not what it should be. Fetch or import it again."
    return FileCheck(path, size_bytes, sha256, found_bytes, found, ok=ok, message=message)
