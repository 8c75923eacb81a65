"""Writes the trained weights as a model folder that the app opens, with the official key names.

    python -m sample_model.export [--run FOLDER] [--to resources/sample_model]

The layout is that of Visualized BGE as models/visualized_bge.py reads it: eva_config.json, the text
model's small files in text_model/, and the weights in half precision as model.safetensors.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmsearch_desktop.models.checkpoint import save_converted
from mmsearch_desktop.models.device import cpu
from mmsearch_desktop.models.visualized_bge import name_in_file
from sample_model.network import Sizes
from sample_model.train import CHECKPOINT, CURVE, RUN
from sample_model.vocabulary import write_tokenizer

MODEL = Path(__file__).resolve().parents[2] / "resources" / "sample_model"
TRAINING = "training.json"
_PROJECTION_BIAS = "visual_proj.bias"
_TYPE_ROWS = "bge_embeddings.token_type_embeddings.weight"
_MARK = {"model": "visualized-bge-1", "converted_from": "sample_model"}


def official_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors under the official names, in half precision.

    In the file image tokens have no token type, which our text encoder adds to everything: what
    loading takes off the projection's bias is put on here.
    """
    tensors = {name_in_file(name): tensor.float() for name, tensor in state.items()}
    tensors[_PROJECTION_BIAS] = tensors[_PROJECTION_BIAS] + tensors[_TYPE_ROWS][0]
    return {name: tensor.half().contiguous() for name, tensor in tensors.items()}


def write_model(state: Mapping[str, Tensor], sizes: Sizes, folder: Path) -> None:
    """Weights, configurations and tokenizer; other files of the folder stay as they are."""
    text_folder = folder / "text_model"
    text_folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "model.safetensors"
    save_converted(official_tensors(state), weights, _MARK)
    weights.chmod(0o644)  # it was written in a folder of one's own
    _write(folder / "eva_config.json", _eva_config(sizes))
    _write(text_folder / "config.json", sizes.text)
    write_tokenizer(text_folder, most_tokens=sizes.positions)


def _eva_config(sizes: Sizes) -> dict[str, Any]:
    return {
        "embed_dim": sizes.width,
        "vision_cfg": {
            "image_size": sizes.picture_pixels,
            "layers": sizes.tower_layers,
            "width": sizes.width,
            "head_width": sizes.head_width,
            "patch_size": sizes.patch_pixels,
            "mlp_ratio": sizes.mlp_ratio,
            "rope": True,
            "pt_hw_seq_len": 16,
            "intp_freq": True,
            "naiveswiglu": True,
            "subln": True,
        },
    }


def _write(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def export(run: Path, folder: Path, *, note: str = "") -> Path:
    """From the run's last checkpoint, its averaged weights, and the record of the training."""
    saved = torch.load(run / CHECKPOINT, weights_only=True)
    write_model(saved["average"], Sizes(**saved["sizes"]), folder)
    _write(folder / TRAINING, {**_training(saved, run), "note": note})
    return folder


def _training(saved: Mapping[str, Any], run: Path) -> dict[str, Any]:
    lines = (run / CURVE).read_text("utf-8").splitlines()
    curve = {row["step"]: row for row in map(json.loads, lines)}  # some twice, if interrupted
    kept = list(curve.values())[:: max(1, len(curve) // 60)]
    progress = saved["progress"]
    finished = datetime.fromtimestamp((run / CHECKPOINT).stat().st_mtime, UTC)
    return {
        **saved["record"],
        "finished_at": f"{finished:%Y-%m-%d %H:%M} UTC",
        "processor": cpu().name,
        "finished_share": round(progress["share"], 3),
        "steps_done": progress["step"],
        "picture_passes": progress["passes"],
        "core_minutes": round(progress["core_seconds"] / 60, 1),
        "curve": kept,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sample_model.export", description=__doc__)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--to", type=Path, default=MODEL)
    parser.add_argument("--note", default="", help="what else is to be known of the training")
    options = parser.parse_args(arguments)
    folder = export(options.run, options.to, note=options.note)
    for path in sorted(folder.rglob("*")):
        print(f"{path.stat().st_size:>10,} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
