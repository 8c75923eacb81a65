"""Which embedder is recommended for what, on which hardware."""

from __future__ import annotations

import re

import pytest

from mmsearch_desktop.models.device import Device
from mmsearch_desktop.models.offers import OFFERS, recommended
from mmsearch_desktop.models.recommendations import Hardware, Use, advice, hardware_of

GIB = 2**30
PROCESSOR = Device("cpu", "a processor", "cpu", "float32", 64 * GIB)


def card(kind: str, memory_gib: float | None) -> Device:
    memory = None if memory_gib is None else int(memory_gib * GIB)
    return Device(kind, "a card", f"{kind}:0", "float16", memory)


LARGE, SMALL = card("cuda", 24), card("cuda", 4)


@pytest.mark.parametrize(
    ("use", "device", "name"),
    [
        (Use.WORDS, LARGE, "qwen3-vl-embedding-2b"),
        (Use.WORDS, SMALL, "bge-visualized-base-en"),
        (Use.WORDS, PROCESSOR, "bge-visualized-base-en"),
        (Use.COMPOSED, LARGE, "qwen3-vl-embedding-2b"),
        (Use.COMPOSED, SMALL, "bge-vl-large"),
        (Use.COMPOSED, PROCESSOR, "bge-vl-base"),
        (Use.MULTILINGUAL, LARGE, "qwen3-vl-embedding-2b"),
        (Use.MULTILINGUAL, SMALL, "bge-visualized-m3"),
        (Use.MULTILINGUAL, PROCESSOR, "bge-visualized-m3"),
    ],
)
def test_what_is_recommended(use: Use, device: Device, name: str) -> None:
    assert recommended(use, device).name == name
    assert recommended(Use(str(use)), device) in OFFERS


@pytest.mark.parametrize("use", Use)
@pytest.mark.parametrize("device", [LARGE, SMALL, PROCESSOR])
def test_every_advice_gives_a_published_figure_and_its_source(use: Use, device: Device) -> None:
    given = advice(use, device)
    assert re.search(r"\d\.\d", given.why)
    assert any(source in given.why for source in ("README", "MTEB's results", "MegaPairs"))
    if use is Use.MULTILINGUAL:
        assert given.offer.languages != "English"


@pytest.mark.parametrize(
    ("device", "hardware"),
    [
        (PROCESSOR, Hardware.PROCESSOR),
        (card("cuda", 7.99), Hardware.LARGE_CARD),
        (card("cuda", 6), Hardware.SMALL_CARD),
        (card("xpu", 16), Hardware.LARGE_CARD),
        (card("mps", 8), Hardware.SMALL_CARD),
        (card("mps", 16), Hardware.LARGE_CARD),
        (card("cuda", None), Hardware.SMALL_CARD),
        (card("another", 80), Hardware.SMALL_CARD),
    ],
)
def test_a_card_is_large_by_its_memory(device: Device, hardware: Hardware) -> None:
    assert hardware_of(device) is hardware
