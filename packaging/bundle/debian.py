"""The Debian package: the bundle, its places in a desktop, and what it needs from the system.

Built by Debian's own dpkg-deb. Members are sorted and bear the time SOURCE_DATE_EPOCH, so that the
same bundle gives the same file. https://www.debian.org/doc/debian-policy/
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bundle import completion, manual
from bundle.documents import PLACE, made_seconds
from bundle.icons import write_hicolor

if TYPE_CHECKING:
    from bundle.grammar import Command

PROGRAM = "mmsearch-desktop"
HOME = Path("usr/lib") / PROGRAM
_NEEDED = re.compile(r"^\s+NEEDED\s+(\S+)", re.MULTILINE)
_ELF = b"\x7fELF"
# of libraries that a machine that builds need not have
_KNOWN = {"libwayland-egl.so.1": "libwayland-egl1"}
# What Qt opens by name, so that no file of the bundle names it as needed; and fontconfig, which
# lists the fonts for all: without it each person's home gets a list of its own
_ALSO = ("libegl1", "libgl1", "libfontconfig1", "fontconfig")
# Renamed in later Debian and Ubuntu without keeping the old name everywhere
_EITHER = {"libglib2.0-0": "libglib2.0-0 | libglib2.0-0t64"}


@dataclass(frozen=True, slots=True)
class Said:
    """What the package is told beside the files: the program's words and its models' names."""

    version: str
    grammar: Command
    models: tuple[str, ...]


class DebianProblem(Exception):
    """The package cannot be built; the text says what to do."""


def build(bundle: Path, root: Path, work: Path, out: Path, said: Said) -> Path:
    """The package in `out`. `root`: our sources; `work`: emptied, then filled with the tree."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(bundle, work / HOME, symlinks=True)
    _place_in_desktop(root, work, said)
    _say_licences(work)
    architecture = _output("dpkg", "--print-architecture").strip()
    _write_control(root, work, said.version, architecture)
    _make_uniform(work)
    path = out / f"{PROGRAM}_{said.version}_{architecture}.deb"
    _output("dpkg-deb", "--root-owner-group", "-Zzstd", "-z12", "--build", str(work), str(path))
    return path


def _place_in_desktop(root: Path, work: Path, said: Said) -> None:
    share, ours = work / "usr" / "share", root / "packaging" / "debian"
    day = time.strftime("%Y-%m-%d", time.gmtime(made_seconds()))
    _link(work / "usr" / "bin" / PROGRAM, Path("..") / "lib" / PROGRAM / PROGRAM)
    for name, place in {
        f"{PROGRAM}.desktop": f"applications/{PROGRAM}.desktop",
        "search-with.servicemenu.desktop": f"kio/servicemenus/{PROGRAM}.desktop",
        "search-with.action.desktop": f"file-manager/actions/{PROGRAM}.desktop",
        "search-with.nemo_action": f"nemo/actions/{PROGRAM}.nemo_action",
        f"{PROGRAM}.metainfo.xml": f"metainfo/{PROGRAM}.metainfo.xml",
    }.items():
        text = (ours / name).read_text(encoding="utf-8")
        _write(share / place, text.replace("@VERSION@", said.version).replace("@DATE@", day))
    write_hicolor(root / "resources" / "icons" / "app.svg", share / "icons")
    page = manual.page(PROGRAM, said.grammar, said.version, made_seconds())
    _write_compressed(share / "man" / "man1" / f"{PROGRAM}.1.gz", page)
    for write, place in (
        (completion.bash, f"bash-completion/completions/{PROGRAM}"),
        (completion.zsh, f"zsh/vendor-completions/_{PROGRAM}"),
        (completion.fish, f"fish/vendor_completions.d/{PROGRAM}.fish"),
    ):
        _write(share / place, write(PROGRAM, said.grammar, said.models))


def _say_licences(work: Path) -> None:
    folder = work / "usr" / "share" / "doc" / PROGRAM
    inside = Path("..", "..", "..", "lib", PROGRAM, "_internal", PLACE)
    _link(folder / "sbom.cdx.json", inside / "sbom.cdx.json")
    all_of_them = work / HOME / "_internal" / PLACE / "LICENSES.txt"
    if all_of_them.is_file():
        _write(folder / "copyright", all_of_them.read_text(encoding="utf-8"))


def _write_control(root: Path, work: Path, version: str, architecture: str) -> None:
    template = (root / "packaging" / "debian" / "control.in").read_text(encoding="utf-8")
    kilobytes = sum(path.lstat().st_size for path in _files(work)) // 1024 + 1
    control = (
        template.replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@INSTALLED_SIZE@", str(kilobytes))
        .replace("@DEPENDS@", ", ".join(depends(work / HOME)))
    )
    sums = [f"{_md5(path)}  {path.relative_to(work)}" for path in _files(work)]
    _write(work / "DEBIAN" / "control", control)
    _write(work / "DEBIAN" / "md5sums", "\n".join(sums) + "\n")


def depends(bundle: Path) -> list[str]:
    """The Debian packages with the libraries that the bundle needs and does not hold."""
    packages = {package for name in outside(bundle) for package in _providers(name)}
    packages |= set(_ALSO)
    libc = ".".join(_output("dpkg-query", "--show", "-f=${Version}", "libc6").split(".")[:2])
    packages.discard("libc6")
    named = [_EITHER.get(package, package) for package in sorted(packages)]
    return [f"libc6 (>= {libc.partition('-')[0]})", *named]


def outside(bundle: Path) -> list[str]:
    """The names of shared libraries that must come from the system, sorted."""
    libraries = list(bundle.rglob("*.so*"))
    private = {path.name for path in libraries if _is_private(path)}
    common = {path.name for path in libraries if not _is_private(path)}
    needed: set[str] = set()
    for path in (path for path in bundle.rglob("*") if _is_elf(path)):
        inside = common | private if _is_private(path) else common
        needed.update(name for name in needed_by(path) if name not in inside)
    return sorted(name for name in needed if not name.startswith("ld-linux"))


def _is_private(path: Path) -> bool:
    """The engine of milvus-lite has libraries that nothing else looks for."""
    return path.parent.match("milvus_lite/lib")


def needed_by(path: Path) -> list[str]:
    return _NEEDED.findall(_output("objdump", "--private-headers", str(path)))


def _is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == _ELF


def _providers(library: str) -> Iterator[str]:
    """Raises DebianProblem for one that no installed package has."""
    if library in _KNOWN:
        yield _KNOWN[library]
        return
    found = subprocess.run(
        ["dpkg-query", "--search", f"*/{library}"], capture_output=True, text=True, check=False
    )
    names = {line.partition(":")[0] for line in found.stdout.splitlines()}
    names = {name for name in names if not name.endswith("-dev")}
    if not names:
        raise DebianProblem(
            f"{library} is needed by the bundle, and no package installed here has it. Install the"
            " one that has, so that it can be asked for, or leave out what needs it"
            " (packaging/bundle/chosen.py)"
        )
    yield min(names, key=lambda name: (len(name), name))


def _make_uniform(work: Path) -> None:
    """The same rights and times whoever builds."""
    for path in [work, *work.rglob("*")]:
        if not path.is_symlink():
            is_program = path.is_dir() or _is_program(path)
            path.chmod(0o755 if is_program else 0o644)
    for path in [*work.rglob("*"), work]:
        os.utime(path, (made_seconds(), made_seconds()), follow_symlinks=False)


def _is_program(path: Path) -> bool:
    return ".so" not in path.name and _is_elf(path)


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in found if "DEBIAN" not in path.parts)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_compressed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DebianProblem(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout
