"""Brings a model's files here, from the hub or from a folder, and checks every byte of them.

A file arrives under its name with ".part" added and gets its own name once its size and sha256
are right, so that nothing half-done ever looks whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path

import filelock

from mmsearch_desktop.domain import (
    DownloadFailed,
    ModelProblem,
    Progress,
    Stage,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models.hub import Hub, Patience, forget
from mmsearch_desktop.models.installed import (
    FileCheck,
    conversions,
    damaged_conversions,
    file_sha256,
    found_right,
    missing_files,
    note,
    read_record,
    rechecked,
    require_right,
    seems_there,
    verify,
)
from mmsearch_desktop.models.offers import (
    Offer,
    OfferFile,
    load_module,
    size_text,
    where_files_go,
)

__all__ = ["FileCheck", "Patience", "download", "import_folder", "verify"]
_BLOCK_BYTES = 4 * 2**20
_SMALL_BYTES = 64 * 2**20  # up to here files are hashed to choose among several of one name
_MOST_ENTRIES = 50_000  # looked at in a folder that is imported
_STEP_SECONDS = 0.1  # between two items of progress
_log = logging.getLogger("mmsearch.models")


def download(
    offer: Offer,
    models_folder: Path,
    *,
    offline: bool,
    base_url: str | None = None,
    accept_unknown: bool = False,
    patience: Patience | None = None,
) -> Iterator[Progress]:
    """Fetches what is missing of an offer; done and total are bytes.

    Closing it cancels and keeps what came; the next call goes on from there. `accept_unknown`:
    the person agrees to an edition that is not known here. Items with done = total before the
    last one mean that the files are being checked and converted. Raises DownloadFailed,
    WeightsDamaged, WeightsUnknown.
    """
    if offline:
        raise DownloadFailed(
            f"{offer.title}: the offline switch is on, so nothing is fetched. Turn it off, or "
            f"bring the files yourself.\n{where_files_go(offer, models_folder)}"
        )
    folder = offer.folder(models_folder)
    meter = _Meter(offer.size_bytes)
    with (
        _disk_trouble(folder, DownloadFailed),
        _alone_with(folder),
        Hub(base_url, patience) as hub,
    ):
        for path in damaged_conversions(folder, read_record(folder)):
            path.unlink()
        _require_room(offer, models_folder, DownloadFailed)
        for file in offer.files:
            meter.begin(file)
            yield from meter.items()
            if not _is_right_already(file, folder):
                with _other_ways_told(file, offer, models_folder):
                    announced = yield from _fetch(hub, file, folder, meter, accept_unknown)
                yield from _put_in_place(
                    file, folder, announced, meter, accept_unknown=accept_unknown
                )
            meter.end(file, folder)
        yield from _convert(offer, folder, meter)


def import_folder(
    offer: Offer, folder: Path, models_folder: Path, *, accept_unknown: bool = False
) -> Iterator[Progress]:
    """Copies an offer's files from wherever they lie below a folder; nothing there is changed.

    Finds them flat, beside each other's folders, in `text_model/`, and in the hub's own cache.
    Progress and `accept_unknown` as in `download`. Raises WeightsMissing saying which are not
    there, WeightsDamaged, WeightsUnknown, ModelProblem.
    """
    target = offer.folder(models_folder)
    meter = _Meter(offer.size_bytes)
    with _disk_trouble(target, ModelProblem):
        sources = _found_below(folder, offer, models_folder)
        with _alone_with(target):
            _require_room(offer, models_folder, ModelProblem)
            for file in offer.files:
                meter.begin(file)
                yield from _import_file(file, sources[file.local], target, meter, accept_unknown)
                meter.end(file, target)
            yield from _convert(offer, target, meter)


@contextlib.contextmanager
def _alone_with(folder: Path) -> Iterator[None]:
    """Two programs would write into one part file. Makes the folder; the lock lies beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(f"{folder}.lock", timeout=0, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout as problem:
        raise ModelProblem(
            f"{folder}: its files are being fetched or imported by another window or command. Wait"
            " until that is done."
        ) from problem
    try:
        yield
    finally:
        lock.release()


def _is_right_already(file: OfferFile, folder: Path) -> bool:
    record = read_record(folder)
    if not seems_there(file, folder, record):
        return False
    try:
        entry = rechecked(file, folder, record)
    except WeightsDamaged as problem:
        _log.warning("%s It is fetched again.", problem)
        return False
    note(folder, {file.local: entry})
    return True


def _require_room(offer: Offer, models_folder: Path, kind: type[ModelProblem]) -> None:
    """For what is missing, and once more for weights that are converted."""
    folder = offer.folder(models_folder)
    needed = sum(file.size_bytes for file in missing_files(offer, models_folder))
    if not (
        offer.weights.local.endswith(".safetensors")
        or conversions(offer.weights, read_record(folder))
    ):
        needed += offer.weights.size_bytes
    needed -= sum(part.stat().st_size for part in folder.rglob("*.part"))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise kind(
            f"{folder}: {size_text(needed)} are to be written and only {size_text(free)} are free "
            "on this disk. Free some space, or choose another data folder."
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Source:
    """Where a file comes from, and what is said of it there."""

    place: str  # address or path
    sha256: str | None = None  # as announced


def _fetch(
    hub: Hub, file: OfferFile, folder: Path, meter: _Meter, accept_unknown: bool
) -> Generator[Progress, None, _Source]:
    address = file.address or hub.address(file.repo, file.revision, file.path)
    part = _part(folder / file.local)
    part.parent.mkdir(parents=True, exist_ok=True)
    sha256 = None
    for arrival in hub.fetch(address, part):
        total = arrival.total_bytes
        if total is not None:  # said before a byte is written: another edition is not fetched
            require_right(file, address, total, arrival.sha256, accept_unknown=accept_unknown)
            meter.file_has(total)
            sha256 = arrival.sha256
        yield from meter.items(arrival.bytes_here)
    return _Source(address, sha256)


@contextlib.contextmanager
def _other_ways_told(file: OfferFile, offer: Offer, models_folder: Path) -> Iterator[None]:
    """Where a file cannot be fetched, a person may bring it."""
    try:
        yield
    except DownloadFailed as problem:
        page = "" if file.address is None else f" {file.page} says where else it lies."
        raise DownloadFailed(
            f"{problem}{page}\nOr bring the files yourself: {where_files_go(offer, models_folder)}"
        ) from problem


def _import_file(
    file: OfferFile, source: Path, folder: Path, meter: _Meter, accept_unknown: bool
) -> Iterator[Progress]:
    size_bytes = source.stat().st_size
    require_right(file, str(source), size_bytes, None, accept_unknown=accept_unknown)
    meter.file_has(size_bytes)
    target = folder / file.local
    if target.exists() and source.samefile(target):
        sha256 = yield from _hash(target, meter)
        agreed = require_right(file, str(target), size_bytes, sha256, accept_unknown=accept_unknown)
        note(folder, {file.local: found_right(target, sha256, "put there by hand", agreed=agreed)})
        return
    part = _part(target)
    part.parent.mkdir(parents=True, exist_ok=True)
    forget(part)
    try:
        yield from _copy(source, part, meter)
        yield from _put_in_place(
            file, folder, _Source(str(source)), meter, accept_unknown=accept_unknown
        )
    finally:
        forget(part)


def _copy(source: Path, part: Path, meter: _Meter) -> Iterator[Progress]:
    with source.open("rb") as reading, part.open("wb") as writing:
        while block := reading.read(_BLOCK_BYTES):
            writing.write(block)
            yield from meter.items(writing.tell())
        writing.flush()
        os.fsync(writing.fileno())


def _put_in_place(
    file: OfferFile, folder: Path, source: _Source, meter: _Meter, *, accept_unknown: bool
) -> Iterator[Progress]:
    """Gives a whole part its own name if it is right, and removes it if not."""
    part = _part(folder / file.local)
    place = source.place
    sha256 = yield from _hash(part, meter)
    size_bytes = part.stat().st_size
    try:
        _require_announced(source, sha256)
        agreed = require_right(file, place, size_bytes, sha256, accept_unknown=accept_unknown)
    except WeightsDamaged:
        forget(part)
        raise
    for local in conversions(file, read_record(folder)):
        (folder / local).unlink(missing_ok=True)
    part.replace(folder / file.local)
    forget(part)
    note(folder, {file.local: found_right(folder / file.local, sha256, place, agreed=agreed)})


def _require_announced(source: _Source, sha256: str) -> None:
    """What is known of no file here, the hub may know."""
    if source.sha256 is not None and source.sha256 != sha256:
        raise WeightsDamaged(
            f"{source.place}: other bytes came than it announces (sha256 {sha256} where"
            f" {source.sha256} is announced). Fetch it again."
        )


def _hash(path: Path, meter: _Meter) -> Generator[Progress, None, str]:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            yield from meter.items()
    return digest.hexdigest()


def _convert(offer: Offer, folder: Path, meter: _Meter) -> Iterator[Progress]:
    """Lets the architecture bring the weights into the form it opens quickly, if it has one."""
    yield from meter.items(at_once=True)
    convert = getattr(load_module(offer.architecture), "convert", None)
    if convert is not None:
        path = Path(convert(folder))
        local = path.relative_to(folder).as_posix()
        if local != offer.weights.local:
            made = found_right(path, file_sha256(path), offer.weights.local)
            note(folder, {local: dataclasses.replace(made, made_here=True)})
    yield Progress(Stage.FINISHED, meter.total_bytes, meter.total_bytes)


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _found_below(folder: Path, offer: Offer, models_folder: Path) -> dict[str, Path]:
    """The best candidate for every file. Raises WeightsMissing naming those that have none."""
    if not folder.is_dir():
        raise WeightsMissing(f"{folder}: there is no such folder. Choose the one with the files.")
    wanted = {file.name.casefold() for file in offer.files}
    named: dict[str, list[Path]] = {name: [] for name in wanted}
    for path in _files_below(folder):
        name = path.name.partition("?")[0].casefold()  # "…pth?download=true", as wget saves it
        if name in wanted and path.is_file():
            named[name].append(path)
    missing = [file for file in offer.files if not named[file.name.casefold()]]
    if missing:
        names = ", ".join(f"{file.name} of {file.repo}" for file in missing)
        raise WeightsMissing(
            f"{folder}: not found there: {names}.\n{where_files_go(offer, models_folder)}"
        )
    return {f.local: min(named[f.name.casefold()], key=lambda p: _fit(f, p)) for f in offer.files}


def _files_below(folder: Path) -> Iterator[Path]:
    """At most a certain number, those in the folder itself first; links to folders are left out."""
    seen = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(root, name)
        seen += len(names) + len(folders)
        if seen > _MOST_ENTRIES:
            _log.warning("%s is large: only part of it was searched", folder)
            return


def _fit(file: OfferFile, path: Path) -> tuple[bool, bool, bool, int, str]:
    """Smaller is better: the right bytes, then the right size, then a telling place."""
    size_bytes = path.stat().st_size
    size_is_right = size_bytes == file.size_bytes or not file.size_is_exact
    right = size_is_right and size_bytes <= _SMALL_BYTES and file_sha256(path) == file.sha256
    telling = file.repo.rpartition("/")[2] in str(path) or path.parent.name == "text_model"
    return not right, not size_is_right, not telling, len(path.parts), str(path)


@contextlib.contextmanager
def _disk_trouble(folder: Path, kind: type[ModelProblem]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
            raise kind(
                f"{folder}: the disk is full. Free some space and try again; what was fetched is "
                "kept."
            ) from error
        raise kind(
            f"{error.filename or folder}: {error.strerror or error}. Check that the file may be "
            "read, and that the folder may be written."
        ) from error


class _Meter:
    """Turns bytes of one file after the other into progress over all of them."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._before = 0  # bytes of the files that are done
        self._file_bytes = 0  # of the file at hand, once whole
        self._here: int | None = None  # of it, now
        self._came = 0  # since the start: not what had been here before
        self._marks: deque[tuple[float, int]] = deque(maxlen=60)
        self._shown = 0.0

    def begin(self, file: OfferFile) -> None:
        self._file_bytes, self._here = file.size_bytes, None

    def file_has(self, size_bytes: int) -> None:
        self.total_bytes += size_bytes - self._file_bytes
        self._file_bytes = size_bytes

    def end(self, file: OfferFile, folder: Path) -> None:
        path = folder / file.local
        if path.is_file():  # else something made of it stands for it
            self.file_has(path.stat().st_size)
        self._before += self._file_bytes
        self._file_bytes, self._here = 0, None

    def items(self, here: int | None = None, *, at_once: bool = False) -> Iterator[Progress]:
        """One item of progress, or none if the last was shown just now."""
        if here is not None:
            self._came += max(0, here - self._here) if self._here is not None else 0
            self._here = here
        now = time.monotonic()
        if now - self._shown < _STEP_SECONDS and not at_once:
            return
        self._shown = now
        self._marks.append((now, self._came))
        done = self._before + (self._here or 0)
        rate = self._rate()
        left = (self.total_bytes - done) / rate if rate else None
        yield Progress(Stage.DOWNLOADING, done, self.total_bytes, rate, left)

    def _rate(self) -> float | None:
        (first, before), (last, after) = self._marks[0], self._marks[-1]
        return (after - before) / (last - first) if after > before and last > first else None
