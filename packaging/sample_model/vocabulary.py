"""The tokenizer of the sample model: a BERT WordPiece vocabulary of the drawn world's words.

Single letters, digits and marks, at a word's start and inside it, are pieces too, so that whatever
a person types has tokens. Format: Hugging Face tokenizers (tokenizer.json).
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from sample_model import facts, phrases

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SIZE = 640  # places in the model's table; the last ones are unused
_WORD = re.compile(r"[a-z]+")


def pieces() -> list[str]:
    """All pieces in the order of their ids."""
    marks = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    words = sorted(word for word in _world_words() if len(word) > 1)
    return [
        *SPECIAL,
        *marks,
        *(f"##{mark}" for mark in marks),
        "##s",
        "##ed",
        "##ing",
        "##y",
        *words,
    ]


def _world_words() -> set[str]:
    return {word for text in _strings(_everything_said()) for word in _WORD.findall(text)}


def _everything_said() -> Iterator[object]:
    for module in (facts, phrases):
        for name, value in vars(module).items():
            if name.isupper():
                yield value


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield re.sub(r"\{.\}", " ", value).lower()
    elif isinstance(value, dict):
        yield from _strings([*value.keys(), *value.values()])
    elif isinstance(value, Iterable):
        for part in value:
            yield from _strings(part)


def tokenizer() -> Tokenizer:
    numbers: dict[str, int] = {}
    for piece in pieces():
        numbers.setdefault(piece, len(numbers))
    made = Tokenizer(models.WordPiece(numbers, unk_token=SPECIAL[1]))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(list(SPECIAL))
    ends = [("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    return made


def write_tokenizer(folder: Path, *, most_tokens: int) -> None:
    """tokenizer.json, tokenizer_config.json and vocab.txt, as BERT's own repositories have them."""
    made = tokenizer()
    made.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": True,
        "model_max_length": most_tokens,
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    text = json.dumps(config, indent=2) + "\n"
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
    ordered = sorted(made.get_vocab().items(), key=lambda item: item[1])
    lines = "".join(f"{piece}\n" for piece, _ in ordered)
    (folder / "vocab.txt").write_text(lines, encoding="utf-8")
