"""What is foretold of a judge before it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import ModelProblem, WeightsMissing
from mmsearch_desktop.models.device import cpu
from mmsearch_desktop.models.judging_speed import operations_per_second, outlook
from tests.models.tiny_phi3 import write_tiny_phi3

if TYPE_CHECKING:
    from pathlib import Path


def test_a_small_judge_is_quick_here(tmp_path: Path) -> None:
    folder = write_tiny_phi3(tmp_path / "tiny")
    found = outlook(str(folder), models_folder=tmp_path, device=cpu())
    assert found.judge == "tiny"
    assert found.on_processor
    assert 0 < found.seconds_per_photo < 1
    assert "Runs in 32 bits on" in found.sentence


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "nf4"])
def test_the_speed_is_believable(precision: str) -> None:
    assert 1e6 < operations_per_second(cpu(), precision) < 1e15


def test_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="Phi-3 Vision is not installed"):
        outlook("phi-3-vision", models_folder=tmp_path, device=cpu())
    with pytest.raises(ModelProblem, match="no judge and no folder"):
        outlook("nobody", models_folder=tmp_path, device=cpu())
