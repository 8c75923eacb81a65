"""Builds the bundle and the installer of this system; packaging/dev.py package calls it.

The time of the commit is the time of everything in it, so that building a commit again gives the
same files (packaging/compare_builds.py says where two builds differ).
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "mmsearch-desktop"
SELF_TEST_SECONDS = 900


def main() -> int:
    options = _parser().parse_args()
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("SOURCE_DATE_EPOCH", _time_of_commit())
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    out, work = options.out.resolve(), options.work.resolve()
    bundle = out / PROGRAM
    if not options.installer_only:
        _say(f"Building {bundle} …")
        build_bundle(out, work)
    _say(f"{bundle}: {megabytes(bundle):,.0f} MB")
    if options.self_test:
        return run_self_test(bundle)
    if not options.no_installer:
        _say(f"Building the installer in {out} …")
        for path in build_installer(bundle, out, work):
            _say(f"{path}: {path.stat().st_size / 1e6:,.0f} MB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("packaging/dev.py package", description=__doc__)
    add = parser.add_argument
    add("--torch", metavar="KIND", help="which torch: cpu, cu130, rocm7.1 …, or plain, the one that"
        " pip finds of itself (default: cpu on Linux, else plain)")  # fmt: skip
    add("--self-test", action="store_true", help="only the bundle; then run its self-test")
    add("--no-installer", action="store_true", help="only the bundle")
    add("--installer-only", action="store_true", help="of the bundle that was built before")
    add("--out", type=Path, default=ROOT / "dist", metavar="DIR")
    add("--work", type=Path, default=ROOT / "build" / "package", metavar="DIR")
    return parser


def build_bundle(out: Path, work: Path) -> None:
    from bundle import icons

    for folder in (out / PROGRAM, work):
        shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True)
    if platform.system() != "Linux":  # where the icon is a file of its own
        icons.write_for_programs(ROOT / "resources" / "icons" / "app.svg", work / "icons")
    places = ["--distpath", str(out), "--workpath", str(work)]
    spec = str(ROOT / "packaging" / f"{PROGRAM}.spec")
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    subprocess.run([*command, *places, spec], check=True, cwd=ROOT, env=_fixed_surroundings())
    _check_bill(out / PROGRAM)


def _fixed_surroundings() -> dict[str, str]:
    """Nothing in them may change what is built."""
    removed = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return kept | {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _check_bill(bundle: Path) -> None:
    """The bill of materials must be what its standard says, or nobody can read it."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    bill = next(bundle.rglob("sbom.cdx.json"))
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.read_text("utf-8"))
    if problem is not None:
        raise SystemExit(f"{bill} is no valid CycloneDX: {problem}")


def run_self_test(bundle: Path) -> int:
    """What `mmsearch-desktop --self-test` says; its exit status."""
    started = time.monotonic()
    program = bundle / (f"{PROGRAM}-console.exe" if os.name == "nt" else PROGRAM)
    done = subprocess.run([program, "--self-test"], check=False, timeout=SELF_TEST_SECONDS)
    _say(f"self-test: exit status {done.returncode} after {time.monotonic() - started:.0f} s")
    return done.returncode


def build_installer(bundle: Path, out: Path, work: Path) -> list[Path]:
    from mmsearch_desktop import __version__

    if platform.system() == "Linux":
        return [_build_debian(bundle, out, work / "debian")]
    recipes = ROOT / "packaging"
    if os.name == "nt":
        script = recipes / "windows" / f"{PROGRAM}.iss"
        given = [f"/O{out}", f"/DBundle={bundle}", f"/DVersion={__version__}"]
        subprocess.run(["iscc", *given, str(script)], check=True, cwd=ROOT)
        return [out / f"{PROGRAM}-{__version__}-setup.exe"]
    script = recipes / "macos" / "make_dmg.sh"
    subprocess.run(["sh", str(script), str(out), __version__], check=True, cwd=ROOT)
    return [out / f"{PROGRAM}-{__version__}.dmg"]


def _build_debian(bundle: Path, out: Path, work: Path) -> Path:
    from bundle import debian
    from bundle.grammar import read
    from mmsearch_desktop import __version__, arguments
    from mmsearch_desktop.models.judge_offers import JUDGES
    from mmsearch_desktop.models.offers import OFFERS

    models = tuple(offer.name for offer in (*OFFERS, *JUDGES))
    said = debian.Said(__version__, read(arguments.grammar()), models)
    try:
        return debian.build(bundle, ROOT, work, out, said)
    except debian.DebianProblem as problem:
        raise SystemExit(f"the Debian package was not built: {problem}") from problem


def megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


def _time_of_commit() -> str:
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return told or "1767225600"  # outside a repository: the start of 2026


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
