"""Whose each file of the bundle is: Python packages, Python itself, Debian's libraries, our own.

Every file must belong to somebody: a list of parts that leaves something out is worth little.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Entry = tuple[str, str, str]  # of PyInstaller: place in the bundle, source, kind
_NO_FILE = ("-", "")
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)
# what packages say in words of their own -> SPDX
_WORDS = {
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "mit license": "MIT",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "psfl": "PSF-2.0",
}
# said neither by the package's data nor in SPDX's words; found in the files of the package
_KNOWN = {
    "milvus-lite": "Apache-2.0",
    "pyinstaller": "GPL-2.0-or-later WITH Bootloader-exception",
    "pyinstaller-hooks-contrib": "Apache-2.0 OR GPL-2.0-or-later",
    "PySide6_Essentials": "LGPL-3.0-only",
    "shiboken6": "LGPL-3.0-only",
    "pillow_heif": "BSD-3-Clause AND LGPL-3.0-or-later AND GPL-2.0-or-later",
}


class UnknownOwner(Exception):
    """A file of the bundle that belongs to nothing known here."""


@dataclass(frozen=True, slots=True)
class Text:
    """One licence text, and the name of the file it came from."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """Who a file belongs to; `kind` is "own", "python", "interpreter" or "debian"."""

    kind: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that the bundle holds, with all its files there (place, source), sorted."""

    owner: Owner
    licence: str  # in SPDX's words, or in the package's own
    page: str
    texts: tuple[Text, ...]
    files: tuple[tuple[str, str], ...]


class Owners:
    """Finds the owner of a source file."""

    def __init__(self, root: Path, work: Path, version: str) -> None:
        """`root`: our sources; `work`: where PyInstaller writes what it makes."""
        self._root, self._work = root.resolve(), work.resolve()
        self._own = Owner("own", "mmsearch-desktop", version)
        self._interpreter = Owner("interpreter", "Python", platform.python_version())
        self._packages = _files_of_packages()
        self._debian: dict[str, Owner] = {}

    def of(self, entry: Entry) -> Owner:
        """Raises UnknownOwner naming the file."""
        place, source, _ = entry
        path = Path(os.path.realpath(source))
        package = self._packages.get(str(path))
        if package is not None:
            return package
        if path.name == "base_library.zip" or self._is_pythons(path):
            return self._interpreter
        if path.is_relative_to(sys.prefix) and sys.prefix != sys.base_prefix:
            raise UnknownOwner(f"{place}: {path} belongs to no package that is installed there")
        if path.is_relative_to(self._root) or path.is_relative_to(self._work):
            return self._own
        found = _debian_package(path)
        if found is None:
            raise UnknownOwner(f"{place}: nothing installed here knows {path}. Is it needed?")
        return found

    def _is_pythons(self, path: Path) -> bool:
        if "site-packages" in path.parts or "dist-packages" in path.parts:
            return False
        libraries = (sysconfig.get_paths()["stdlib"], sysconfig.get_config_var("LIBDIR"))
        homes = [Path(os.path.realpath(one)) for one in libraries if one]
        return path.is_relative_to(homes[0]) or (
            path.name.startswith("libpython") and path.is_relative_to(homes[-1])
        )


def _files_of_packages() -> dict[str, Owner]:
    """Of all packages that are installed here but ours, which is built from its sources."""
    found: dict[str, Owner] = {}
    for package in importlib.metadata.distributions():
        if package.name == "mmsearch-desktop":
            continue
        owner = Owner("python", package.name, package.version)
        home = os.path.realpath(str(package.locate_file("")))
        found |= {os.path.normpath(f"{home}/{file}"): owner for file in package.files or ()}
    return found


def _debian_package(path: Path) -> Owner | None:
    if shutil.which("dpkg-query") is None:
        return None
    # a system whose /lib is a link to /usr/lib may know the file by either name
    names = {str(path), str(path).removeprefix("/usr"), f"/usr{path}"}
    asked = subprocess.run(
        ["dpkg-query", "--search", *sorted(names)], capture_output=True, text=True, check=False
    )
    if not asked.stdout:
        return None
    name = asked.stdout.split(": ")[0].split(",")[0]
    shown = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package}\t${Version}", name],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    package, version = shown.stdout.split("\t")
    return Owner("debian", package, version)


def parts(entries: Iterable[Entry], owners: Owners, licences: Path) -> list[Part]:
    """Everything that has files in the bundle, sorted. `licences`: texts that packages lack."""
    files: dict[Owner, set[tuple[str, str]]] = defaultdict(set)
    for entry in entries:
        if entry[1] in _NO_FILE or entry[2] == "SYMLINK":
            continue
        files[owners.of(entry)].add((entry[0], entry[1]))
    return [_part(owner, tuple(sorted(files[owner])), licences) for owner in sorted(files)]


def _part(owner: Owner, files: tuple[tuple[str, str], ...], licences: Path) -> Part:
    if owner.kind == "python":
        package = importlib.metadata.distribution(owner.name)
        return Part(owner, _licence(package), _page(package), _texts(package, licences), files)
    if owner.kind == "debian":
        return Part(owner, "see its text", "", (_debian_text(owner.name),), files)
    if owner.kind == "interpreter":
        text = Text("LICENSE.txt", _python_licence())
        return Part(owner, "PSF-2.0", "https://www.python.org", (text,), files)
    text = Text("LICENSE", (licences.parents[1] / "LICENSE").read_text(encoding="utf-8"))
    return Part(owner, "Apache-2.0", "", (text,), files)


def _licence(package: importlib.metadata.Distribution) -> str:
    data = package.metadata
    if package.name in _KNOWN:
        return _KNOWN[package.name]
    said = _said(package, "License-Expression") or _said(package, "License")
    if not said or said == "UNKNOWN" or "\n" in said:
        classes = [one for one in data.get_all("Classifier") or () if one.startswith("License")]
        said = " OR ".join(re.sub(r" \(.*\)$", "", one.split(" :: ")[-1]) for one in classes)
    return _WORDS.get(said.lower(), said) or "not said"


def _page(package: importlib.metadata.Distribution) -> str:
    pages = [one.partition(", ") for one in package.metadata.get_all("Project-URL") or ()]
    ranked = [url for label, _, url in pages if label.lower() in ("homepage", "home", "source")]
    return _said(package, "Home-page") or next(iter(ranked), "")


def _said(package: importlib.metadata.Distribution, name: str) -> str:
    """One line of its metadata; empty where it has none of that name."""
    values = package.metadata.get_all(name) or ("",)
    return str(values[0])


def _texts(package: importlib.metadata.Distribution, licences: Path) -> tuple[Text, ...]:
    found = []
    for file in sorted(package.files or (), key=str):
        if _LICENCE_FILE.search(file.name) and file.suffix not in (".py", ".pyc", ".json"):
            path = Path(str(package.locate_file(file)))
            if path.is_file():
                name = str(file).partition(".dist-info/")[2] or str(file)
                found.append(Text(name.removeprefix("licenses/"), _read(path)))
    return tuple(found) or _texts_by_name(_licence(package), licences)


def _texts_by_name(licence: str, licences: Path) -> tuple[Text, ...]:
    """For packages that come without; LGPL 3 adds to GPL 3 and is nothing without it."""
    if licence == "Apache-2.0":
        own = licences.parents[1] / "LICENSE"
        return (Text("Apache-2.0.txt", _read(own)),)
    if licence == "LGPL-3.0-only":
        names = ("LGPL-3.0.txt", "GPL-3.0.txt")
        return tuple(Text(name, _read(licences / name)) for name in names)
    return ()


def _debian_text(package: str) -> Text:
    path = Path("/usr/share/doc", package, "copyright")
    return Text("copyright", _read(path) if path.is_file() else "")


def _python_licence() -> str:
    path = Path(sysconfig.get_paths()["stdlib"], "LICENSE.txt")
    return _read(path) if path.is_file() else f"{sys.copyright}\nPSF License Agreement, version 2"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
