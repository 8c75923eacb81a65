"""Looks at everything the program needs and says what is wrong and what to do."""

from __future__ import annotations

import enum
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop import __version__
from mmsearch_desktop.domain import LibraryBusy, LibraryProblem, MmsearchError, ModelProblem
from mmsearch_desktop.settings import Settings

if TYPE_CHECKING:
    from mmsearch_desktop.library.server_address import Server
    from mmsearch_desktop.library.stores import Library

PACKAGES = (
    "torch", "transformers", "tokenizers", "safetensors", "PySide6-Essentials", "pymilvus",
    "milvus-lite", "numpy", "pillow", "pillow-heif", "msgpack", "httpx", "filelock",
    "platformdirs", "rich", "watchfiles",
)  # fmt: skip
_SPACE_NEEDED_BYTES = 500_000_000  # below it the index is not written to
_SPACE_WANTED_BYTES = 3_000_000_000  # a model and some ten thousand photos
_QT_SECONDS = 60

# Run in a process of its own, so that this one stays without Qt. The plugin is what fails first
# on a Linux system without the libraries of a desktop.
_TRY_QT = """
import ctypes, pathlib, sys
import PySide6.QtCore, PySide6.QtGui, PySide6.QtWidgets
if sys.platform.startswith("linux"):
    plugins = pathlib.Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms"
    ctypes.CDLL(str(plugins / "libqxcb.so"))
print(PySide6.QtCore.qVersion())
"""
_QT_REMEDY = (
    "Install the library named. On Debian and Ubuntu: apt-get install libglib2.0-0 libegl1 libgl1"
    " libxkbcommon0 libdbus-1-3 libfontconfig1 libfreetype6 libx11-6 libx11-xcb1 libxcb-cursor0"
    " libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0"
    " libxcb-render0 libxcb-shape0 libxcb-shm0 libxcb-sync1 libxcb-util1 libxcb-xfixes0"
    " libxcb-xkb1 libxkbcommon-x11-0"
)


class State(enum.StrEnum):
    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"  # stops the main job: a folder in, photos out


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. The remedy is empty where nothing has to be done."""

    topic: str
    state: State
    fact: str
    remedy: str = ""


def examine(
    *, library: Path, embedder: str, models_folder: Path, choices: Settings | None = None
) -> Iterator[Check]:
    """All checks, quick ones first; importing torch and Milvus takes seconds.

    Opens the library if it exists, for which no other program may have it open.
    """
    yield Check("program", State.OK, f"mmsearch-desktop {__version__}, {_system()}")
    yield from _packages()
    yield check_pyside(sys.version_info[:2], _version_of("PySide6-Essentials"))
    if sys.platform != "win32":
        yield check_pkg_resources(present=importlib.util.find_spec("pkg_resources") is not None)
    yield check_window()
    yield check_space(library, shutil.disk_usage(_nearest_existing(library)).free)
    yield _device()
    yield check_embedder(embedder, models_folder)
    server, checks = check_server(choices or Settings(), library)
    yield from checks
    yield from check_library(library, server)


def _system() -> str:
    frozen = ", packaged" if _is_packaged() else ""
    return f"Python {platform.python_version()} on {platform.platform()}{frozen}"


def _is_packaged() -> bool:
    return bool(getattr(sys, "frozen", False))


def _packages() -> Iterator[Check]:
    for name in PACKAGES:
        yield check_package(name, _version_of(name))


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def check_package(name: str, version: str | None) -> Check:
    if version is not None:
        return Check("package", State.OK, f"{name} {version}")
    if _is_packaged():  # its data about versions is not always packed along
        return Check("package", State.OK, f"{name}, version not known")
    return Check(
        "package",
        State.WRONG,
        f"{name} is not installed",
        f"Install it: {sys.executable} -m pip install {name}",
    )


def check_pyside(python: tuple[int, ...], version: str | None) -> Check:
    """PySide6 6.12 loses references on Python before 3.12 until the process dies."""
    if version is not None and python < (3, 12) and _numbers(version) >= (6, 12):
        return Check(
            "PySide6",
            State.WRONG,
            f"PySide6 {version} ends the program after a while on Python 3.11",
            f'Take an older one: {sys.executable} -m pip install "PySide6-Essentials<6.12"',
        )
    return Check("PySide6", State.OK, f"{version or 'not installed'} suits this Python")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def check_pkg_resources(*, present: bool) -> Check:
    """milvus-lite 2.5.1 imports it; setuptools has had none since version 82."""
    if present:
        return Check("index engine", State.OK, "pkg_resources, which milvus-lite needs, is there")
    return Check(
        "index engine",
        State.WRONG,
        "pkg_resources, which milvus-lite needs, is missing",
        f'Install an older setuptools: {sys.executable} -m pip install "setuptools<81"',
    )


def check_window(python: str | None = None) -> Check:
    """Whether Qt and the libraries it takes from the system can be loaded by this Python."""
    if python is None and _is_packaged():
        return Check("window", State.OK, "Qt comes with the program")
    tried = _qt_in_a_process(python or sys.executable)
    if tried.returncode != 0:
        last = tried.stderr.strip().splitlines()[-1:] or ["Qt cannot be loaded"]
        return Check("window", State.WRONG, last[0], _QT_REMEDY)
    if not has_screen():
        return Check(
            "window",
            State.WARNING,
            f"Qt {tried.stdout.strip()} can be loaded, but there is no screen",
            "Start the window from a desktop session; the commands need no screen.",
        )
    return Check("window", State.OK, f"Qt {tried.stdout.strip()} and its libraries can be loaded")


def _qt_in_a_process(python: str) -> subprocess.CompletedProcess[str]:
    command = [python, "-c", _TRY_QT]
    try:
        return subprocess.run(  # noqa: S603 - our own interpreter and text
            command, capture_output=True, text=True, timeout=_QT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def has_screen() -> bool:
    """Whether a window has somewhere to appear."""
    if not sys.platform.startswith("linux"):
        return True
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return any(os.environ.get(name) for name in names)


def check_space(folder: Path, free_bytes: int) -> Check:
    fact = f"{free_bytes / 1e9:.1f} GB free for {folder}"
    remedy = "Free space on that disk, or put the library elsewhere with --library DIR."
    if free_bytes < _SPACE_NEEDED_BYTES:
        return Check("disk", State.WRONG, fact, remedy)
    if free_bytes < _SPACE_WANTED_BYTES:
        return Check("disk", State.WARNING, fact, remedy)
    return Check("disk", State.OK, fact)


def _nearest_existing(folder: Path) -> Path:
    places = (folder, *folder.absolute().parents)
    return next(place for place in places if os.path.exists(place))  # noqa: PTH110 - raises nothing


def _device() -> Check:
    from mmsearch_desktop.models.device import best_device

    try:
        device = best_device()
    except (ImportError, OSError) as error:  # torch is missing, or a library of its own is
        remedy = f"Install torch again: {sys.executable} -m pip install --force-reinstall torch"
        return Check("device", State.WRONG, f"torch cannot be loaded: {error}", remedy)
    memory = "" if device.memory_bytes is None else f", {device.memory_bytes / 1e9:.0f} GB"
    return Check("device", State.OK, f"{device.name} ({device.kind}{memory}), {device.precision}")


def check_embedder(choice: str, models_folder: Path) -> Check:
    """Whether the files are there; they are not read."""
    from mmsearch_desktop.models.offers import OFFERS, SAMPLE, installed, layout_of, offer_named

    if os.path.isdir(choice):  # noqa: PTH112 - raises nothing
        try:
            layout_of(Path(choice))
        except ModelProblem as error:
            return Check("embedder", State.WRONG, str(error), "Choose another with --embedder.")
        return Check("embedder", State.OK, f"the files in {choice} will be used")
    try:
        offer = offer_named(choice, (*OFFERS, SAMPLE))
    except ModelProblem as error:
        return Check("embedder", State.WRONG, str(error), "Choose another with --embedder NAME.")
    if installed(offer, models_folder):
        return Check("embedder", State.OK, f"{choice} is in {offer.folder(models_folder)}")
    return Check(
        "embedder",
        State.WRONG,
        f"the files of {choice} are not in {models_folder}",
        f"Fetch them: mmsearch-desktop models download {choice}. Or take them from a folder:"
        f" mmsearch-desktop models import {choice} FOLDER",
    )


def check_server(choices: Settings, library: Path) -> tuple[Server | None, list[Check]]:
    """The Milvus server that is set, and what was found of it; nothing where none is."""
    from mmsearch_desktop.library.milvus_server import Security, look_at, server_of

    server = None
    try:
        server = server_of(choices)
        if server is None:
            return None, []
        facts = look_at(server, library)
    except LibraryProblem as error:
        remedy = "Or take the vectors back: mmsearch-desktop server local"
        return server, [Check("Milvus server", State.WRONG, str(error), remedy)]
    fact = f"{server.address} ({facts.version}), {facts.milliseconds:.0f} ms; "
    if facts.security is Security.OPEN:
        fact += "not verified: not encrypted"
        return server, [Check("Milvus server", State.WARNING, fact, _OPEN)]
    verified = facts.security is Security.VERIFIED
    fact += "verified: encrypted, certificate checked" if verified else "on this computer"
    return server, [Check("Milvus server", State.OK, fact)]


_OPEN = "Anyone on the way can read and change what is sent. Turn TLS on, there and here."


def check_library(folder: Path, server: Server | None = None) -> Iterator[Check]:
    """What the stores hold, and whether each index holds what the catalogue does."""
    from mmsearch_desktop.library.stores import Library

    try:
        folder.lstat()
    except FileNotFoundError:
        yield Check("library", State.OK, f"{folder} is not made yet; the first use makes it")
        return
    except OSError as error:
        fact = f"{folder} cannot be reached ({error.strerror})"
        yield Check("library", State.WRONG, fact, "Choose another with --library DIR.")
        return
    try:
        with Library(folder, server=server) as library:
            yield _counts(folder, library)
            for notice in library.notices:
                yield Check("library", State.WARNING, notice)
            yield from _indexes(library)
    except LibraryBusy as error:
        remedy = "Close the other program (the window, or another command) to have it examined."
        yield Check("library", State.WARNING, str(error), remedy)
    except LibraryProblem as error:
        yield Check("library", State.WRONG, str(error), "Your photos are untouched.")


def _counts(folder: Path, library: Library) -> Check:
    photos, folders = library.catalogue.photo_count(), library.catalogue.folders()
    away = [str(path) for folder in folders for path in folder.places_away]
    fact = f"{folder}: {photos:,} photos; folders: {len(folders)}"
    if away:
        remedy = "Connect their drive; their photos are kept until then."
        return Check("library", State.WARNING, f"{fact}; away: {', '.join(away)}", remedy)
    return Check("library", State.OK, fact)


def _indexes(library: Library) -> Iterator[Check]:
    for space in library.catalogue.spaces():
        expected = library.catalogue.embedded_count(space)
        name = f"{space.model} ({space.preparation})"
        try:
            index = library.open_index(space)
            found = index.count()
        except MmsearchError as error:
            yield Check("index", State.WRONG, f"{name}: {error}", _REBUILT)
            continue
        state = State.OK if found == expected else State.WARNING
        fact = f"{name}: {found:,} of {expected:,} vectors"
        yield Check("index", state, fact, "" if state is State.OK else _REBUILT)
        index.close()


_REBUILT = "The next search or index run rebuilds it from the catalogue; nothing is lost."
