"""What the packaged app says of itself to a system: manual, completion, menus, recipes."""

from __future__ import annotations

import argparse
import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bundle import chosen, completion, debian, manual
from bundle.grammar import Command, Takes, read
from mmsearch_desktop import arguments
from mmsearch_desktop.library.decode import SUFFIXES

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
PROGRAM = "mmsearch-desktop"
MODELS = ("small-model", "large-model")


@pytest.fixture(scope="module")
def grammar() -> Command:
    return read(arguments.grammar())


def test_the_grammar_holds_every_command(grammar: Command) -> None:
    names = {" ".join(command.words) for command in grammar.walk()}
    assert {"", "index", "search", "judge", "models", "models download", "doctor"} <= names
    search = next(command for command in grammar.walk() if command.words == ("search",))
    options = {flag: word for word in search.options for flag in word.flags}
    assert options["--image"].takes is Takes.FILE
    assert options["--folder"].takes is Takes.FOLDER
    assert options["--json"].takes is Takes.NOTHING
    assert "composed" in options["--mode"].choices


def test_the_manual_page_tells_every_option(grammar: Command) -> None:
    page = manual.page(PROGRAM, grammar, "1.2", 0)
    assert page.startswith('.TH MMSEARCH-DESKTOP 1 "1970-01-01" "mmsearch-desktop 1.2"')
    for command in grammar.walk():
        for flag in (flag for word in command.options for flag in word.flags):
            assert flag.replace("-", "\\-") in page, f"{command.words}: {flag}"


@pytest.mark.skipif(shutil.which("man") is None, reason="no man here")
def test_man_finds_no_fault_with_the_page(grammar: Command, tmp_path: Path) -> None:
    path = tmp_path / f"{PROGRAM}.1"
    path.write_text(manual.page(PROGRAM, grammar, "1.2", 0))
    shown = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(path)],
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stderr == ""
    assert "--show-query-picture" in shown.stdout


def test_troffs_own_marks_are_taken_as_text() -> None:
    parser = argparse.ArgumentParser("x", description="A\n.dangerous 'line' \\ here")
    page = manual.page("x", read(parser), "1", 0)
    assert "\n\\&.dangerous" in page
    assert "\\e here" in page


def _completed(script: str, *words: str) -> list[str]:
    line = " ".join(f"'{word}'" for word in words)
    ask = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _mmsearch_desktop\n"
    ask += 'printf "%s\\n" "${COMPREPLY[@]}"'
    shown = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    return shown.stdout.split("\n")[:-1]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes(grammar: Command, tmp_path: Path) -> None:
    script = completion.bash(PROGRAM, grammar, MODELS)
    (tmp_path / "my photos").mkdir()
    (tmp_path / "my file.jpg").touch()
    assert _completed(script, PROGRAM, "sea") == ["search"]
    assert _completed(script, PROGRAM, "models", "dow") == ["download"]
    assert _completed(script, PROGRAM, "models", "download", "la") == ["large-model"]
    assert _completed(script, PROGRAM, "--library", "x", "search", "--show") == [
        "--show-query-picture"
    ]
    assert _completed(script, PROGRAM, "index", f"{tmp_path}/my") == [f"{tmp_path}/my photos"]
    assert _completed(script, PROGRAM, "search", "--image", f"{tmp_path}/my f") == [
        f"{tmp_path}/my file.jpg"
    ]
    assert "--self-test" not in _completed(script, PROGRAM, "index", "--")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_theirs(shell: str, grammar: Command, tmp_path: Path) -> None:
    text = {"zsh": completion.zsh, "fish": completion.fish}[shell](PROGRAM, grammar, MODELS)
    for command in grammar.commands:
        assert command.words[0] in text
    if shutil.which(shell):
        path = tmp_path / "completion"
        path.write_text(text)
        subprocess.run([shell, "-n", str(path)], check=True)


# -- what goes in -------------------------------------------------------------------------------


def test_every_resource_goes_along(tmp_path: Path) -> None:
    for name in ("style.qss", "sample_photos/a b.jpg", "sample_model/model.bin", "__init__.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert {Path(place).as_posix() for _, place in chosen.resources(tmp_path)} == {
        "resources",
        "resources/sample_photos",
        "resources/sample_model",
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="libraries of Linux")
def test_desktop_libraries_stay_the_systems() -> None:
    system = "/usr/lib/x86_64-linux-gnu"
    entries = [
        ("libstdc++.so.6", f"{system}/libstdc++.so.6", "BINARY"),
        ("libX11.so.6", f"{system}/libX11.so.6", "BINARY"),
        ("libssl.so.3", f"{system}/libssl.so.3", "BINARY"),
        ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK"),
        ("torch/lib/libc10.so", "/venv/torch/lib/libc10.so", "BINARY"),
        ("torch/bin/test_api", "/venv/torch/bin/test_api", "DATA"),
        ("torch/bin/torch_shm_manager", "/venv/torch/bin/torch_shm_manager", "DATA"),
    ]
    assert [place for place, _, _ in chosen.kept(entries)] == [
        "libQt6Core.so.6",
        "libssl.so.3",
        "torch/bin/torch_shm_manager",
        "torch/lib/libc10.so",
    ]


# -- desktops -----------------------------------------------------------------------------------


def _desktop_file(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, strict=True)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    parsed.read_string((PACKAGING / "debian" / name).read_text(encoding="utf-8"))
    return parsed


@pytest.mark.parametrize(
    ("name", "group", "key"),
    [
        (f"{PROGRAM}.desktop", "Desktop Entry", "MimeType"),
        ("search-with.servicemenu.desktop", "Desktop Entry", "MimeType"),
        ("search-with.action.desktop", "X-Action-Profile searchWith", "MimeTypes"),
        ("search-with.nemo_action", "Nemo Action", "Mimetypes"),
    ],
)
def test_folders_and_pictures_have_the_action(name: str, group: str, key: str) -> None:
    parsed = _desktop_file(name)
    types = parsed[group][key].rstrip(";").split(";")
    assert {"inode/directory", "image/jpeg", "image/png", "image/heif"} <= set(types)
    lines = [parsed[one]["Exec"] for one in parsed.sections() if "Exec" in parsed[one]]
    assert lines == [f"{PROGRAM} --open %F"]
    options = arguments.parse(["--open", "/a", "/b c"])
    assert options.paths == [Path("/a"), Path("/b c")]


def test_opening_nothing_is_the_window() -> None:
    assert arguments.parse(["--open"]).paths == []


def test_the_desktop_file_is_as_its_standard_says() -> None:
    entry = _desktop_file(f"{PROGRAM}.desktop")["Desktop Entry"]
    assert {"Type", "Name", "Exec", "Icon", "Categories"} <= set(entry)
    assert entry["Icon"] == entry["StartupWMClass"] == PROGRAM
    for key in ("Categories", "MimeType", "Keywords"):
        assert entry[key].endswith(";")
    if shutil.which("desktop-file-validate"):
        path = str(PACKAGING / "debian" / f"{PROGRAM}.desktop")
        subprocess.run(["desktop-file-validate", path], check=True)


def test_the_metainfo_can_be_read() -> None:
    path = PACKAGING / "debian" / f"{PROGRAM}.metainfo.xml"
    root = ET.parse(path).getroot()  # noqa: S314 our own file
    assert root.findtext("id") == PROGRAM
    assert root.findtext("launchable") == f"{PROGRAM}.desktop"


# -- Windows and macOS: recipes that cannot be called here -----------------------------------------

SECTIONS = {"Setup", "Languages", "Tasks", "Files", "Icons", "Registry", "Run"}
SETUP_KEYS = {
    "AppId", "AppName", "AppVersion", "AppVerName", "AppPublisher", "DefaultDirName",
    "DefaultGroupName", "DisableProgramGroupPage", "PrivilegesRequired",
    "PrivilegesRequiredOverridesAllowed", "ArchitecturesAllowed", "ArchitecturesInstallIn64BitMode",
    "MinVersion", "LicenseFile", "SetupIconFile", "UninstallDisplayIcon", "OutputBaseFilename",
    "Compression", "SolidCompression", "LZMANumBlockThreads", "WizardStyle", "ChangesAssociations",
    "CloseApplications",
}  # fmt: skip
PARAMETERS = {
    "Languages": {"Name", "MessagesFile"},
    "Tasks": {"Name", "Description", "GroupDescription", "Flags"},
    "Files": {"Source", "DestDir", "Flags"},
    "Icons": {"Name", "Filename", "Tasks"},
    "Registry": {"Root", "Subkey", "ValueType", "ValueName", "ValueData", "Flags", "Tasks"},
    "Run": {"Filename", "Description", "Flags"},
}
ISS = PACKAGING / "windows" / f"{PROGRAM}.iss"
_PARAMETER = re.compile(r'\s*(\w+): ("(?:[^"]|"")*"|[\w\s]+)(?:;|$)')


def _faults(script: str) -> list[str]:
    """What Inno Setup would not understand: sections, directives, parameters, quotes, names."""
    faults, section = [], ""
    defined = set(re.findall(r"^\s*#define (\w+)", script, re.MULTILINE))
    faults += [f"{name} is not defined" for name in re.findall(r"\{#(\w+)\}", script)
               if name not in defined]  # fmt: skip
    for line in script.splitlines():
        if not line.strip() or line.lstrip().startswith((";", "#")):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            faults += [] if section in SECTIONS else [f"no section {section}"]
        elif section == "Setup":
            key = line.partition("=")[0]
            faults += [] if key in SETUP_KEYS and "=" in line else [f"no directive {key}"]
        else:
            faults += _faults_of_entry(section, line)
    return faults


def _faults_of_entry(section: str, line: str) -> list[str]:
    found = _PARAMETER.findall(line)
    if _PARAMETER.sub("", line).strip():
        return [f"not understood: {line}"]
    return [
        f"[{section}] has no {name}" for name, _ in found if name not in PARAMETERS.get(section, ())
    ]


def test_inno_setup_understands_the_script() -> None:
    assert _faults(ISS.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("[Setp]", "no section Setp"),
        ("AppNam=x", "no directive AppNam"),
        ('[Run]\nFilename: "a; Flags: x', "not understood"),
        ('[Run]\nFilenam: "a"', "[Run] has no Filenam"),
        ("AppName={#Nobody}", "Nobody is not defined"),
    ],
)
def test_faults_in_a_script_are_seen(line: str, fault: str) -> None:
    assert any(fault in one for one in _faults(f"[Setup]\n{line}\n"))


def test_what_the_scripts_name_is_there() -> None:
    """Files of ours by their paths; what is built by the places that the build gives it."""
    text = ISS.read_text(encoding="utf-8")
    named = re.search(r"^LicenseFile=(.*)$", text, re.MULTILINE)
    assert named
    assert (ISS.parent / named[1].replace("\\", "/")).resolve().is_file()
    assert r"..\..\dist\mmsearch-desktop" in text
    assert r"..\..\build\package\icons\mmsearch-desktop.ico" in text
    assert arguments.parse(["--open", "C:/x"]).paths  # what the registry calls it with
    recipe = (PACKAGING / "macos" / "make_dmg.sh").read_text()
    assert "entitlements.plist" in recipe
    assert (PACKAGING / "macos" / "entitlements.plist").is_file()


def test_the_macos_recipe_is_a_shell_script() -> None:
    subprocess.run(["sh", "-n", str(PACKAGING / "macos" / "make_dmg.sh")], check=True)


def test_what_is_opened_can_be_decoded() -> None:
    """The picture types that desktops are told of are those that decode.py reads."""
    types = _desktop_file(f"{PROGRAM}.desktop")["Desktop Entry"]["MimeType"]
    for kind in re.findall(r"image/([^;]+);", types):
        assert f".{kind}" in SUFFIXES, kind


# -- the Debian package ----------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb here")
def test_a_package_of_a_small_bundle(
    grammar: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setattr(debian, "depends", lambda _bundle: ["libc6 (>= 2.36)", "libegl1"])
    bundle = tmp_path / "dist" / PROGRAM
    (bundle / "_internal").mkdir(parents=True)
    shutil.copy("/bin/true", bundle / PROGRAM)
    (bundle / "_internal" / "data.txt").write_text("x")
    said = debian.Said("1.2", grammar, MODELS)
    made = [
        debian.build(bundle, ROOT, tmp_path / "work", tmp_path, said).read_bytes() for _ in range(2)
    ]
    assert made[0] == made[1], "the same bundle gives the same bytes"
    listed = subprocess.run(
        ["dpkg-deb", "--contents", str(next(tmp_path.glob("*.deb")))],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for line in (
        r"-rwxr-xr-x root/root .* ./usr/lib/mmsearch-desktop/mmsearch-desktop$",
        r"-rw-r--r-- root/root .* ./usr/lib/mmsearch-desktop/_internal/data.txt$",
        r"./usr/bin/mmsearch-desktop -> ../lib/mmsearch-desktop/mmsearch-desktop$",
        r"2023-11-14 22:13 ./usr/share/applications/mmsearch-desktop.desktop$",
        r"./usr/share/icons/hicolor/48x48/apps/mmsearch-desktop.png$",
        r"./usr/share/man/man1/mmsearch-desktop.1.gz$",
    ):
        assert re.search(line, listed, re.MULTILINE), line


@pytest.mark.skipif(shutil.which("objdump") is None, reason="no objdump here")
def test_what_a_bundle_needs_from_outside(tmp_path: Path) -> None:
    shutil.copy("/bin/sh", tmp_path / "program")
    (tmp_path / "text.so").write_text("no library at all")
    assert debian.outside(tmp_path) == ["libc.so.6"]
    (tmp_path / "libc.so.6").symlink_to("elsewhere")
    assert debian.outside(tmp_path) == []


def test_a_library_that_nobody_has_is_named() -> None:
    with pytest.raises(debian.DebianProblem, match=r"libnobody.*chosen\.py"):
        list(debian._providers("libnobody.so.7"))
