"""The index on milvus-lite 3, which Windows has: the same tests, in an environment of its own.

Both engines are one package, so that an environment holds one of them.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("pymilvus", "numpy", "pillow", "pillow-heif", "filelock", "platformdirs")
FOR_TESTS = ("pytest", "hypothesis", "psutil")
TESTS = (
    "tests/library/test_vectors.py",
    "tests/library/test_index_check.py",
    "tests/library/test_stores.py",
    "tests/library/test_ingest.py",
    "tests/library/test_ingest_failures.py",
    "tests/search/test_retrieve.py",
)
OPTIONS = """
[pytest]
addopts = --strict-config -p no:cacheprovider
filterwarnings =
    error
    ignore::UserWarning:PIL[.]
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(
    importlib.metadata.version("milvus-lite").startswith("3"), reason="it is the engine here"
)
def test_the_stores_work_on_the_engine_of_windows(tmp_path: Path) -> None:
    python = _environment(tmp_path / "environment")
    (tmp_path / "pytest.ini").write_text(OPTIONS)
    done = subprocess.run(
        [python, "-B", "-m", "pytest", "-q", "-c", tmp_path / "pytest.ini", "--rootdir", REPOSITORY,
         "--basetemp", tmp_path / "tests", *TESTS],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def _environment(folder: Path) -> Path:
    """The Python of a new environment with the versions of this project and the other engine."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pinned = (REPOSITORY / "packaging" / "constraints.txt").read_text().splitlines()
    engines = [pin for pin in pinned if pin.startswith("milvus-lite")]
    (other,) = [pin.partition(";")[0] for pin in engines if pin.endswith('== "win32"')]
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pin for pin in pinned if pin not in engines))
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "-c", constraints, other, *PACKAGES, *FOR_TESTS],
        check=True,
    )
    return python
