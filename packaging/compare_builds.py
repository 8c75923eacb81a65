#!/usr/bin/env python3
"""Says where two builds of one commit differ: two bundles, or two installers.

    python3 packaging/compare_builds.py ONE OTHER       folders or files that were built
    python3 packaging/compare_builds.py --twice         build twice, then compare (some minutes)

Exit status: 0 where they differ at most in the places named here, else 1. Standard library only.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Where two builds may differ, and why. Empty: they may not.
NAMED_PLACES: dict[str, str] = {}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("builds", nargs="*", type=Path, metavar="BUILD")
    parser.add_argument("--twice", action="store_true", help="build twice and compare")
    options = parser.parse_args()
    if options.twice == bool(options.builds) or len(options.builds) not in (0, 2):
        parser.error("give two builds, or --twice")
    if options.twice:
        return _build_twice()
    return report(*options.builds)


def _build_twice() -> int:
    """At one place, one after the other: nobody promises the same bytes for two places."""
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        place, first = Path(folder, "build"), Path(folder, "first")
        for turn in (1, 2):
            print(f"Build {turn} of 2 …", flush=True)
            where = ["--out", str(place / "dist"), "--work", str(place / "work")]
            command = [sys.executable, str(ROOT / "packaging" / "dev.py"), "package", *where]
            subprocess.run(command, check=True)
            if turn == 1:
                (place / "dist").rename(first)
        for built in sorted(first.iterdir()):
            status |= report(built, place / "dist" / built.name)
    return status


def report(one: Path, other: Path) -> int:
    found = list(differences(one, other))
    for place, what in found:
        reason = _named(place)
        print(f"{place}: {what}{f' (may be: {reason})' if reason else ''}")
    unnamed = [place for place, _ in found if _named(place) is None]
    print(f"{one} and {other}: {len(found)} places differ, {len(unnamed)} of them unnamed")
    return 1 if unnamed else 0


def differences(one: Path, other: Path) -> Iterator[tuple[str, str]]:
    """The place of each, as it is named inside, and what it is."""
    if not one.is_dir():
        if _facts(one) != _facts(other):
            yield one.name, "the bytes differ"
        return
    ours, theirs = _listed(one), _listed(other)
    for place in sorted(ours.keys() | theirs.keys()):
        if place not in theirs:
            yield place, f"only in {one}"
        elif place not in ours:
            yield place, f"only in {other}"
        elif ours[place] != theirs[place]:
            kinds = ("kind", "rights", "link", "bytes")
            pairs = zip(kinds, ours[place], theirs[place], strict=True)
            yield place, ", ".join(kind for kind, a, b in pairs if a != b) + " differ"


def _listed(folder: Path) -> dict[str, tuple[str, ...]]:
    return {path.relative_to(folder).as_posix(): _facts(path) for path in folder.rglob("*")}


def _facts(path: Path) -> tuple[str, ...]:
    """Kind, rights, where a link leads, checksum."""
    if path.is_symlink():
        return ("link", "", os.readlink(path), "")  # noqa: PTH115 as it is written
    rights = oct(path.stat().st_mode & 0o777)
    if path.is_dir():
        return ("folder", rights, "", "")
    with path.open("rb") as file:
        return ("file", rights, "", hashlib.file_digest(file, "sha256").hexdigest())


def _named(place: str) -> str | None:
    found = (why for pattern, why in NAMED_PLACES.items() if fnmatch.fnmatchcase(place, pattern))
    return next(found, None)


if __name__ == "__main__":
    sys.exit(main())
