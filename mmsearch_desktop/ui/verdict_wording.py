"""What a judge said of a hit, in words: for tooltips, the details panel and screen readers.

Everything is plain text of bounded length, and the model's own words are named as such.
"""

from __future__ import annotations

from mmsearch_desktop.domain import Check, Hit, Standing, Verdict
from mmsearch_desktop.search.answers import plain, rationale

_RATIONALE_CHARACTERS = 600
_CLAIM_CHARACTERS = 100
_WORDS_CHARACTERS = 300
_JUDGE_CHARACTERS = 80
OWN_WORDS = "In the model's own words"
OWN_WORDS_NOTE = "Written after the judgement; they need not be its reasons."


def judge_name(verdict: Verdict) -> str:
    return plain(verdict.judge, _JUDGE_CHARACTERS)


def headline(verdict: Verdict | None) -> str:
    """In one short line, whether and how the hit was judged."""
    if verdict is None:
        return "Not judged"
    if verdict.standing is Standing.WAITING:
        return "Not judged yet"
    if verdict.standing is Standing.JUDGING:
        return f"Being judged by {judge_name(verdict)}…"
    if verdict.standing is not Standing.JUDGED:
        return reason(verdict) or "Not judged"
    if verdict.probability is None:
        return f"Judged by {judge_name(verdict)}: {reason(verdict) or 'no answer'}"
    return f"{percent(verdict.probability)} match, judged by {judge_name(verdict)}"


def parts(verdict: Verdict) -> tuple[Check, ...]:
    """The checks, with claims fit to be shown; none where only the whole was asked about."""
    shown = tuple(
        Check(plain(one.claim, _CLAIM_CHARACTERS), one.probability) for one in verdict.checks
    )
    return shown if len(shown) > 1 else ()


def answer(check: Check) -> str:
    """Such as "phone case: yes 97 %"."""
    return rationale([check])


def own_words(verdict: Verdict) -> str:
    """What the model wrote so far; may be empty."""
    return plain(verdict.words, _WORDS_CHARACTERS)


def judgement(verdict: Verdict) -> str:
    """All of it in several lines, for a tooltip."""
    lines = [headline(verdict)]
    checks = parts(verdict)
    if checks and verdict.standing is Standing.JUDGED:
        lines += map(answer, checks)
    elif _adds_to(verdict):
        lines.append(reason(verdict))
    words = own_words(verdict)
    if words:
        lines += ["", f"{OWN_WORDS}: “{words}”"]
    return "\n".join(lines)


def places(hit: Hit) -> str:
    """Such as "hit 1 by the judge, 7 by the search"; true in whichever order hits are shown."""
    if hit.rank == hit.retrieval_rank:
        return f"hit {hit.rank}"
    return f"hit {hit.rank} by the judge, {hit.retrieval_rank} by the search"


def spoken(hit: Hit) -> str:
    """The judgement as an addition to what a screen reader says of a hit; may be empty."""
    verdict = hit.verdict
    if verdict is None:
        return ""
    if verdict.standing is Standing.JUDGED and verdict.probability is not None:
        return f"judged {percent(verdict.probability)}"
    return headline(verdict)


def percent(probability: float) -> str:
    """Never 0 or 100: no judge is so sure."""
    return f"{min(max(round(100 * probability), 1), 99)} %"


def _adds_to(verdict: Verdict) -> bool:
    """Whether the rationale says what the headline does not."""
    judged = verdict.standing is Standing.JUDGED and verdict.probability is not None
    return judged and not verdict.checks and bool(verdict.rationale)


def reason(verdict: Verdict) -> str:
    """The rationale, bounded."""
    return plain(verdict.rationale, _RATIONALE_CHARACTERS)
