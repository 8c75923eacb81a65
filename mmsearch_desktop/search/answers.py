"""How a judge's answers are read: scores into verdicts, its words into plain text.

Nothing that a judge says is parsed into anything but a number or a text to show; whatever it
returns, the outcome is a `Verdict`. Calibration by a blank picture and combination of checks:
a logit is compared with that of the same question about a picture that shows nothing.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mmsearch_desktop.domain import Check, Score, Standing, Verdict
from mmsearch_desktop.search.questions import Question, one_line

LEAST_ANSWERED = 0.5  # below it, the judge is not answering the question
MOST_WORDS_CHARACTERS = 300
_MOST_CLAIM_CHARACTERS = 100
_MOST_MARKS = 2  # on one letter
_END_OF_A_SENTENCE = (".", "!", "?", "…", "。", "！", "？")
_LINK = re.compile(r"(?:\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.|\bmailto:)\S*", re.IGNORECASE)
_NO_TAGS = str.maketrans("<>", "‹›")


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, how it was answered about a candidate, and about a picture of nothing."""

    question: Question
    score: Score
    base: Score | None = None  # None, or not-a-number: nothing is taken away

    @property
    def logit(self) -> float | None:
        """Calibrated log odds that the claim holds; None where the judge did not answer."""
        if not math.isfinite(self.score.logit) or not self.score.answered >= LEAST_ANSWERED:
            return None
        logit = self.score.logit - _finite(self.base)
        return logit if self.question.wanted else -logit


def _finite(base: Score | None) -> float:
    return base.logit if base is not None and math.isfinite(base.logit) else 0.0


def verdict(answers: Sequence[Answer], judge: str) -> Verdict:
    """From the answer about the whole request, then those about its parts.

    The score is the mean of the whole and of the parts' mean. An unanswered part counts for
    nothing; an unanswered whole makes the judge unsure.
    """
    first, *parts = answers
    if not math.isfinite(first.score.logit):
        return failed(judge, "the judge's answer is not a number")
    checks = tuple(
        Check(plain(one.question.claim, _MOST_CLAIM_CHARACTERS), _probability(one.logit))
        for one in answers
    )
    if first.logit is None:
        said = ["The judge answered neither yes nor no", *_answered(checks)]
        return Verdict(None, " / ".join(said), judge, Standing.UNSURE, checks=checks)
    logits = [one.logit for one in parts if one.logit is not None]
    score = (first.logit + sum(logits) / len(logits)) / 2 if logits else first.logit
    return Verdict(
        _probability(score), rationale(checks), judge, Standing.JUDGED, score, checks=checks
    )


def _probability(logit: float | None) -> float | None:
    """Without overflow, for any finite logit."""
    if logit is None:
        return None
    small = math.exp(-abs(logit))
    return 1 / (1 + small) if logit >= 0 else small / (1 + small)


def rationale(checks: Sequence[Check]) -> str:
    """ "the whole request: yes 95 % / phone case: yes 97 % / no stripes: no 69 %"."""
    return " / ".join(f"{check.claim}: {_said(check.probability)}" for check in checks)


def _answered(checks: Sequence[Check]) -> list[str]:
    return [rationale([check]) for check in checks if check.probability is not None]


def _said(probability: float | None) -> str:
    if probability is None:
        return "no answer"
    answer, sure = ("yes", probability) if probability >= 0.5 else ("no", 1 - probability)
    return f"{answer} {min(round(100 * sure), 99)} %"


def failed(judge: str, reason: str) -> Verdict:
    """No judgement, and why; the hit keeps its place."""
    return Verdict(None, f"Not judged: {plain(reason)}", judge, Standing.FAILED)


def waiting(judge: str) -> Verdict:
    return Verdict(None, "Not judged yet", judge, Standing.WAITING)


def being_judged(judge: str) -> Verdict:
    return Verdict(None, "Being judged", judge, Standing.JUDGING)


def plain(text: str, most_characters: int = MOST_WORDS_CHARACTERS) -> str:
    """One line that can be shown anywhere: nothing in it steers, links or formats.

    Control, direction and other invisible characters and links are left out, angle brackets are
    replaced, and so are all but two marks on a letter.
    """
    visible = "".join(map(_visible, text[: 20 * most_characters]))
    line = _few_marks(_LINK.sub("…", one_line(visible))).translate(_NO_TAGS)
    return line if len(line) <= most_characters else line[: most_characters - 1].rstrip() + "…"


def ended(text: str) -> str:
    """Plain text that was cut off within a sentence says so."""
    whole = not text or text.rstrip("\"'”’)]»").endswith(_END_OF_A_SENTENCE)
    return text if whole else f"{text}…"


def _visible(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind in ("Cc", "Zl", "Zp"):
        return " "
    return "" if kind[0] == "C" else letter


def _few_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for letter in text:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if marks <= _MOST_MARKS:
            kept.append(letter)
    return "".join(kept)
