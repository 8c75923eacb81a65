"""Reads a pickled flax checkpoint without running the pickle: nothing in the file can act.

Such a file is a pickle of one bytes value, and that value is flax's msgpack. So the pickle is not
loaded: its few opcodes are read here, and every other one, above all those that look up classes
and call them, refuses the file.

Sources: CPython, Lib/pickletools.py (what the opcodes mean); flax, serialization.py (Apache-2.0):
extension type 1 is an array and 3 a single number, both packed as [shape, kind of number, bytes].
"""

from __future__ import annotations

import math
import mmap
import pickle  # for the names of its opcodes; nothing is loaded with it
import struct
from pathlib import Path

import msgpack
import torch

from mmsearch_desktop.domain import ModelProblem, WeightsDamaged, WeightsMissing

_REMEDY = "Fetch the file again, or choose another folder."
_BYTES = {pickle.SHORT_BINBYTES: "<B", pickle.BINBYTES: "<I", pickle.BINBYTES8: "<Q"}  # lengths
_SKIPPED = {  # opcodes that only say how to read on, and how many bytes they take
    pickle.PROTO: 1,
    pickle.FRAME: 8,
    pickle.MEMOIZE: 0,
    pickle.BINPUT: 1,
    pickle.LONG_BINPUT: 4,
}
_MOST_OPCODES = 8
_ARRAY, _NUMBER = 1, 3  # flax's extension types
_KINDS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
_MOST_DIMENSIONS = 8
_MOST_NAMES = 4096  # in one branch of the tree
_LONGEST_NAME = 256


class _Refused(Exception):
    """What is wrong with the file, as the middle of a sentence."""


def read_flax_pickle(path: Path) -> dict[str, torch.Tensor]:
    """All arrays by their path in the tree, joined with "/", such as "params/clip/logit_scale".

    Shapes and layouts are the file's. Raises WeightsMissing, WeightsDamaged or ModelProblem.
    """
    try:
        with path.open("rb") as stream, _mapped(stream.fileno()) as data, memoryview(data) as view:
            start, end = _span_of_the_bytes(view)
            with view[start:end] as packed:
                return _flattened(_unpacked(packed))
    except FileNotFoundError as problem:
        raise WeightsMissing(f"{path}: there is no such file. {_REMEDY}") from problem
    except OSError as problem:
        raise ModelProblem(f"{path}: cannot be read ({problem.strerror or problem}).") from problem
    except _Refused as problem:
        raise WeightsDamaged(f"{path}: {problem}. {_REMEDY}") from problem


def _mapped(descriptor: int) -> mmap.mmap:
    """The whole file, without a copy in memory."""
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except ValueError as problem:
        raise _Refused("is empty") from problem


def _span_of_the_bytes(view: memoryview) -> tuple[int, int]:
    """Where the one bytes value lies in the pickle. Runs nothing; refuses any other pickle."""
    span: tuple[int, int] | None = None
    at = 0
    for _ in range(_MOST_OPCODES):
        if at >= len(view):
            raise _Refused(f"is cut short ({len(view):,} bytes)")
        opcode = bytes(view[at : at + 1])
        at += 1
        if opcode in _BYTES and span is None:
            span = _span_of_a_value(view, at, _BYTES[opcode])
            at = span[1]
        elif opcode in _SKIPPED:
            at += _SKIPPED[opcode]
        elif opcode == pickle.STOP and span is not None and at == len(view):
            return span
        else:
            break
    raise _Refused("is no pickle of one bytes value, so nothing of it was loaded")


def _span_of_a_value(view: memoryview, at: int, length: str) -> tuple[int, int]:
    start = at + struct.calcsize(length)
    if start > len(view):
        raise _Refused(f"is cut short ({len(view):,} bytes)")
    (size,) = struct.unpack_from(length, view, at)
    if start + size > len(view):
        raise _Refused(f"is cut short ({len(view):,} bytes where over {size:,} belong)")
    return start, start + size


def _unpacked(packed: memoryview) -> object:
    """The tree: maps of names, and tensors. Everything else that msgpack knows is refused."""
    try:
        return msgpack.unpackb(
            packed,
            ext_hook=_tensor,
            max_array_len=0,
            max_bin_len=0,
            max_map_len=_MOST_NAMES,
            max_str_len=_LONGEST_NAME,
        )
    except (ValueError, msgpack.UnpackException) as problem:
        raise _Refused(f"its weights are no flax msgpack ({_reason(problem)})") from problem


def _tensor(extension: int, packed: bytes) -> torch.Tensor:
    if extension not in {_ARRAY, _NUMBER}:
        raise _Refused(f"holds something other than weights (msgpack extension {extension})")
    parts = msgpack.unpackb(packed, max_array_len=_MOST_DIMENSIONS, max_map_len=0, max_ext_len=0)
    match parts:
        case [list(shape), str(name), bytes(numbers)] if all(map(_is_size, shape)):
            pass
        case _:
            raise _Refused("holds an array without a shape, a kind of number, and its numbers")
    kind = _KINDS.get(name)
    if kind is None:
        raise _Refused(f"holds numbers of the kind {name}; known here are {', '.join(_KINDS)}")
    if math.prod(shape) * kind.itemsize != len(numbers):
        raise _Refused(f"holds {len(numbers):,} bytes for an array of {name} {tuple(shape)}")
    return torch.frombuffer(bytearray(numbers), dtype=kind).reshape(shape)


def _is_size(number: object) -> bool:
    return type(number) is int and number > 0


def _flattened(tree: object) -> dict[str, torch.Tensor]:
    """Without recursion, which a hostile file could drive too deep."""
    tensors: dict[str, torch.Tensor] = {}
    branches: list[tuple[str, object]] = [("", tree)]
    while branches:
        place, branch = branches.pop()
        if isinstance(branch, dict):
            start = f"{place}/" if place else ""
            branches.extend((f"{start}{name}", below) for name, below in branch.items())
        elif isinstance(branch, torch.Tensor):
            tensors[place] = branch
        else:
            kind = type(branch).__name__
            raise _Refused(f"holds something other than named arrays ({kind} at “{place}”)")
    return tensors


def _reason(problem: Exception) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0].rstrip(".")
