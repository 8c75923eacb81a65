"""Weights files: read without running anything in them, checked by key, written whole."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import shutil
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from mmsearch_desktop.domain import ModelProblem, NoSpace, WeightsDamaged, WeightsMissing
from mmsearch_desktop.models.checkpoint import (
    check_keys,
    read_checkpoint,
    read_metadata,
    save_converted,
)

_TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1.5).half()}


def _saved(path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_converted(_TENSORS, path, {"model": "test"})
    else:
        torch.save(OrderedDict(_TENSORS), path)
    return path


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_reads_what_was_written(tmp_path: Path, name: str) -> None:
    tensors = read_checkpoint(_saved(tmp_path / name))
    assert tensors.keys() == _TENSORS.keys()
    for key, tensor in _TENSORS.items():
        assert tensors[key].dtype == tensor.dtype
        assert torch.equal(tensors[key], tensor)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsMissing, match=name):
        read_checkpoint(tmp_path / name)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_every_shorter_file_is_refused(tmp_path: Path, name: str) -> None:
    path = _saved(tmp_path / name)
    whole = path.read_bytes()
    for size in (0, 1, 8, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(WeightsDamaged, match=name):
            read_checkpoint(path)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_pointer_in_place_of_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("version https://git-lfs.github.com/spec/v1\nsize 392700000\n")
    with pytest.raises(WeightsDamaged, match="cut short"):
        read_checkpoint(path)


class _Payload:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.victim),)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path, victim = tmp_path / "w.pth", tmp_path / "victim"
    torch.save({"a": torch.zeros(1), "b": _Payload(victim)}, path)
    with pytest.raises(WeightsDamaged, match="nothing of it was loaded"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(_Payload(victim)))
    with pytest.raises(WeightsDamaged, match="no PyTorch weights"):
        read_checkpoint(path)
    assert not victim.exists()


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"model": _TENSORS}, {1: torch.zeros(1)}])
def test_other_things_than_named_tensors(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsDamaged, match="other than named tensors"):
        read_checkpoint(tmp_path / "w.pth")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
@settings(deadline=None)
@given(pickled=st.binary(max_size=40), suffix=st.sampled_from([".pth", ".safetensors"]))
def test_any_bytes_give_tensors_or_our_error(pickled: bytes, suffix: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02" + pickled)
        file.writestr("archive/version", "3\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"w{suffix}"
        path.write_bytes(archive.getvalue() if suffix == ".pth" else pickled)
        with contextlib.suppress(WeightsDamaged):
            assert isinstance(read_checkpoint(path), dict)


def _check(found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]) -> None:
    check_keys(found, expected, may_be_present=lambda name: name == "unused", source=Path("w.pth"))


def test_keys_that_fit() -> None:
    _check({"a": (1, 2), "b": (), "unused": (9,)}, {"a": (1, 2), "b": ()})
    _check({"a": (1,)}, {"a": (1,)})


def test_keys_that_do_not_fit_are_all_named() -> None:
    found = {"a": (1, 2), "odd": (3,), **{f"x{i}": (1,) for i in range(9)}}
    with pytest.raises(WeightsDamaged) as error:
        _check(found, {"a": (2, 1), "lost": (), "gone": (1,)})
    message = str(error.value)
    assert "w.pth" in message
    assert "2 missing (lost, gone)" in message
    assert "10 unexpected (odd, x0, x1, x2, x3 and 5 more)" in message
    assert "1 of another shape (a is 1×2, not 2×1)" in message


def test_notes_in_a_converted_file(tmp_path: Path) -> None:
    assert read_metadata(_saved(tmp_path / "w.safetensors")) == {"model": "test"}
    (tmp_path / "w.safetensors").write_bytes(b"no such format")
    assert read_metadata(tmp_path / "w.safetensors") == {}
    assert read_metadata(tmp_path / "absent.safetensors") == {}


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelProblem, match=r"w\.safetensors"):
        save_converted(_TENSORS, tmp_path / "absent" / "w.safetensors", {})
    (tmp_path / "w.safetensors").mkdir()  # in the way
    (tmp_path / "w.safetensors" / "file").touch()
    with pytest.raises(ModelProblem, match="could not be written"):
        save_converted(_TENSORS, tmp_path / "w.safetensors", {})
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_disk_too_full_for_it_is_told_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3))
    with pytest.raises(NoSpace, match=r"w\.safetensors: the disk is too full.*Free some space"):
        save_converted(_TENSORS, tmp_path / "w.safetensors", {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("problem", [SafetensorError("I/O (os error 28)"), OSError(28, "full")])
def test_a_disk_that_fills_meanwhile_is_told(
    problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(NoSpace, match="too full"):
        save_converted(_TENSORS, tmp_path / "w.safetensors", {})
    assert not list(tmp_path.iterdir())


def test_writing_replaces_the_old_file(tmp_path: Path) -> None:
    path = _saved(tmp_path / "w.safetensors")
    (tmp_path / ".converting-killed").mkdir()
    (tmp_path / ".converting-killed" / "w.safetensors").touch()
    save_converted({"new": torch.zeros(2).expand(3, 2)}, path, {})
    assert read_checkpoint(path)["new"].shape == (3, 2)
    assert list(tmp_path.iterdir()) == [path]
