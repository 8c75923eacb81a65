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
    ours, exact, agreement = [], [], []
    for query in queries:
        start = time.perf_counter()
        found = index.search(query, LIMIT)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        best = _exact(vectors, query)
        exact.append(time.perf_counter() - start)
        agreement.append(len({i for i, _ in found} & set(best)) / LIMIT)
    count = len(vectors)
    p95, exact_p95 = percentile(ours, 0.95), percentile(exact, 0.95)
    return [
        Row(
            f"search of {count:,}, 95th percentile",
            f"{p95 * 1000:.0f} ms",
            f"exact product {exact_p95 * 1000:.0f} ms",
            p95 / exact_p95,
            "lower",
        ),
        Row(
            f"agreement with the exact best {LIMIT} of {count:,}",
            f"{sum(agreement) / len(agreement):.3f}",
            "1.000",
            sum(agreement) / len(agreement),
            "higher",
        ),
    ]


def _exact(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> list[int]:
    scores = vectors @ query
    return [int(i) + 1 for i in np.argsort(-scores, kind="stable")[:LIMIT]]


def _clustered(generator: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Unit vectors in 200 loose clusters, as photos of few subjects are."""
    centres = np.random.default_rng(0).standard_normal((200, WIDTH))
    rows = centres[generator.integers(0, 200, count)] + generator.standard_normal((count, WIDTH))
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    return np.asarray(rows / lengths, dtype=np.float32)
