"""`evaluate`: one table of how well a model, and a judge after it, finds what should be found."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop import judging_commands
from mmsearch_desktop.domain import Embedder, LabelsProblem, Mode, Preparation, Progress
from mmsearch_desktop.terminal import put, put_json, safe, tell, watched

if TYPE_CHECKING:
    from mmsearch_desktop.search.evaluation import GroupReport, Report, Reranking, Row
    from mmsearch_desktop.search.labelled_sets import LabelledSet
    from mmsearch_desktop.search.metrics import Figure, Ranking

_COLUMNS = {
    Mode.COMPOSED: "composed",
    Mode.SUM: "sum",
    Mode.TEXT: "words",
    Mode.PICTURE: "picture",
}
_WORDINGS = {
    "bge-vl": "as published with BGE-VL",
    "magiclens": "as published with MagicLens",
}
_MOST_TOLD = 20  # rows and pictures left out; --json has them all
_WEAK = (
    "Public sets are weak: of their composed queries 32 to 84 % can be answered from one part alone"
    " (arXiv 2605.14787). Composed should beat words and picture by far."
)


def evaluate(options: argparse.Namespace, open_embedder: Callable[[Preparation], Embedder]) -> int:
    """Measure on the set that `options` name, and put the figures out."""
    from mmsearch_desktop.search.evaluation import evaluate

    labelled = _labelled(options)
    _check_place(options.runs)
    if options.rerank:
        judging_commands.check_judge(options)
    preparation = Preparation.OFFICIAL if options.as_published else Preparation.APP
    embedder = open_embedder(preparation)
    with _reranking(options) as reranking:
        following = _Following()
        steps = evaluate(labelled, embedder, reranking=reranking, as_published=options.as_published)
        watched(following.progress(steps), "pictures")
    report = following.report
    _tell(report)
    if options.runs is not None:
        options.runs.write_text(json.dumps(_runs_json(report)) + "\n", encoding="ascii")
    if options.json:
        put_json(_json(report, options))
    else:
        _put_table(report, options)
    return 0


def _labelled(options: argparse.Namespace) -> LabelledSet:
    from mmsearch_desktop.search.labelled_sets import first_queries, read_folder
    from mmsearch_desktop.search.labelled_table import read_table

    place: Path = options.set
    if place.is_dir():
        labelled = read_folder(place, options.gallery)
    elif options.as_published:
        raise LabelsProblem(
            f"{place}: no figures are published for a table of one's own. Leave --as-published out."
        )
    else:
        labelled = read_table(place, options.gallery)
    return labelled if options.queries is None else first_queries(labelled, options.queries)


def _check_place(runs: Path | None) -> None:
    """Before hours of work are done for nothing."""
    if runs is None:
        return
    if runs.exists():
        raise LabelsProblem(f"{runs}: this file is there already. Name another for the runs.")
    if not runs.parent.is_dir():
        raise LabelsProblem(f"{runs.parent}: there is no such folder. Make it, or name another.")


@contextlib.contextmanager
def _reranking(options: argparse.Namespace) -> Iterator[Reranking | None]:
    """A judge, and a place for its judgements that lasts as long as the run."""
    if not options.rerank:
        yield None
        return
    from mmsearch_desktop.library.catalogue import Catalogue
    from mmsearch_desktop.search.evaluation import Reranking

    settings = judging_commands.judging_of(options, options.rerank)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        contextlib.closing(Catalogue(Path(folder) / "judgements.sqlite")) as catalogue,
        judging_commands.opened_judge(options) as judge,
    ):
        yield Reranking(judge, settings, options.weight, catalogue.judgements)


class _Following:
    """Passes the progress on and holds the report in the end."""

    def __init__(self) -> None:
        self._report: Report | None = None

    @property
    def report(self) -> Report:
        if self._report is None:
            raise ValueError("the run did not come to its end")
        return self._report

    def progress(self, steps: Generator[Progress, None, Report]) -> Generator[Progress, None, None]:
        self._report = yield from steps


def _tell(report: Report) -> None:
    for notice in report.notices:
        tell(notice)
    for problem in report.problems[:_MOST_TOLD]:
        tell(f"{problem.path}: {problem.reason}")
    more = len(report.problems) - _MOST_TOLD
    if more > 0:
        tell(f"… and {more:,} more; --json lists them all.")


# ------------------------------------------------------------------------------- the table


def _put_table(report: Report, options: argparse.Namespace) -> None:
    for line in _table(report, options.rerank):
        put(safe(line))


def _table(report: Report, depth: int) -> Iterator[str]:
    yield f"{report.labelled.name}, by {report.embedder}"
    yield f"  {_how(report)}"
    if report.judge is not None:
        yield (
            f"  judged: the {depth} best of each, by {report.judge};"
            f" {report.judged:,} of {report.to_be_judged:,} got a judgement"
        )
    for group in report.groups:
        yield ""
        yield _heading(group)
        yield from _lines(group.rows(report.labelled.measures))
    if mean := report.mean_rows():
        yield ""
        yield f"mean of {', '.join(group.name for group in report.groups)}"
        yield from _lines(mean)
    yield ""
    yield "In per cent, ± the standard error of the mean over these queries."
    yield from _gains(report)
    if report.labelled.public:
        yield _WEAK


def _how(report: Report) -> str:
    app = report.space.preparation is Preparation.APP
    pictures = "as the app prepares them" if app else "as the model's own code prepares them"
    own = "stays in the gallery, as in published runs" if report.own_stays else "is left out"
    said = f"pictures {pictures}; the query picture {own}"
    if not report.labelled.public:
        return said
    words = _WORDINGS.get(str(report.wording), "as the set has them")
    return f"{said}; words {words}"


def _heading(group: GroupReport) -> str:
    name = f"{group.name}: " if group.name else ""
    return f"{name}{_count(len(group.outcomes), 'query', 'queries')}, " + _count(
        group.pictures, "picture", "pictures"
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    yield f"  {'':13}" + "".join(f"{name:>15}" for name in _COLUMNS.values())
    for row in rows:
        name = "  judged" if row.judged else row.measure.name
        cells = (_cell(row.figures.get(mode)) for mode in _COLUMNS)
        yield f"  {name:13}" + "".join(f"{cell:>15}" for cell in cells)


def _cell(figure: Figure | None) -> str:
    """Without a figure: the queries have no such part."""
    if figure is None:
        return "–"
    error = "" if figure.error is None else f" ± {100 * figure.error:.1f}"
    return f"{100 * figure.mean:.1f}{error}"


def _gains(report: Report) -> Iterator[str]:
    """Whether both parts together find more than the better one alone."""
    measures = report.labelled.measures
    named = [(group.name, group.rows(measures)) for group in report.groups]
    for name, rows in [("", report.mean_rows())] if report.mean_rows() else named:
        found = rows[0].figures  # of the measure that the set is known by, before judging
        if Mode.COMPOSED in found:
            alone = max(found[Mode.TEXT].mean, found[Mode.PICTURE].mean)
            yield (
                f"{name}{': ' if name else ''}{rows[0].measure.name}"
                f" {100 * found[Mode.COMPOSED].mean:.1f} composed,"
                f" {100 * alone:.1f} by the better part alone."
            )


# ---------------------------------------------------------------------------------- JSON


def _json(report: Report, options: argparse.Namespace) -> dict[str, object]:
    mean = report.mean_rows()
    return {
        "set": report.labelled.name,
        "embedder": report.embedder,
        "model": report.space.model,
        "revision": report.space.revision,
        "preparation": str(report.space.preparation),
        "wording": str(report.wording),
        "query_picture": "stays" if report.own_stays else "left out",
        "judge": _judge_json(report, options),
        "groups": [
            {
                "name": group.name,
                "queries": len(group.outcomes),
                "pictures": group.pictures,
                "figures": _figures_json(group.rows(report.labelled.measures)),
            }
            for group in report.groups
        ],
        "mean": _figures_json(mean) if mean else None,
        "left_out": [{"path": str(one.path), "reason": one.reason} for one in report.problems],
        "notices": list(report.notices),
    }


def _judge_json(report: Report, options: argparse.Namespace) -> dict[str, object] | None:
    if report.judge is None:
        return None
    return {
        "name": report.judge,
        "strategy": str(options.strategy),
        "depth": options.rerank,
        "weight": options.weight,
        "judged": report.judged,
        "to_be_judged": report.to_be_judged,
    }


def _figures_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [
        {"measure": row.measure.name, "judged": row.judged}
        | {name: _figure_json(row.figures.get(mode)) for mode, name in _COLUMNS.items()}
        for row in rows
    ]


def _figure_json(figure: Figure | None) -> dict[str, object] | None:
    if figure is None:
        return None
    return {"mean": figure.mean, "standard_error": figure.error, "queries": figure.queries}


def _runs_json(report: Report) -> dict[str, object]:
    """What was wanted and what was found, for any other program to measure again."""
    return {
        "set": report.labelled.name,
        "queries": [
            {
                "id": outcome.query.id,
                "group": group.name,
                "words": outcome.query.said(report.wording),
                "picture": None if outcome.query.picture is None else str(outcome.query.picture),
                "wanted": sorted(outcome.labels.wanted),
                "targets": sorted(outcome.labels.targets),
                "members": sorted(outcome.labels.members),
                "found": _rankings_json(outcome.found),
                "judged": _rankings_json(outcome.judged),
            }
            for group in report.groups
            for outcome in group.outcomes
        ],
    }


def _rankings_json(rankings: Mapping[Mode, Ranking]) -> dict[str, object]:
    return {_COLUMNS[mode]: dataclasses.asdict(ranking) for mode, ranking in rankings.items()}
