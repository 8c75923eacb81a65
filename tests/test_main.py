"""The entry: which way a command line goes, and what is loaded on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmsearch_desktop import __version__

_HEAVY = ("PySide6", "torch", "transformers", "pymilvus", "milvus_lite")


def _program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mmsearch_desktop", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def _loaded_after(*arguments: str) -> set[str]:
    """Which heavy packages this command line loads; its own output is thrown away."""
    program = (
        "import contextlib, io, sys\n"
        f"sys.argv = ['mmsearch-desktop', *{arguments!r}]\n"
        "from mmsearch_desktop.__main__ import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        f"print(*[name for name in {_HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_version() -> None:
    done = _program("--version")
    assert (done.returncode, done.stdout) == (0, f"mmsearch-desktop {__version__}\n")


def test_exit_status_comes_through(tmp_path: Path) -> None:
    done = _program("index", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage() -> None:
    done = _program("serach")
    assert done.returncode == 2
    assert "serach" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is always a screen")
def test_window_without_a_screen() -> None:
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    done = subprocess.run(
        [sys.executable, "-m", "mmsearch_desktop"],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name not in names},
    )
    assert done.returncode == 1
    assert "there is no screen" in done.stderr


def test_a_program_without_a_console_writes_nowhere() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['mmsearch-desktop', 'models', 'list']\n"
        "sys.stdout = sys.stderr = None\n"
        "from mmsearch_desktop.__main__ import main\n"
        "raise SystemExit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_help_and_models_list_load_nothing_heavy() -> None:
    assert _loaded_after("--help") == set()
    assert _loaded_after("models", "list") == set()


def test_missing_weights_are_told_without_loading_a_window(tmp_path: Path) -> None:
    assert "PySide6" not in _loaded_after("embed", "--text", "red", "--embedder", str(tmp_path))
