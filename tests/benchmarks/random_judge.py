"""Judges of any size with random weights: real cost, answers that mean nothing."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mmsearch_desktop.models.phi3_judge import Phi3Judge
from mmsearch_desktop.models.phi3_prompt import Phi3Tokenizer
from mmsearch_desktop.models.phi3_vision import Phi3Vision, Sizes
from mmsearch_desktop.search import questions
from tests.models.tiny_phi3 import tiny_config, tiny_tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmsearch_desktop.models.device import Device

# Work per picture and per word stand to each other as in the real model; pictures of 313 tokens.
MEDIUM: Mapping[str, Any] = {
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "tower": {"hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 6}
    | {"num_attention_heads": 3, "image_size": 336},
}
FULL: Mapping[str, Any] = {
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32064,
    "tower": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24}
    | {"num_attention_heads": 16, "image_size": 336},
}
TINY: Mapping[str, Any] = {}
_LOUDER = 15.0  # so that "yes" and "no" are likelier than all else


def random_judge(
    folder: Path, chosen: Mapping[str, Any], device: Device, kind: torch.dtype
) -> Phi3Judge:
    """`folder` takes its tokenizer; the weights are made on the device and never on a disk."""
    tokenizer = tiny_tokenizer(_prompt_words())
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    words = Phi3Tokenizer(folder / "tokenizer.json")
    model = _random_model(_sizes(chosen, len(tokenizer["model"]["vocab"]) + 20), device, kind)
    head = model.decoder.lm_head.weight
    head[[*words.yes_ids, *words.no_ids]] *= _LOUDER
    head[list(words.stop_ids)] = 0  # so that it writes as much as it may
    return Phi3Judge(model, words, name="Random", revision="random")


def _prompt_words() -> list[str]:
    """The words of the prompts, so that these have about as many tokens as with the real one."""
    texts = (
        questions.request_words("phone case with this", with_picture=True),
        questions.list_words("", with_picture=True, caption="a"),
        questions.list_instruction(9, on_page=True),
        questions.words_instruction(()),
        questions.CAPTION_INSTRUCTION,
        questions.LEAD_IN,
        *(questions.asked(one) for one in questions.checks("phone case with this",
                                                            with_picture=True)),
    )  # fmt: skip
    return sorted(set(re.findall(r"[A-Za-z]+", " ".join(texts))), key=len)


def _sizes(chosen: Mapping[str, Any], vocabulary: int) -> Sizes:
    config = tiny_config(vocabulary) | {k: v for k, v in chosen.items() if k != "tower"}
    config["img_processor"]["clip_config"] |= chosen.get("tower", {})
    factors = config["hidden_size"] // config["num_attention_heads"] // 2
    config["rope_scaling"] = {"short_factor": [1.0] * factors, "long_factor": [1.0] * factors}
    return Sizes.from_config(config, Path("config.json"))


def _random_model(sizes: Sizes, device: Device, kind: torch.dtype) -> Phi3Vision:
    place = torch.device(device.torch_name)
    with torch.device("meta"):
        model = Phi3Vision(sizes)
    model.pictures.drop_unused()
    chance = torch.Generator(place).manual_seed(0)
    for name, empty in list(model.named_parameters()):
        owner, _, last = name.rpartition(".")
        values = torch.randn(empty.shape, generator=chance, device=place, dtype=kind)
        if empty.ndim == 1:
            values = values * 0.1 + (1.0 if name.endswith("norm.weight") else 0.0)
        elif "embed" not in name or empty.ndim != 2:
            values *= 1.5 / math.sqrt(math.prod(empty.shape[1:]))
        parameter = nn.Parameter(values, requires_grad=False)
        setattr(model.get_submodule(owner), last, parameter)
    model.make_buffers(place)
    return model.eval()
