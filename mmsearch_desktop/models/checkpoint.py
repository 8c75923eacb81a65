"""Reads the files of a model without running anything in them, and says exactly what is wrong.

Formats: safetensors (https://github.com/huggingface/safetensors) and PyTorch's zip format, the
latter with `weights_only=True` alone, so that a pickle in it can build tensors and nothing else.
"""

from __future__ import annotations

import json
import pickle
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from mmsearch_desktop.domain import ModelProblem, WeightsDamaged, WeightsMissing

_SHOWN = 5  # keys of one kind in a message
_REMEDY = "Fetch the file again, or choose another folder."
# All that torch's restricted unpickler and zip reader were seen to raise on damaged files.
_UNREADABLE = (
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    SafetensorError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a .safetensors or .pth file by name, on the CPU and mapped from the file.

    Copy what is kept: the tensors are only good while the file lies there unchanged. Raises
    WeightsMissing or WeightsDamaged.
    """
    try:
        tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except FileNotFoundError as problem:
        raise WeightsMissing(f"{path}: there is no such file. {_REMEDY}") from problem
    except OSError as problem:
        raise ModelProblem(f"{path}: cannot be read ({problem.strerror or problem}).") from problem
    if not isinstance(tensors, dict) or not all(map(_is_named_tensor, tensors.items())):
        raise WeightsDamaged(f"{path}: holds something other than named tensors. {_REMEDY}")
    return dict(tensors)


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except _UNREADABLE as problem:
        raise WeightsDamaged(_damaged(path, problem)) from problem


def _read_torch(path: Path) -> object:
    """Refuses PyTorch's format from before 2020 too: its reader cannot map files."""
    size_bytes = path.stat().st_size
    if not zipfile.is_zipfile(path):
        raise WeightsDamaged(
            f"{path}: is no PyTorch weights file, or is cut short ({size_bytes:,} bytes). {_REMEDY}"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except _UNREADABLE as problem:
        raise WeightsDamaged(_damaged(path, problem)) from problem


def _damaged(path: Path, problem: Exception) -> str:
    if isinstance(problem, pickle.UnpicklingError):
        return f"{path}: holds more than weights, so nothing of it was loaded. {_REMEDY}"
    reason = (str(problem).strip() or type(problem).__name__).splitlines()[0].rstrip(".")
    return f"{path}: is damaged or cut short ({reason}). {_REMEDY}"


def _is_named_tensor(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], torch.Tensor)


def read_json(path: Path) -> dict[str, Any]:
    """The names and values of a small file beside the weights. Raises WeightsDamaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise WeightsDamaged(f"{path}: cannot be read as JSON ({problem}).") from problem
    if not isinstance(values, dict):
        raise WeightsDamaged(f"{path}: holds no table of names and values.")
    return values


def read_metadata(path: Path) -> dict[str, str]:
    """What `save_converted` noted in a .safetensors file; empty for files of others."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError):
        return {}


def check_keys(
    found: Mapping[str, Sequence[int]],
    expected: Mapping[str, Sequence[int]],
    *,
    may_be_present: Callable[[str], bool],
    source: Path,
) -> None:
    """Raises WeightsDamaged unless `found` has every expected name with its shape and no other.

    Names for which `may_be_present` is true are not asked for and not minded.
    """
    missing = [name for name in expected if name not in found]
    strange = [name for name in found if name not in expected and not may_be_present(name)]
    misshapen = [
        f"{name} is {_shape(found[name])}, not {_shape(shape)}"
        for name, shape in expected.items()
        if name in found and tuple(found[name]) != tuple(shape)
    ]
    faults = [
        *_listed("missing", missing),
        *_listed("unexpected", strange),
        *_listed("of another shape", misshapen),
    ]
    if faults:
        raise WeightsDamaged(
            f"{source}: its tensors are not those of the model that its configuration describes: "
            f"{'; '.join(faults)}. Check that weights and configuration are of the same model."
        )


def _shape(sizes: Sequence[int]) -> str:
    return "×".join(map(str, sizes)) or "a single number"


def _listed(fault: str, items: Sequence[str]) -> Iterable[str]:
    if items:
        more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
        yield f"{len(items)} {fault} ({', '.join(items[:_SHOWN])}{more})"


def save_converted(
    tensors: Mapping[str, torch.Tensor], path: Path, metadata: dict[str, str]
) -> None:
    """Writes a .safetensors file whole or not at all. Raises ModelProblem if it cannot."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".converting-") as folder:
            unfinished = Path(folder) / path.name
            whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
            save_file(whole, unfinished, metadata=metadata)
            unfinished.replace(path)
    except (OSError, SafetensorError) as problem:
        raise ModelProblem(
            f"{path}: could not be written ({problem}). Check the folder and its free space."
        ) from problem
