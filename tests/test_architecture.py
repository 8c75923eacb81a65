"""The house rules that a machine can hold: who imports whom, sizes, and what may not be written.

Each guard is also shown failing on a small package made for it: a guard that nobody has seen fail
guards nothing.
"""

from __future__ import annotations

import ast
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import OutsideConnection

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mmsearch_desktop"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
LONGEST_FUNCTION = 50
LONGEST_FILE = 500
LONGEST_MODEL_FILE = 900


def _sources() -> list[Path]:
    return sorted([*PACKAGE.rglob("*.py"), *(ROOT / "packaging").rglob("*.py")])


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "COLUMNS": "400"},
        check=False,
    )


BREAKERS = {
    "the house: left may import right, never back": ("domain", "import mmsearch_desktop.search"),
    "Qt is known to ui and app alone": ("cli", "import PySide6"),
    "torch and transformers are known to models alone": ("ui/results_view", "import torch"),
    "Milvus is known to library.vectors and its engine alone": (
        "library/catalogue",
        "import pymilvus",
    ),
    "model architectures do not import each other": (
        "models/phi3_vision",
        "import mmsearch_desktop.models.visualized_bge",
    ),
    "MTEB and FlagEmbedding are known to one file each": ("search/evaluation", "import mteb"),
}


def test_every_contract_has_a_breaker() -> None:
    assert {contract["name"] for contract in CONTRACTS["contracts"]} == set(BREAKERS)


@pytest.mark.parametrize("name", sorted(BREAKERS))
def test_contract_fails_when_it_is_broken(name: str, tmp_path: Path) -> None:
    module, line = BREAKERS[name]
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    broken = tmp_path / PACKAGE.name / f"{module}.py"
    broken.write_text(f"{broken.read_text()}\n{line}\n")
    outcome = _lint_imports(tmp_path)
    assert outcome.returncode != 0
    assert f"{name} BROKEN" in outcome.stdout


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _too_long(source: str) -> list[str]:
    return [
        function.name
        for function in _functions(ast.parse(source))
        if (function.end_lineno or 0) - function.lineno + 1 > LONGEST_FUNCTION
    ]


def test_functions_and_files_are_short() -> None:
    for path in _sources():
        text = path.read_text()
        assert not _too_long(text), f"{path}: over {LONGEST_FUNCTION} lines: {_too_long(text)}"
        limit = LONGEST_MODEL_FILE if path.parent.name == "models" else LONGEST_FILE
        assert len(text.splitlines()) <= limit, f"{path}: over {limit} lines"


def test_a_long_function_is_seen() -> None:
    assert _too_long("def f():\n" + "    x = 1\n" * LONGEST_FUNCTION) == ["f"]


def test_every_file_says_what_it_is() -> None:
    for path in _sources():
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no opening sentence"


FORBIDDEN = {
    "remote code": re.compile(r"trust_remote_code"),
    "unsafe loading": re.compile(r"weights_only\s*=\s*False|\bpickle\.loads?\("),
    "bare except": re.compile(r"except\s*:"),
    "unfinished": re.compile(r"\bTODO\b|\bFIXME\b|\braise NotImplementedError"),
}


def _forbidden(text: str) -> list[str]:
    return [name for name, pattern in FORBIDDEN.items() if pattern.search(text)]


def test_nothing_forbidden_is_written() -> None:
    for path in _sources():
        assert not _forbidden(path.read_text()), f"{path}: {_forbidden(path.read_text())}"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("remote code", "f(trust_remote_code=False)"),
        ("unsafe loading", "torch.load(p, weights_only = False)"),
        ("bare except", "except:"),
        ("unfinished", "# TODO"),
        ("unfinished", "raise NotImplementedError"),
    ],
)
def test_forbidden_lines_are_seen(name: str, line: str) -> None:
    assert _forbidden(line) == [name]


def _broad_handlers(path: Path) -> list[int]:
    """Lines of `except Exception` and broader that do not raise again what they caught."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id in ("Exception", "BaseException")
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]


def test_broad_handlers_stand_only_at_the_borders() -> None:
    borders = {PACKAGE / "ui" / "background.py", PACKAGE / "app.py", PACKAGE / "self_test.py"}
    for path in sorted(set(PACKAGE.rglob("*.py")) - borders):
        assert not _broad_handlers(path), f"{path}: broad except in lines {_broad_handlers(path)}"


def _modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in found.stdout.split()}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("cli", {"PySide6", "torch", "transformers", "pymilvus"}),
        ("app", {"torch", "transformers", "pymilvus"}),
        ("models.offers", {"PySide6", "torch", "transformers", "pymilvus"}),
        ("models.visualized_bge", {"PySide6", "pymilvus"}),
    ],
)
def test_importing_loads_no_more_than_it_needs(module: str, absent: set[str]) -> None:
    assert not _modules_after(f"import mmsearch_desktop.{module}") & absent


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80, 0, 0)])
def test_the_network_guard_refuses_outside_connections(address: tuple[object, ...]) -> None:
    family = socket.AF_INET if len(address) == 2 else socket.AF_INET6
    with socket.socket(family) as sock:
        with pytest.raises(OutsideConnection):
            sock.connect(address)
        with pytest.raises(OutsideConnection):
            sock.connect_ex(address)


def test_references_survive_signals() -> None:
    """PySide6 6.12.0 on Python 3.11 loses one reference of True or None at each such call."""
    code = """
import sys
from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal
class Source(QObject):
    changed = Signal(bool)
app = QCoreApplication([])
source, timer = Source(), QTimer()
before = sys.getrefcount(True), sys.getrefcount(None)
for _ in range(100):
    source.changed.emit(True)
    timer.setSingleShot(True)
after = sys.getrefcount(True), sys.getrefcount(None)
print(max(b - a for b, a in zip(before, after)))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 50
