"""python -m tests.benchmarks [NAME …]: measure and print one table.

Without names: all but those that have a table of their own and take long.
"""

from __future__ import annotations

import importlib
import sys

from tests.benchmarks.table import Row, print_table

NAMES = ("window_start", "event_loop", "search_latency", "pipeline", "judging")
OWN_TABLES = ("embedders", "large_library")


def main(chosen: list[str]) -> int:
    names = (*NAMES, *OWN_TABLES)
    unknown = set(chosen) - set(names)
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(names)}")
        return 2
    rows: list[Row] = []
    for name in chosen or NAMES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        module = importlib.import_module(f"tests.benchmarks.{name}")
        if name in OWN_TABLES:
            module.print_own_table()
        else:
            rows += module.run()
    if rows:
        print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
