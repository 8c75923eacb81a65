"""Reads the files of a model without running anything in them, and says exactly what is wrong.

Formats: safetensors (https://github.com/huggingface/safetensors) and PyTorch's zip format, the
latter with `weights_only=True` alone, so that a pickle in it can build tensors and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import json
import pickle
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from mmsearch_desktop.domain import ModelProblem, NoSpace, WeightsDamaged, WeightsMissing

_SHOWN = 5  # keys of one kind in a message
_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_LONGEST_HEADER_BYTES = 100 * 2**20  # the safetensors format's own limit
# In the folder of a model that may come in parts.
FILES_NEEDED = f"config.json, tokenizer.json and {_SINGLE} (or its parts with {_INDEX})"
_REMEDY = "Fetch the file again, or choose another folder."
_CONVERTING = ".converting-"  # folders of unfinished files
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
    return f"{path}: is damaged or cut short ({_reason(problem)}). {_REMEDY}"


def _reason(problem: Exception) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0].rstrip(".:")


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


@contextlib.contextmanager
def tokenizer_trouble(path: Path) -> Iterator[None]:
    """Turns what a tokenizer's file of another structure makes libraries raise into ours."""
    try:
        yield
    except Exception as problem:
        kinds = (OSError, AttributeError, LookupError, TypeError, ValueError)
        # the tokenizers library has no kind of its own: what it raises is a plain Exception
        if isinstance(problem, kinds) or type(problem) is Exception:
            reason = _reason(problem)
            raise WeightsDamaged(f"{path}: is no tokenizer ({reason}). {_REMEDY}") from problem
        raise


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
    """Writes a .safetensors file whole or not at all. Raises NoSpace, or ModelProblem.

    Only for folders in which one program converts at a time.
    """
    needed = sum(tensor.nbytes for tensor in tensors.values())
    try:
        for unfinished in path.parent.glob(f"{_CONVERTING}*"):  # of a program that was killed
            shutil.rmtree(unfinished)
        if shutil.disk_usage(path.parent).free < needed:
            raise _no_space(path, needed)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=_CONVERTING) as folder:
            unfinished = Path(folder) / path.name
            whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
            save_file(whole, unfinished, metadata=metadata)
            unfinished.replace(path)
    except (OSError, SafetensorError) as problem:
        if _is_full_disk(problem):
            raise _no_space(path, needed) from problem
        raise ModelProblem(
            f"{path}: could not be written ({problem}). Check the folder and its free space."
        ) from problem


def _is_full_disk(problem: Exception) -> bool:
    """safetensors tells of it in words alone."""
    numbers = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
    told = getattr(problem, "errno", None)
    return told in numbers or any(f"os error {number})" in str(problem) for number in numbers)


def _no_space(path: Path, needed_bytes: int) -> NoSpace:
    return NoSpace(
        f"{path}: the disk is too full to write it: it needs {needed_bytes / 1e6:,.0f} MB. Free"
        " some space and try again; what is there already is kept."
    )


# ---------------------------------------------------------------------- several files, and headers


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files of a checkpoint, all of them present; sorted by name."""
    names = _indexed_names(folder) if (folder / _INDEX).exists() else [_SINGLE]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise WeightsMissing(
            f"{folder}: {', '.join(missing[:5])} is not there. The folder needs {FILES_NEEDED}."
        )
    return tuple(folder / name for name in names)


def _indexed_names(folder: Path) -> list[str]:
    placed = read_json(folder / _INDEX).get("weight_map")
    if not isinstance(placed, dict) or not placed:
        raise WeightsDamaged(f"{folder / _INDEX}: names no tensors. Download the model again.")
    names = sorted({str(name) for name in placed.values()})
    for name in names:
        if Path(name).name != name or "\\" in name or not name.endswith(".safetensors"):
            raise WeightsDamaged(
                f"{folder / _INDEX}: names the file {name!r}, which is no safetensors file beside "
                "it. Download the model again."
            )
    return names


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies in a file."""

    shape: tuple[int, ...]
    kind: str
    start: int  # byte in the file
    size_bytes: int


def stored_tensors(path: Path) -> dict[str, StoredTensor]:
    """The header of a safetensors file, checked against the file's size."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LONGEST_HEADER_BYTES:
                raise ValueError(f"its header claims {length} bytes")
            listed = json.loads(file.read(length))
            size = path.stat().st_size
        listed.pop("__metadata__", None)
        found = {name: _stored(entry, 8 + length) for name, entry in listed.items()}
    except OSError as error:
        raise ModelProblem(f"{path}: cannot be read ({error.strerror}).") from error
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsDamaged(
            f"{path}: is no safetensors file ({error}). Download it again."
        ) from error
    end = max((one.start + one.size_bytes for one in found.values()), default=8 + length)
    if end != size:
        raise WeightsDamaged(f"{path}: has {size} bytes, not {end}. Download it again.")
    return found


def _stored(entry: Mapping[str, Any], data_start: int) -> StoredTensor:
    start, end = (int(place) for place in entry["data_offsets"])
    if not 0 <= start <= end:
        raise ValueError(f"a tensor lies from byte {start} to {end}")
    shape = tuple(int(count) for count in entry["shape"])
    return StoredTensor(shape, str(entry["dtype"]), data_start + start, end - start)
