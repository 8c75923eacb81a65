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
    with _disk_trouble(folder, DownloadFailed), Hub(base_url, patience) as hub:
        folder.mkdir(parents=True, exist_ok=True)
        for path in damaged_conversions(folder, read_record(folder)):
            path.unlink()
        _require_room(missing_files(offer, models_folder), folder)
        for file in offer.files:
            meter.begin(file)
            yield from meter.items()
            if not _is_right_already(file, folder):
                yield from _download_file(hub, file, folder, meter, accept_unknown)
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
        target.mkdir(parents=True, exist_ok=True)
        for file in offer.files:
            meter.begin(file)
            yield from _import_file(file, sources[file.local], target, meter, accept_unknown)
            meter.end(file, target)
        yield from _convert(offer, target, meter)


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


def _require_room(missing: list[OfferFile], folder: Path) -> None:
    needed = sum(file.size_bytes for file in missing)
    free = shutil.disk_usage(folder).free
    come = sum(part.stat().st_size for part in folder.rglob("*.part"))
    if needed - come > free:
        raise DownloadFailed(
            f"{folder}: {size_text(needed - come)} are to come and only {size_text(free)} are free "
            "on this disk. Free some space, or choose another data folder."
        )


def _download_file(
    hub: Hub, file: OfferFile, folder: Path, meter: _Meter, accept_unknown: bool
) -> Iterator[Progress]:
    address = file.address or hub.address(file.repo, file.revision, file.path)
    part = _part(folder / file.local)
    part.parent.mkdir(parents=True, exist_ok=True)
    with _page_named(file):
        for arrival in hub.fetch(address, part):
            total = arrival.total_bytes
            if total is not None:  # said before a byte is written: another edition is not fetched
                require_right(file, address, total, arrival.sha256, accept_unknown=accept_unknown)
                meter.file_has(total)
            yield from meter.items(arrival.bytes_here)
    yield from _put_in_place(file, part, folder, address, meter, accept_unknown=accept_unknown)


@contextlib.contextmanager
def _page_named(file: OfferFile) -> Iterator[None]:
    """Where a file that is not on the hub cannot be fetched, its page may know another place."""
    try:
        yield
    except DownloadFailed as problem:
        if file.address is None:
            raise
        raise DownloadFailed(
            f"{problem} {file.page} says where else it lies: fetch it there, and import it."
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
            file, part, folder, str(source), meter, accept_unknown=accept_unknown
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
    file: OfferFile, part: Path, folder: Path, source: str, meter: _Meter, *, accept_unknown: bool
) -> Iterator[Progress]:
    """Gives a whole part its own name if it is right, and removes it if not."""
    sha256 = yield from _hash(part, meter)
    size_bytes = part.stat().st_size
    try:
        agreed = require_right(file, source, size_bytes, sha256, accept_unknown=accept_unknown)
    except WeightsDamaged:
        forget(part)
        raise
    for local in conversions(file, read_record(folder)):
        (folder / local).unlink(missing_ok=True)
    part.replace(folder / file.local)
    forget(part)
    note(folder, {file.local: found_right(folder / file.local, sha256, source, agreed=agreed)})


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
