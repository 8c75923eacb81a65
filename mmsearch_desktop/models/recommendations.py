"""Which embedder to choose for what, on which hardware, and the published figures that say so.

A table and nothing else. All figures are published ones, of these sources; figures of different
tests are not to be compared with each other:

- CIRCO, CIRR: MegaPairs (arXiv 2412.14475), table 1, zero-shot.
- MS COCO, Flickr30k by words: MTEB's collected results (embeddings-benchmark/results, f4cc6c8).
- MMEB-V2, MMTEB: README of QwenLM/Qwen3-VL-Embedding (8ce3aab), by the makers themselves.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch_desktop.models.offers import Offer, offer_named

if TYPE_CHECKING:
    from mmsearch_desktop.models.device import Device


class Use(enum.StrEnum):
    """What a person mostly searches with."""

    WORDS = "words"  # in English
    COMPOSED = "composed"  # a picture together with words, in English
    MULTILINGUAL = "multilingual"  # words, with or without a picture, in other languages


class Hardware(enum.StrEnum):
    LARGE_CARD = "large card"  # holds a model of 4 GB and leaves room to work
    SMALL_CARD = "small card"
    PROCESSOR = "processor"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to choose, and why, in sentences for a person."""

    offer: Offer
    why: str


_GIB = 2**30
# Memory in all from which a card is large: cards sold as "8 GB" have a little less than 8 GiB, and
# Apple's share theirs with everything else.
_LARGE_BYTES = {"cuda": int(7.5 * _GIB), "xpu": int(7.5 * _GIB), "mps": 15 * _GIB}

_QWEN = "qwen3-vl-embedding-2b"
_CHOICES: dict[tuple[Use, Hardware], tuple[str, str]] = {
    (Use.WORDS, Hardware.LARGE_CARD): (
        _QWEN,
        "Of the models here the best published for finding pictures: 74.8 on picture retrieval of "
        "MMEB-V2, where GME 2B has 66.9 and VLM2Vec-V2 69.5 (its makers' README).",
    ),
    (Use.WORDS, Hardware.SMALL_CARD): (
        "bge-visualized-base-en",
        "Of the models that are quick here the one with the best published figures for words "
        "alone: nDCG@10 of 0.500 on MS COCO and 0.741 on Flickr30k (MTEB's results), about as good "
        "as the CLIP of 2021 (0.503 and 0.768).",
    ),
    (Use.COMPOSED, Hardware.LARGE_CARD): (
        _QWEN,
        "It reads the words as a sentence about the picture, and has 74.8 on picture retrieval of "
        "MMEB-V2, whose twelve tests include pictures with words (its makers' README). On CIRCO "
        "nothing is published for it; BGE-VL large, with 39.2 there (MegaPairs, table 1), is the "
        "one to compare it with.",
    ),
    (Use.COMPOSED, Hardware.SMALL_CARD): (
        "bge-vl-large",
        "The best published for a picture together with words that is quick on this card: CIRCO "
        "mAP@5 39.2 and CIRR R@1 38.0, where MagicLens large has 29.6 and 30.1 (MegaPairs, "
        "table 1).",
    ),
    (Use.COMPOSED, Hardware.PROCESSOR): (
        "bge-vl-base",
        "The best published of its size for a picture together with words, and the quickest here: "
        "CIRCO mAP@5 34.3 and CIRR R@1 36.1, where MagicLens base has 23.1 and 27.0 (MegaPairs, "
        "table 1).",
    ),
    (Use.MULTILINGUAL, Hardware.LARGE_CARD): (
        _QWEN,
        "Made for over 30 languages: 63.9 on MMTEB, texts in many languages, where BGE-M3, the "
        "text side of Visualized BGE m3, has 59.6 (its makers' README).",
    ),
    (Use.MULTILINGUAL, Hardware.SMALL_CARD): (
        "bge-visualized-m3",
        "The one that knows many languages and is quick on this card. In English it finds fewer "
        "pictures by words than the base model: nDCG@10 of 0.396 on MS COCO, the other 0.500 "
        "(MTEB's results).",
    ),
    (Use.MULTILINGUAL, Hardware.PROCESSOR): (
        "bge-visualized-m3",
        "The one that knows many languages and can be waited for on a processor, though it is slow "
        "there. In English it finds fewer pictures by words than the base model: nDCG@10 of 0.396 "
        "on MS COCO, the other 0.500 (MTEB's results).",
    ),
}
_CHOICES[Use.WORDS, Hardware.PROCESSOR] = _CHOICES[Use.WORDS, Hardware.SMALL_CARD]


def hardware_of(device: Device) -> Hardware:
    """A card that does not say how much memory it has is taken for a small one."""
    if device.kind == "cpu":
        return Hardware.PROCESSOR
    large = _LARGE_BYTES.get(device.kind)
    if large is not None and (device.memory_bytes or 0) >= large:
        return Hardware.LARGE_CARD
    return Hardware.SMALL_CARD


def advice(use: Use, device: Device) -> Advice:
    """The embedder to choose for a use on a device, and why."""
    name, why = _CHOICES[use, hardware_of(device)]
    return Advice(offer_named(name), why)
