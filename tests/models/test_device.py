"""Where models run: the choice, the fall back, and a core left for the window."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from mmsearch_desktop.models import device


@pytest.fixture(autouse=True)
def _same_threads_afterwards() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def _pretend_cuda(monkeypatch: pytest.MonkeyPatch, *cards: tuple[str, int, int]) -> None:
    def properties(index: int) -> SimpleNamespace:
        name, major, memory = cards[index]
        return SimpleNamespace(name=name, major=major, total_memory=memory)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cards))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cards))
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)


def test_the_processor_computes_in_full_precision_and_knows_its_memory() -> None:
    found = device.cpu()
    assert (found.kind, found.torch_name, found.precision) == ("cpu", "cpu", "float32")
    assert found.name
    assert found.memory_bytes is None or found.memory_bytes > 2**28


def test_the_best_device_computes() -> None:
    found = device.best_device()
    values = torch.ones(4, device=found.torch_name, dtype=getattr(torch, found.precision))
    assert float(values.sum()) == 4


def test_one_core_is_left_for_the_window_and_none_by_a_command() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(64)
    device.cpu(window=False)
    assert torch.get_num_threads() == (cores or 1)
    device.cpu()
    assert torch.get_num_threads() == max(1, (cores or 1) - 1)


def test_fewer_threads_asked_for_stay_fewer() -> None:
    torch.set_num_threads(1)
    device.cpu()
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("major", "rocm", "precision"),
    [(6, False, "float32"), (7, False, "float16"), (9, False, "float16"), (6, True, "float16")],
)
def test_half_precision_where_it_is_quick(major: int, rocm: bool, precision: str) -> None:
    assert device.cuda_precision(major, rocm=rocm) == precision


def test_of_two_cards_the_roomier_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_cuda(monkeypatch, ("small", 8, 4 * 2**30), ("large", 9, 24 * 2**30))
    found = [(card.name, card.torch_name) for card in device._cuda_cards()]
    assert found == [("large", "cuda:1"), ("small", "cuda:0")]


def test_a_card_that_cannot_compute_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _pretend_cuda(monkeypatch, *[(f"card {i}", 8, 2**33 + i) for i in range(64)])
    assert device.best_device().torch_name != "cuda:63"  # no computer has that many
    assert "card 63 cannot be used and is passed over" in caplog.text


def test_memory_is_spoken_of_in_round_figures() -> None:
    assert [device.memory_text(size) for size in (11_340_000_000, 7_200_000, -1)] == [
        "11.3 GB",
        "7.2 MB",
        "0.0 MB",
    ]


@pytest.mark.gpu
def test_a_graphics_card_is_found_and_used() -> None:
    found = device.best_device()
    assert found.kind in {"cuda", "xpu", "mps"}
    assert found.memory_bytes
