"""dev.py says what is wrong and what to do before it changes anything."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

DEV = Path(__file__).resolve().parents[2] / "packaging" / "dev.py"


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """dev.py as a module whose project is an empty folder, so that nothing real is touched."""
    spec = importlib.util.spec_from_file_location("dev", DEV)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, place in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "SERVERS_VENV": tmp_path / ".venv-servers",
        "CONSTRAINTS": tmp_path / "constraints.txt",
    }.items():
        monkeypatch.setattr(module, name, place)
    return module


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0), (2, 7, 18)])
def test_the_wrong_python_is_named(
    dev: ModuleType,
    version: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    assert dev.main(["setup"]) == 1
    assert f"Python {version[0]}.{version[1]}" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are Linux's matter")
def test_no_display_is_said_before_anything_is_installed(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert dev.main(["run"]) == 1
    assert "no display" in capsys.readouterr().err
    assert not (dev.ROOT / ".venv").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Debian packages")
def test_a_person_without_root_is_told_the_line(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/apt-get")
    with pytest.raises(dev.SetupError, match=r"sudo apt-get install|sudo apt-get update"):
        dev._install_debian(["libegl1", "libgl1"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Debian packages")
def test_another_system_is_told_the_names(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(dev.SetupError, match="libegl1"):
        dev._install_debian(["libegl1"])


def test_a_missing_library_is_seen(dev: ModuleType) -> None:
    assert not dev._loads("libnothing-of-this-name.so.9")


def test_no_network_is_said(dev: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """The first pip call fails where nothing can be reached."""
    dev.VENV.joinpath("bin").mkdir(parents=True)
    dev._python().parent.mkdir(parents=True, exist_ok=True)
    dev._python().write_text("#!/bin/sh\nexit 1\n")
    dev._python().chmod(0o755)
    dev.CONSTRAINTS.write_text("")
    dev.ROOT.joinpath("pyproject.toml").write_text("")
    assert dev.main(["setup"]) == 1
    assert "network" in capsys.readouterr().err
    assert not list(dev.VENV.glob("installed*")), "a failed set-up is not taken for a done one"


def test_arguments_after_the_dashes_go_on(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[list[str]] = []
    for name in ("_check_system", "_install"):
        monkeypatch.setattr(dev, name, lambda **_: None)

    def call(command: list[str], **_: object) -> int:
        seen.append(command)
        return 0

    monkeypatch.setattr(dev.subprocess, "call", call)
    assert dev.main(["run", "--", "index", str(tmp_path)]) == 0
    assert seen[0][1:] == ["-m", "mmsearch_desktop", "index", str(tmp_path)]


def test_packaging_has_an_environment_of_its_own(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the torch that is named; the second time nothing is installed again."""
    monkeypatch.setattr(dev, "PACKAGE_VENV", tmp_path / ".venv-package")
    monkeypatch.setattr(dev, "_check_system", lambda **_: None)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "constraints.txt").write_text("numpy==2.4.6\ntorch==2.13.0\n")
    seen: list[list[str]] = []

    def call(command: list[str], **_: object) -> int:
        seen.append(command)
        (tmp_path / ".venv-package").mkdir(exist_ok=True)
        return 0

    monkeypatch.setattr(dev.subprocess, "call", call)
    assert dev.main(["package", "--torch", "cu130", "--no-installer"]) == 0
    made, torch, rest, build = seen
    assert made[-1] == str(tmp_path / ".venv-package")
    assert "torch==2.13.0+cu130" in torch
    assert rest[-1].endswith("[package]")
    assert build[1:] == ["-m", "bundle", "--torch", "cu130", "--no-installer"]
    assert str(tmp_path / ".venv-package") in build[0]
    assert dev.main(["package", "--torch", "cu130"]) == 0
    assert len(seen) == 5, "installed once"
    assert dev.main(["package", "--torch", "plain"]) == 0
    assert "torch==2.13.0" in seen[6], "another torch makes it anew"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="networks are Linux's matter")
def test_servers_are_tested_where_a_private_network_can_be_made(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """With the engine that the main environment has not; the second time nothing is installed."""
    (tmp_path / "pyproject.toml").touch()
    pins = [
        'milvus-lite==2.5.1; sys_platform != "win32"',
        'milvus-lite==3.2.2; sys_platform == "win32"',
    ]
    (tmp_path / "constraints.txt").write_text("\n".join(["numpy==2.4.6", *pins]))
    seen: list[list[str]] = []

    def call(command: list[str], **_: object) -> int:
        seen.append(command)
        (tmp_path / ".venv-servers").mkdir(exist_ok=True)
        return 0

    allowed = SimpleNamespace(returncode=0, stderr="")
    monkeypatch.setattr(dev.subprocess, "call", call)
    monkeypatch.setattr(dev.subprocess, "run", lambda *_, **__: allowed)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert dev._test_servers()
    made, installed, tested = seen
    assert made[-1] == str(tmp_path / ".venv-servers")
    assert {"milvus-lite==3.2.2", "milvus==2.3.5"} <= set(installed)
    assert "milvus-lite" not in (tmp_path / ".venv-servers" / "constraints.txt").read_text()
    assert tested[-4:] == ["-m", "server", *dev.SERVER_TESTS]
    assert dev._test_servers()
    assert len(seen) == 4, "installed once"
    capsys.readouterr()
    allowed.returncode, allowed.stderr = 1, "no private network can be made here"
    assert dev._test_servers()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert dev._test_servers()
    assert len(seen) == 4
    told = capsys.readouterr().out.splitlines()
    assert "left out (no private network can be made here)" in told[0]
    assert "left out (they need Linux, and root)" in told[1]
