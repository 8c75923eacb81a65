"""Writes the sample judge's weights as a folder that the app opens, with the official key names.

    python -m sample_model.judge_export [--run FOLDER] [--to FOLDER]

Goes to the run's own folder unless told otherwise: a judge is shipped, in resources/sample_judge,
only once `judge_evaluate` says that it passes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mmsearch_desktop.models.checkpoint import save_converted
from mmsearch_desktop.models.phi3_vision import Sizes, official_name, official_shapes
from sample_model.judge_network import CONFIG
from sample_model.judge_trainer import CHECKPOINT, RUN
from sample_model.judge_words import TOKENIZER

MODEL = RUN / "model"
_MARK = {"format": "pt", "converted_from": "sample_judge"}


def official_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors under the official names, in half precision; what no answer needs is zeros."""
    ours = {official_name(name): tensor for name, tensor in state.items() if _is_stored(name)}
    shapes = official_shapes(Sizes.from_config(CONFIG, Path("config.json")))
    return {
        name: ours.get(name, torch.zeros(shape)).half().contiguous()
        for name, shape in shapes.items()
    }


def _is_stored(name: str) -> bool:
    return not name.endswith(("position_ids", "inv_freq"))


def export(run: Path, folder: Path) -> Path:
    """From the run's last checkpoint: config.json, tokenizer.json and model.safetensors."""
    saved = torch.load(run / CHECKPOINT, weights_only=True)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "model.safetensors"
    save_converted(official_tensors(saved["model"]), weights, _MARK)
    weights.chmod(0o644)  # it was written in a folder of one's own
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(run / TOKENIZER, folder / TOKENIZER)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sample_model.judge_export", description=__doc__)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--to", type=Path, default=MODEL)
    options = parser.parse_args(arguments)
    folder = export(options.run, options.to)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:>10,} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
