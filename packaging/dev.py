#!/usr/bin/env python3
"""The two README commands: set up everything, then run the app, or every check and test.

    python3 packaging/dev.py run [-- ARGUMENTS]     the window, or a command of the app
    python3 packaging/dev.py test [-- ARGUMENTS]    checks and tests (arguments go to pytest; with
                                                    none, as root, also against Milvus servers)
    python3 packaging/dev.py bench [-- ARGUMENTS]   benchmarks (arguments choose some by name)
    python3 packaging/dev.py package [ARGUMENTS]    the packaged app and its installer (see --help)
    python3 packaging/dev.py sample STEP            makes the sample model: pool, train, export,
                                                    gallery, evaluate or photos (see --help of each)
    python3 packaging/dev.py setup                  the set-up alone

Standard library only. Makes `.venv` beside pyproject.toml with the versions that
packaging/constraints.txt pins; does nothing when they are already there.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PACKAGE_VENV = ROOT / ".venv-package"  # what is installed there is what the bundle may hold
SERVERS_VENV = ROOT / ".venv-servers"  # the Milvus servers that tests start
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
OLDEST, NEWEST = (3, 11), (3, 13)

# What Qt loads from the system on Linux, and the Debian package that has it.
WINDOW_LIBRARIES = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
}
# What the tests in a real window call, and the Debian package that has it.
TEST_PROGRAMS = {
    "Xvfb": "xvfb",
    "xauth": "xauth",
    "xdotool": "xdotool",
    "openbox": "openbox",
    "import": "imagemagick",
}
PACKAGE_PROGRAMS = {"objdump": "binutils", "dpkg-deb": "dpkg"}
# Beside milvus-lite 3, of which the main environment has the older engine of the same name.
SERVER_PACKAGES = ("milvus==2.3.5", "pymilvus", "cryptography==50.0.2")
SERVER_TESTS = ("tests/library/test_servers.py", "tests/ui/test_window_on_server.py")
PRIVATE_NETWORK = "tests.library.private_network"
SAMPLE_STEPS = ("pool", "train", "export", "gallery", "evaluate", "photos", "labelled_set",
                "judge_train", "judge_export", "judge_evaluate")  # fmt: skip
CHECKS = (
    ("style", ["ruff", "check", "."]),
    ("format", ["ruff", "format", "--check", "."]),
    ("types", ["mypy"]),
    ("imports", ["lint-imports"]),
)


class SetupError(Exception):
    """Something that stops the set-up; its text says what to do."""


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    rest = options.rest[1:] if options.rest[:1] == ["--"] else options.rest
    try:
        _check_python()
        if options.command == "run":
            _check_display(rest)
        if options.command == "package":
            return _package(rest)
        _check_system(tests=options.command == "test")
        _install(tests=options.command in ("test", "bench"))
        commands = {"setup": _say_ready, "run": _run, "test": _test, "bench": _bench}
        return {**commands, "sample": _sample}[options.command](rest)
    except SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("setup", "run", "test", "bench", "sample", "package"))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="after --: passed on")
    return parser


def _check_python() -> None:
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        raise SetupError(
            f"this is Python {version[0]}.{version[1]}; the app needs Python 3.11, 3.12 or 3.13."
            " Call this script with one of those, for example: python3.11 packaging/dev.py run"
        )


def _check_display(arguments: list[str]) -> None:
    """Refuse to open a window where there is no screen; commands need none."""
    commands = {
        "demo",
        "index",
        "search",
        "judge",
        "evaluate",
        "embed",
        "models",
        "server",
        "doctor",
    }
    commands |= {"--help", "-h", "--version"}
    if commands.intersection(arguments) or not sys.platform.startswith("linux"):
        return
    if not any(os.environ.get(v) for v in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise SetupError(
            "there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set). Start it from"
            " a desktop, or use the command line: python3 packaging/dev.py run -- index FOLDER"
        )


def _check_system(*, tests: bool, packaging: bool = False) -> None:
    """See that the system has what Qt (and venv) needs; install it as root on Debian."""
    if not sys.platform.startswith("linux"):
        return
    missing = [] if _venv_can_be_made() else ["python3-venv"]
    missing += [package for name, package in WINDOW_LIBRARIES.items() if not _loads(name)]
    programs = (TEST_PROGRAMS if tests else {}) | (PACKAGE_PROGRAMS if packaging else {})
    missing += [package for name, package in programs.items() if not shutil.which(name)]
    if missing:
        _install_debian(missing)


def _venv_can_be_made() -> bool:
    return _python().is_file() or _has_module("ensurepip")


def _has_module(name: str) -> bool:
    return Path(sysconfig.get_paths()["stdlib"], name, "__init__.py").is_file()


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _install_debian(packages: list[str]) -> None:
    apt = shutil.which("apt-get")
    install = ["install", "-y", "--no-install-recommends", *packages]
    if apt is None:
        raise SetupError(
            "this system lacks libraries that Qt needs. Install what has, in Debian's names: "
            + " ".join(packages)
        )
    if os.geteuid() != 0:
        raise SetupError(
            "this system lacks packages that the window needs. Run this line, then try again:\n"
            f"  sudo apt-get update && sudo apt-get {' '.join(install)}"
        )
    print("Installing Debian packages:", " ".join(packages), flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update", "-qq"], ["-qq", *install]):
        done = subprocess.call(
            [apt, *step], env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        if done:
            raise SetupError(f"apt-get {' '.join(step)} failed; its message is above")


def _python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _install(*, tests: bool) -> None:
    extras = "[test]" if tests else ""
    wanted = _fingerprint()
    if any(_stamp(kind) == wanted for kind in ({"[test]"} if tests else {"[test]", ""})):
        return
    if not _python().is_file():
        print(f"Making {VENV.name} …", flush=True)
        _call([sys.executable, "-m", "venv", str(VENV)], "the virtual environment was not made")
    print("Installing the pinned packages (the first time this takes some minutes) …", flush=True)
    pins = ["--disable-pip-version-check", "--constraint", str(CONSTRAINTS)]
    remedy = (
        "packages could not be installed; pip's message is above. Without a network connection"
        " the first set-up cannot work: connect and call the same command again"
    )
    pip = [str(_python()), "-m", "pip", "install", "--quiet", *pins]
    _call([*pip, "setuptools"], remedy)
    _call([*pip, "--no-build-isolation", "--editable", f"{ROOT}{extras}"], remedy)
    _stamp_path(extras).write_text(wanted, encoding="utf-8")


def _fingerprint() -> str:
    parts = [CONSTRAINTS.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), bytes(ROOT)]
    return hashlib.sha256(b"\0".join([*parts, sys.version.encode()])).hexdigest()


def _stamp_path(extras: str) -> Path:
    return VENV / f"installed{extras.strip('[]') and '-test'}.txt"


def _stamp(extras: str) -> str | None:
    path = _stamp_path(extras)
    return path.read_text(encoding="utf-8") if path.is_file() and _python().is_file() else None


def _call(command: list[str], remedy: str) -> None:
    if subprocess.call(command, cwd=ROOT):
        raise SetupError(remedy)


def _say_ready(_: list[str]) -> int:
    print(f"Ready: {_python()} -m mmsearch_desktop")
    return 0


def _run(arguments: list[str]) -> int:
    return subprocess.call([str(_python()), "-m", "mmsearch_desktop", *arguments])


def _test(arguments: list[str]) -> int:
    """Every check, then every test; all run even when one fails."""
    failed = []
    for name, command in CHECKS:
        print(f"== {name}", flush=True)
        program = _python().parent / command[0]
        if subprocess.call([str(program), *command[1:]], cwd=ROOT):
            failed.append(name)
    print("== tests", flush=True)
    if subprocess.call([str(_python()), "-m", "pytest", "-q", *arguments], cwd=ROOT):
        failed.append("tests")
    if not arguments and not _test_servers():
        failed.append("tests against servers")
    print(f"dev.py: failed: {', '.join(failed)}" if failed else "dev.py: all checks and tests pass")
    return 1 if failed else 0


def _test_servers() -> bool:
    """Milvus listens on every interface, so that it runs where it can reach none but itself."""
    left_out = _no_private_network() or _no_servers()
    if left_out:
        print(f"== tests against Milvus servers: left out ({left_out})", flush=True)
        return True
    print("== tests against Milvus servers, in a network of their own", flush=True)
    tests = [str(_python()), "-m", "pytest", "-q", "-m", "server", *SERVER_TESTS]
    return subprocess.call([str(_python()), "-m", PRIVATE_NETWORK, *tests], cwd=ROOT) == 0


def _no_private_network() -> str:
    """Why none can be made here; "" where one can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "they need Linux, and root"
    tried = [str(_python()), "-m", PRIVATE_NETWORK, "true"]
    done = subprocess.run(tried, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip() or "no network of their own")


def _no_servers() -> str:
    """Install them, if need be; why they could not be."""
    python = SERVERS_VENV / _python().relative_to(VENV)
    stamp, pins = SERVERS_VENV / "installed.txt", SERVERS_VENV / "constraints.txt"
    wanted = f"{_fingerprint()} {SERVER_PACKAGES}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return ""
    print(f"Making {SERVERS_VENV.name} (some minutes the first time) …", flush=True)
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    engines = [line for line in lines if line.startswith("milvus-lite")]
    newer = [line.partition(";")[0] for line in engines if line.endswith('== "win32"')]
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(SERVERS_VENV)]):
        return f"{SERVERS_VENV.name} could not be made"
    pins.write_text("\n".join(line for line in lines if line not in engines), encoding="utf-8")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.call([*pip, "--constraint", str(pins), *newer, *SERVER_PACKAGES], cwd=ROOT):
        return "they could not be installed; pip's message is above"
    stamp.write_text(wanted, encoding="utf-8")
    return ""


def _bench(arguments: list[str]) -> int:
    return subprocess.call([str(_python()), "-m", "tests.benchmarks", *arguments], cwd=ROOT)


def _sample(arguments: list[str]) -> int:
    """One step of making the sample model, with its own arguments."""
    if not arguments or arguments[0] not in SAMPLE_STEPS:
        raise SetupError(f"say which step: sample {' | '.join(SAMPLE_STEPS)}")
    paths = {**os.environ, "PYTHONPATH": str(ROOT / "packaging")}
    command = [str(_python()), "-m", f"sample_model.{arguments[0]}", *arguments[1:]]
    return subprocess.call(command, cwd=ROOT, env=paths)


def _package(arguments: list[str]) -> int:
    """Build in an environment of its own, with the torch that `--torch` names."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--torch", default="cpu" if sys.platform.startswith("linux") else "plain")
    torch = parser.parse_known_args(arguments)[0].torch
    _check_system(tests=False, packaging=True)
    python = _install_for_packaging(torch)
    paths = {**os.environ, "PYTHONPATH": str(ROOT / "packaging"), "PYTHONHASHSEED": "0"}
    return subprocess.call([str(python), "-m", "bundle", *arguments], cwd=ROOT, env=paths)


def _install_for_packaging(torch: str) -> Path:
    """The Python that builds. `torch`: the ending of its version, as in 2.13.0+cpu, or plain."""
    python = PACKAGE_VENV / _python().relative_to(VENV)
    stamp, wanted = PACKAGE_VENV / "installed.txt", f"{_fingerprint()} {torch}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"Making {PACKAGE_VENV.name} anew (some minutes) …", flush=True)
    remake = [sys.executable, "-m", "venv", "--clear", str(PACKAGE_VENV)]
    _call(remake, "the virtual environment was not made")
    torch_version = _pinned("torch") + ("" if torch == "plain" else f"+{torch}")
    remedy = (
        f"packages could not be installed; pip's message is above. If it is torch {torch_version}"
        " that is not found: packaging/README.md says where pip is to look for it"
    )
    pins = ["--disable-pip-version-check", "--constraint", str(CONSTRAINTS)]
    pip = [str(python), "-m", "pip", "install", "--quiet", *pins]
    _call([*pip, "setuptools", f"torch=={torch_version}"], remedy)
    _call([*pip, "--no-build-isolation", "--editable", f"{ROOT}[package]"], remedy)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _pinned(package: str) -> str:
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{package}=="))


if __name__ == "__main__":
    sys.exit(main())
