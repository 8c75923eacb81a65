"""Pickled flax checkpoints: what is read of them, and that nothing in them ever runs."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import ModelProblem, WeightsDamaged, WeightsMissing
from mmsearch_desktop.models.flax_pickle import read_flax_pickle
from tests.models.tiny_magiclens import packed, packed_array

TENSORS = {
    "params/scale": torch.tensor(4.5),
    "params/a/kernel": torch.arange(6.0).reshape(1, 2, 3),
    "params/a/half": torch.arange(4.0).half(),
    "params/b/brain": torch.arange(3.0).bfloat16(),
    "params/b/large": torch.randn(200, 200, generator=torch.Generator().manual_seed(1)),
}
PACKED = packed(TENSORS)


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _read(data: bytes, folder: Path) -> dict[str, torch.Tensor]:
    return read_flax_pickle(_written(folder / "weights.pkl", data))


# --------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("dumps", [pickle.dumps, pickle._dumps])  # type: ignore[attr-defined]  # the one in Python
def test_every_array_comes_with_its_shape_and_kind(
    tmp_path: Path, protocol: int, dumps: Callable[..., bytes]
) -> None:
    found = _read(dumps(PACKED, protocol=protocol), tmp_path)
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("size", [20, 300, 70_000])
def test_each_length_of_bytes_is_read(tmp_path: Path, size: int) -> None:
    tensors = {"params/a": torch.zeros(size // 4)}
    assert _read(pickle.dumps(packed(tensors)), tmp_path).keys() == tensors.keys()


def test_a_single_number_as_flax_packs_it(tmp_path: Path) -> None:
    extension = packed_array(torch.tensor(2.5))
    data = msgpack.packb({"params": {"a": msgpack.ExtType(3, extension.data)}})
    assert _read(pickle.dumps(data), tmp_path)["params/a"].item() == 2.5


def test_what_was_read_outlives_the_file(tmp_path: Path) -> None:
    found = _read(pickle.dumps(PACKED), tmp_path)
    (tmp_path / "weights.pkl").write_bytes(b"others")
    assert torch.equal(found["params/b/large"], TENSORS["params/b/large"])


# ------------------------------------------------------------------------------ what never runs


class Payload:
    """Makes a file where a pickle of it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def _hidden_in_a_tuple(mark: Path, protocol: int) -> bytes:
    return pickle.dumps((PACKED, Payload(mark)), protocol)


def _alone(mark: Path, protocol: int) -> bytes:
    return pickle.dumps(Payload(mark), protocol)


def _before_the_bytes(mark: Path, protocol: int) -> bytes:
    return pickle.dumps(Payload(mark), protocol)[:-1] + b"0" + pickle.dumps(PACKED, protocol)[2:]


def _after_the_bytes(mark: Path, protocol: int) -> bytes:
    end = -2 if protocol >= 4 else -1  # without the note of it, which would shift the others
    return pickle.dumps(PACKED, protocol)[:end] + b"0" + pickle.dumps(Payload(mark), protocol)[2:]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", [_alone, _hidden_in_a_tuple, _before_the_bytes, _after_the_bytes])
def test_a_pickle_with_a_payload_is_refused_and_not_run(
    tmp_path: Path, place: Callable[[Path, int], bytes], protocol: int
) -> None:
    mark = tmp_path / "mark"
    if protocol < 2 and place in {_before_the_bytes, _after_the_bytes}:
        protocol = 2  # the older ones have no header to take off
    data = place(mark, protocol)
    with pytest.raises(WeightsDamaged, match=r"weights\.pkl: is no pickle of one bytes value"):
        _read(data, tmp_path)
    assert not mark.exists()
    pickle.loads(data)  # noqa: S301 - the guard is seen to matter: loaded, it runs
    assert mark.exists()


HEAD = b"\x80\x04"
BYTES = b"C\x01x"


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(PACKED, 2),  # bytes made by a call
        pickle.dumps(bytearray(PACKED), 5),
        pickle.dumps(PACKED.hex()),
        pickle.dumps([PACKED]),
        pickle.dumps({"params": 1}),
        HEAD + BYTES + BYTES + b".",
        HEAD + BYTES + b"..",
        HEAD + b".",
        HEAD * 9 + BYTES + b".",
        HEAD + b"cos\nsystem\n" + BYTES + b".",
        HEAD + b"\x82\x01" + BYTES + b".",  # a class by its number in a table
        HEAD + b"Pname\n" + BYTES + b".",  # an object from outside
        HEAD + b"\x97" + BYTES + b".",  # a buffer from outside
        b"version https://git-lfs.github.com/spec/v1\n",
        b"<html>Sign in</html>",
        b"PK\x03\x04" + bytes(100),
    ],
)
def test_every_other_pickle_and_file_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(WeightsDamaged, match="is no pickle of one bytes value"):
        _read(data, tmp_path)


def test_no_opcode_but_the_few_that_are_needed(tmp_path: Path) -> None:
    whole = HEAD + b"B" + struct.pack("<I", len(PACKED)) + PACKED
    assert _read(whole + b".", tmp_path).keys() == TENSORS.keys()
    harmless = {pickle.PROTO, pickle.FRAME, pickle.MEMOIZE, pickle.BINPUT, pickle.LONG_BINPUT}
    for number in set(range(256)) - {code[0] for code in harmless}:
        with pytest.raises(WeightsDamaged):
            _read(whole + bytes([number]) + b".", tmp_path)


# ------------------------------------------------------------------------------- damaged files


@pytest.mark.parametrize("kept", [1, 2, 10, 11, 40, len(PACKED) // 2, len(PACKED), -1])
def test_a_file_cut_short_is_said_to_be(tmp_path: Path, kept: int) -> None:
    with pytest.raises(WeightsDamaged, match=r"weights\.pkl: is cut short"):
        _read(pickle.dumps(PACKED)[:kept], tmp_path)


def test_no_file_an_empty_one_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="there is no such file"):
        read_flax_pickle(tmp_path / "none.pkl")
    with pytest.raises(WeightsDamaged, match="is empty"):
        _read(b"", tmp_path)
    with pytest.raises(ModelProblem, match="cannot be read"):
        read_flax_pickle(tmp_path)


def _array(*parts: object, extension: int = 1) -> bytes:
    return bytes(msgpack.packb({"a": msgpack.ExtType(extension, msgpack.packb(list(parts)))}))


def _deep(levels: int) -> bytes:
    return b"\x81\xa1a" * levels + b"\xc0"


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (PACKED + b"\xc0", "no flax msgpack"),
        (PACKED[:-1], "no flax msgpack"),
        (b"\xdf\xff\xff\xff\xff", "no flax msgpack"),  # four thousand million names
        (b"\xdd\xff\xff\xff\xff", "no flax msgpack"),  # as many values in a row
        (_deep(2000), "no flax msgpack"),
        (_deep(400), "NoneType at “a/a/"),
        (msgpack.packb({1: 2}), "no flax msgpack"),
        (msgpack.packb({"a": [1]}), "no flax msgpack"),
        (msgpack.packb({"a": b"x"}), "no flax msgpack"),
        (msgpack.packb({"a": "x" * 300}), "no flax msgpack"),
        (msgpack.packb({"a": 1.5}), "float at “a”"),
        (msgpack.packb("text"), "str at “”"),
        (_array([1], "float32", b"1234", extension=2), "extension 2"),
        (b"\x81\xa1a\xd6\xff\x00\x00\x00\x01", "Timestamp at “a”"),
        (_array([1], "object", b"1234"), "the kind object; known here are float32"),
        (_array([1], "float64", b"12345678"), "the kind float64"),
        (_array([2], "float32", b"1234"), r"4 bytes for an array of float32 \(2,\)"),
        (_array([-1, -1], "float32", b"1234"), "without a shape"),
        (_array([True], "float32", b"1234"), "without a shape"),
        (_array([0], "float32", b""), "without a shape"),
        (_array([[1]], "float32", b"1234"), "without a shape"),
        (_array([1] * 9, "float32", b"1234"), "no flax msgpack"),
        (_array([2**40, 2**40], "float32", b"1234"), "4 bytes for an array"),
        (_array([1], "float32"), "without a shape"),
        (_array("1", "float32", b"1234"), "without a shape"),
        (msgpack.packb({"a": msgpack.ExtType(1, b"\xc1")}), "no flax msgpack"),
    ],
)
def test_what_is_no_tree_of_arrays_is_refused(tmp_path: Path, tree: bytes, message: str) -> None:
    with pytest.raises(WeightsDamaged, match=message) as error:
        _read(pickle.dumps(tree), tmp_path)
    assert "weights.pkl" in str(error.value)
    assert "Fetch the file again" in str(error.value)


def _arrays_or_a_reason(data: bytes, folder: Path) -> None:
    try:
        found = _read(data, folder)
    except WeightsDamaged as problem:
        named = str(folder) in str(problem)
    else:
        named = all(isinstance(tensor, torch.Tensor) for tensor in found.values())
    assert named


@given(data=st.binary(max_size=300))
def test_any_bytes_at_all_give_arrays_or_a_reason(tmp_path: Path, data: bytes) -> None:
    for whole in (data, HEAD + data, pickle.dumps(data)):
        _arrays_or_a_reason(whole, tmp_path)


@given(at=st.integers(0, 400), new=st.integers(0, 255))
def test_a_changed_byte_gives_arrays_or_a_reason(tmp_path: Path, at: int, new: int) -> None:
    data = bytearray(pickle.dumps(PACKED))
    data[at] = new
    _arrays_or_a_reason(bytes(data), tmp_path)
