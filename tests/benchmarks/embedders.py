"""Every embedder at its real size on this machine, side by side: what each photo and query costs.

Random weights, so the vectors mean nothing and the cost is real. Each model runs in a process of
its own that opens it as the app does and is given pictures that are decoded already. On the
processor it gets one thread, and what is counted is the time for which that thread computed, not
the time that went by: so a busy machine changes it little, and photos a second are those of one
core. On a graphics card it is the time that went by.

Models that do not fit into what is free are said so.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmsearch_desktop.domain import Embedder, ModelProblem
from mmsearch_desktop.models.device import Device, best_device
from mmsearch_desktop.models.offers import OFFERS, open_embedder
from tests.benchmarks.random_embedders import WORDS, WRITERS
from tests.benchmarks.table import median
from tests.drawn_photos import draw

_BASELINE = "bge-visualized-base-en"
_PICTURE_SIZE = (1024, 768)  # as decoding leaves a photo of 12 megapixels
_TIMES = 3  # that each thing is done,
_ENOUGH_SECONDS = 4.0  # or fewer where it takes longer
_VECTORS = 100_000
_BYTES_OF_A_NUMBER = 4 + 2  # in the index, and in the catalogue


@dataclass(frozen=True)
class Measured:
    """One embedder. Seconds are of one core, or of a card."""

    name: str
    device: str
    precision: str
    photo_seconds: float
    words_seconds: float
    composed_seconds: float
    peak_bytes: int  # of memory; of the card's own where there is one
    dimensions: int


def print_own_table() -> None:
    """Measures all of them, one after the other, and prints a line for each as it comes."""
    baseline: Measured | None = None
    print(
        "| embedder | photos/s | to the first | words, ms | picture and words, ms | peak memory |"
        " numbers | vectors of 100,000 photos | precision |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in sorted(WRITERS, key=lambda one: one != _BASELINE):
        found = _measured_apart(name)
        if isinstance(found, str):
            print(f"| {name} | not measured: {found} | | | | | | | |", flush=True)
            continue
        baseline = baseline or found
        print(_line(found, baseline), flush=True)
    if baseline is not None:
        print(f"\nRandom weights, on {baseline.device}; on a processor, seconds of one core.")


def _line(found: Measured, baseline: Measured) -> str:
    title = next(offer.title for offer in OFFERS if offer.name == found.name)
    vectors = _VECTORS * found.dimensions * _BYTES_OF_A_NUMBER / 1e6
    cells = (
        title,
        f"{1 / found.photo_seconds:.3g}",
        f"× {baseline.photo_seconds / found.photo_seconds:.2g}",
        f"{found.words_seconds * 1000:,.0f}",
        f"{found.composed_seconds * 1000:,.0f}",
        f"{found.peak_bytes / 1e9:.1f} GB",
        str(found.dimensions),
        f"{vectors:,.0f} MB",
        found.precision,
    )
    return f"| {' | '.join(cells)} |"


def _measured_apart(name: str) -> Measured | str:
    """In a process of its own; or why it could not be measured."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"  {name} …", file=sys.stderr, flush=True)
        WRITERS[name](Path(folder) / "model")
        command = [sys.executable, "-m", "tests.benchmarks.embedders", name, f"{folder}/model"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    last = (done.stdout.strip() or done.stderr.strip() or "it was killed").splitlines()[-1]
    return last if done.returncode else Measured(**json.loads(last))


def _measured(name: str, folder: Path) -> Measured:
    device = best_device(window=False)
    if device.kind == "cpu":
        _take_one_thread()
    embedder = open_embedder(str(folder), models_folder=folder, device=device)
    pictures = [draw(number).resize(_PICTURE_SIZE) for number in range(embedder.batch_size)]
    embedder.embed_pictures(pictures[:1])  # a model may settle on a precision with its first ones
    embedder.embed_words([WORDS])
    photo = _seconds(lambda: embedder.embed_pictures(pictures), device) / len(pictures)
    words = _seconds(lambda: embedder.embed_words([WORDS]), device)
    both = _seconds(lambda: embedder.embed_pictures_with_words(pictures[:1], [WORDS]), device)
    return Measured(
        name=name,
        device=device.name,
        precision=_precision(embedder, device),
        photo_seconds=photo,
        words_seconds=words,
        composed_seconds=both,
        peak_bytes=_peak_bytes(device),
        dimensions=embedder.space.dimensions,
    )


def _take_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _seconds(action: Callable[[], object], device: Device) -> float:
    """The median of a few; vectors come back from a card, so it has finished by then."""
    clock = time.process_time if device.kind == "cpu" else time.perf_counter
    return median(list(_durations(action, clock)))


def _durations(action: Callable[[], object], clock: Callable[[], float]) -> Iterator[float]:
    began = clock()
    for _ in range(_TIMES):
        start = clock()
        action()
        yield clock() - start
        if clock() - began > _ENOUGH_SECONDS:
            return


def _precision(embedder: Embedder, device: Device) -> str:
    own = getattr(embedder, "precision", device.precision)  # a large one may take a smaller one
    rounded = any(type(one).__name__ == "RoundedLinear" for one in _layers(embedder))
    return f"{own}, products in bfloat16" if rounded else str(own)


def _layers(embedder: Embedder) -> Iterator[object]:
    import torch

    model = getattr(embedder, "_model", None)
    yield from model.modules() if isinstance(model, torch.nn.Module) else ()


def _peak_bytes(device: Device) -> int:
    import torch

    if device.kind == "cuda":
        return int(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")
    if status.is_file():  # of this program alone, where `resource` counts what started it as well
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    import psutil

    return int(psutil.Process().memory_info().rss)


def main(name: str, folder: Path) -> int:
    try:
        found = _measured(name, folder)
    except ModelProblem as problem:
        print(problem)
        return 1
    print(json.dumps(dataclasses.asdict(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
