"""A search among 10,000 and 100,000 vectors of width 768, beside one exact matrix product."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.domain import Preparation, VectorSpace
from mmsearch_desktop.library.vectors import MilvusIndex
from tests.benchmarks.table import Row, percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WIDTH = 768
LIMIT = 50
QUERIES = 60


def run() -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (10_000, 100_000):
            rows += _one_size(Path(folder) / str(count), count)
    return rows


def _one_size(folder: Path, count: int) -> list[Row]:
    generator = np.random.default_rng(count)
    vectors = _clustered(generator, count)
    space = VectorSpace("benchmark", "1", WIDTH, Preparation.APP)
    index = MilvusIndex(folder, space)
    try:
        for start in range(0, count, 5000):
            ids = range(start + 1, min(start + 5000, count) + 1)
            index.insert(ids, vectors[start : start + 5000])
        return _measure(index, vectors, _clustered(generator, QUERIES))
    finally:
        index.close()


def _measure(
    index: MilvusIndex, vectors: NDArray[np.float32], queries: NDArray[np.float32]
) -> list[Row]:
    """Of all; of half, as days give; of few that lie scattered, as a folder and days give."""
    count = len(vectors)
    half = range(count // 4 + 1, 3 * count // 4 + 1)
    scopes = {"": None, ", half of the days": half, ", folder and days": half[:: count // 500]}
    return [
        row
        for name, among in scopes.items()
        for row in _rows(f"{count:,}{name}", index, vectors, queries, among)
    ]


def _rows(
    name: str,
    index: MilvusIndex,
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    among: Sequence[int] | None,
) -> list[Row]:
    ours, exact, agreement = [], [], []
    known = np.arange(1, len(vectors) + 1) if among is None else np.array(among)
    chosen = vectors if among is None else vectors[known - 1]
    for query in queries:
        start = time.perf_counter()
        found = index.search(query, LIMIT, among=among)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        best = known[np.argsort(-(chosen @ query), kind="stable")[:LIMIT]]
        exact.append(time.perf_counter() - start)
        agreement.append(len({i for i, _ in found} & set(best.tolist())) / len(best))
    p95, exact_p95 = percentile(ours, 0.95), percentile(exact, 0.95)
    return [
        Row(
            f"search of {name}, 95th percentile",
            f"{p95 * 1000:.0f} ms",
            f"exact product {exact_p95 * 1000:.0f} ms",
            p95 / exact_p95,
            "lower",
        ),
        Row(
            f"agreement with the exact best {LIMIT} of {name}",
            f"{sum(agreement) / len(agreement):.3f}",
            "1.000",
            sum(agreement) / len(agreement),
            "higher",
        ),
    ]


def _clustered(generator: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Unit vectors in 200 loose clusters, as photos of few subjects are."""
    centres = np.random.default_rng(0).standard_normal((200, WIDTH))
    rows = centres[generator.integers(0, 200, count)] + generator.standard_normal((count, WIDTH))
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.asarray(rows / lengths, dtype=np.float32)
