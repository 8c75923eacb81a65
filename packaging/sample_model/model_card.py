"""Writes the sample model's card from what training and evaluation left beside the weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

CARD = "MODEL_CARD.md"
_TARGETS = (  # row, column, place in the list, at least
    ("words: colour, surface, object", "main", 0, 0.75),
    ("words: colour, surface, object", "main", 1, 0.92),
    ("swatch + with this", "main", 0, 0.65),
    ("swatch + with this", "main", 1, 0.88),
    ("scene + at a time", "main", 0, 0.80),
)
_LABEL = (
    "Sample model - understands only the drawn sample pictures. Download Visualized BGE to search "
    "your own photos."
)


def write_card(folder: Path) -> Path:
    """From training.json, eval.json and, where it is there, eval_fresh.json of the folder."""
    path = folder / CARD
    path.write_text("\n".join(_lines(folder)) + "\n", encoding="utf-8")
    return path


def _lines(folder: Path) -> Iterator[str]:
    training = _read(folder / "training.json")
    yield from ("# The sample model", "", f"**{_LABEL}**", "")
    yield from _about(folder, training)
    yield from ("", "## What it reaches", "")
    yield from figures_table(folder)
    yield from ("", *_targets(folder), "")
    yield from _fresh(folder)
    yield from _limits(folder)


def _about(folder: Path, training: Mapping[str, Any]) -> Iterator[str]:
    config = _read(folder / "eva_config.json")["vision_cfg"]
    text = _read(folder / "text_model" / "config.json")
    size = (folder / "model.safetensors").stat().st_size
    yield (
        "A small embedder with the architecture, the key names and the file layout of Visualized "
        "BGE, trained from random weights on pictures that this project draws itself. No weights, "
        "pictures or words of others are in it; it has the project's own licence."
    )
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield (
        f"| picture | {config['image_size']} x {config['image_size']} pixels, patches of "
        f"{config['patch_size']} |"
    )
    yield (
        f"| layers | {config['layers']} of the picture tower, {text['num_hidden_layers']} of the "
        f"text model, {config['width']} wide |"
    )
    yield f"| weights | {size / 1e6:.1f} MB, half precision |"
    yield (
        f"| trained | {training['finished_at']}, seed {training['seed']}, "
        f"{training['picture_passes']:,} pictures seen in {training['steps_done']:,} steps, "
        f"{training['core_minutes']:.0f} core-minutes on {training['processor']} |"
    )
    yield (
        f"| with | torch {training['torch']}, transformers {training['transformers']}, numpy "
        f"{training['numpy']}, Pillow {training['pillow']} |"
    )
    if training.get("note"):
        yield f"| note | {training['note']} |"
    yield ""
    yield (
        "Made with `python packaging/dev.py sample pool`, then `train`, `export`, `evaluate`. The "
        "figures below are in eval.json, which `python packaging/dev.py sample evaluate` writes "
        "again from the files here and the gallery in tests/sample_world. The curve of the "
        "training is in training.json."
    )


def figures_table(folder: Path) -> Iterator[str]:
    """The figures of the stored gallery as a table of Markdown."""
    evaluation = _read(folder / "eval.json")
    yield (
        f"R@1 / R@5 / R@10 on {evaluation['pictures']} stored pictures, gallery seed "
        f"{evaluation['gallery_seed']}. No product of them shows a pair of object and surface that "
        'training saw, but where the row says "seen". Sources have backgrounds of their own.'
    )
    yield ""
    yield "| question (number asked; chance of R@1) | as asked | picture only | words only | sum |"
    yield "|---|---|---|---|---|"
    for type_, row in evaluation["whole"].items():
        both = row["composed"] is not None
        cells = [_cell(main(row))]
        cells += [_cell(row[name]) if both else "" for name in ("picture", "words", "sum")]
        yield f"| {type_} ({row['asked']}; {row['chance']:.3f}) | {' | '.join(cells)} |"


def main(row: Mapping[str, Any]) -> Sequence[float]:
    """The figures of a question as it is meant."""
    found: Sequence[float] = row["composed"] or row["words"] or row["picture"]
    return found


def _cell(recalls: Sequence[float]) -> str:
    return " / ".join(f"{recall:.2f}" for recall in recalls)


def _targets(folder: Path) -> Iterator[str]:
    rows = _read(folder / "eval.json")["whole"]
    yield "Aims set beforehand:"
    yield ""
    for type_, _, place, aim in _TARGETS:
        reached = main(rows[type_])[place]
        yield f"- {type_}, R@{(1, 5)[place]} at least {aim:.2f}: {_verdict(reached, aim)}"
    swatch = rows["swatch + with this"]
    others = max(swatch[name][0] for name in ("picture", "words", "sum"))
    lead = swatch["composed"][0] - others
    yield f"- swatch + with this, R@1 above each of the other three by 0.25: {_verdict(lead, 0.25)}"
    for type_ in ("product + the same but", "product + in a colour"):
        lead = rows[type_]["composed"][0] - rows[type_]["sum"][0]
        yield f"- {type_}, R@1 above the sum: {_verdict(lead, 0.001)}"
    for usual, other in (
        ("words: colour, surface, object", "words: other wording"),
        ("swatch + with this", "swatch + other wording"),
    ):
        loss = main(rows[usual])[0] - main(rows[other])[0]
        word = "reached" if loss <= 0.10 else "missed"
        yield f"- {other}, R@1 within 0.10 of the usual wording: {word} ({loss:+.2f} lost)"
    yield ""
    yield (
        "With so few questions, differences of a few points mean little. The sum of the two "
        "vectors does nearly as well as the model that reads both: probably because training "
        "names the facts from every vector with the same linear heads, so that vectors add up."
    )


def _verdict(reached: float, aim: float) -> str:
    return f"{'reached' if reached >= aim else 'missed'} ({reached:.2f})"


def _fresh(folder: Path) -> Iterator[str]:
    if not (folder / "eval_fresh.json").is_file():
        return
    seeds = _read(folder / "eval_fresh.json")["seeds"]
    stored = _read(folder / "eval.json")["whole"]
    yield "## Other galleries"
    yield ""
    yield "R@1 on the stored gallery and on others, drawn anew with other seeds."
    yield ""
    yield f"| question | stored | {' | '.join(f'seed {seed}' for seed in seeds)} |"
    yield "|---|---" + "|---" * len(seeds) + "|"
    for type_, row in stored.items():
        found = [main(rows[type_])[0] for rows in seeds.values()]
        yield f"| {type_} | {' | '.join(f'{recall:.2f}' for recall in [main(row)[0], *found])} |"
    yield ""


def _limits(folder: Path) -> Iterator[str]:
    negated = _read(folder / "eval.json")["whole"]["product + without"]
    yield "## Limits"
    yield ""
    yield "- It knows the drawn world: 22 objects, 12 colours, 28 surfaces, 8 scenes, 5 animals."
    yield (
        "- Real photos mean nothing to it beyond coarse colour and brightness. It is a "
        "demonstration and a test, never a substitute for a real model."
    )
    yield (
        "- It knows a few hundred English words; others are spelled letter by letter and mean "
        "nothing to it."
    )
    yield (
        f'- Negation is its weakest side: "without stripes" has a right answer first in '
        f"{negated['composed'][0]:.2f} of the questions, where the picture alone has it in "
        f"{negated['picture'][0]:.2f}."
    )
    yield "- The drawings are flat and alike: good figures here say little about any photo."


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
