"""Whether a second embedder fits beside the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import DeviceOutOfMemory
from mmsearch_desktop.models.device import Device
from mmsearch_desktop.models.room import (
    give_memory_back,
    needed_bytes,
    require_room,
    weights_bytes,
)
from tests.models.tiny_visualized_bge import write_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

CARD = Device("cuda", "Card", "cuda:0", "float16", 8 * 10**9)
PROCESSOR = Device("cpu", "Processor", "cpu", "float32", 16 * 10**9)
_WORKING_BYTES = needed_bytes(0, CARD)


def test_a_processor_needs_twice_the_files() -> None:
    assert needed_bytes(4 * 10**9, CARD) == 4 * 10**9 + _WORKING_BYTES
    assert needed_bytes(4 * 10**9, PROCESSOR) == 8 * 10**9 + _WORKING_BYTES
    assert 0 < _WORKING_BYTES < 10**9


def test_weights_that_lie_there_in_two_forms_count_once(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "tiny")
    (weights,) = folder.glob("*.pth")
    size = weights.stat().st_size
    assert weights_bytes(str(folder), tmp_path) == size
    (folder / "converted.safetensors").write_bytes(bytes(size // 2))
    assert weights_bytes(str(folder), tmp_path) == size


def test_a_small_model_has_room(tmp_path: Path) -> None:
    require_room(str(write_tiny_model(tmp_path / "tiny")), models_folder=tmp_path)


def test_an_enormous_one_has_none_and_that_is_said_in_numbers(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "tiny")
    with (folder / "hole.pth").open("wb") as file:
        file.truncate(10**12)  # takes no room on the disk
    with pytest.raises(DeviceOutOfMemory, match=r"needs about \d+\.\d GB, and \d+\.\d GB are free"):
        require_room(str(folder), models_folder=tmp_path)


@pytest.mark.parametrize("choice", ["bge-vl-base", "no such model", "/no/such/folder"])
def test_where_the_files_are_not_there_opening_is_left_to_say_it(
    choice: str, tmp_path: Path
) -> None:
    assert weights_bytes(choice, tmp_path) is None
    require_room(choice, models_folder=tmp_path)


def test_memory_can_be_given_back_at_any_time() -> None:
    give_memory_back()
