"""python -m tests.benchmarks [NAME …]: measure and print one table."""

from __future__ import annotations

import importlib
import sys

from tests.benchmarks.table import Row, print_table

NAMES = ("window_start", "event_loop", "search_latency", "pipeline", "judging")


def main(chosen: list[str]) -> int:
    unknown = set(chosen) - set(NAMES)
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}")
        return 2
    rows: list[Row] = []
    for name in chosen or NAMES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"tests.benchmarks.{name}").run()
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
