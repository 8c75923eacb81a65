"""What judges said of photos, kept in the catalogue so that asking again is instant.

A judgement is found again only while everything it depends on is the same: the request, the
candidate's content, the judge, its revision, and the wording; a digest stands for all of it. A
content that leaves the library takes its judgements along; of all others only the newest stay.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmsearch_desktop.domain import Check, Standing, Verdict

if TYPE_CHECKING:
    from mmsearch_desktop.library.database import Database

MOST = 200_000  # kept; about 100 MB
_log = logging.getLogger("mmsearch.library")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and who was asked in which words."""

    words: str
    picture_sha256: str | None  # of the query picture's bytes
    judge: str
    revision: str
    prompt_version: str

    def about(self, sha256: str) -> str:
        """Equal for the same question about the same candidate, and for no other."""
        parts = [*dataclasses.astuple(self), sha256]
        text = json.dumps(parts, ensure_ascii=True)  # one text for each list, lone surrogates too
        return hashlib.sha256(text.encode()).hexdigest()


class Judgements:
    """Any thread may call any method. LibraryProblem as of the database."""

    def __init__(self, database: Database, most: int = MOST) -> None:
        self._database = database
        self._most = most

    def find(self, asked: Asked, sha256s: Sequence[str]) -> dict[str, Verdict]:
        """By the candidate's sha256; those that were not asked about are left out."""
        digests = {asked.about(sha256): sha256 for sha256 in sha256s}
        rows = self._database.read(
            "SELECT asked, answer FROM judgements WHERE asked IN (SELECT value FROM json_each(?))",
            (json.dumps(list(digests)),),
        )
        found = ((digests[digest], _verdict(answer, asked.judge)) for digest, answer in rows)
        return {sha256: verdict for sha256, verdict in found if verdict is not None}

    def keep(self, asked: Asked, sha256: str, verdict: Verdict) -> None:
        """In place of what was kept for the same question before."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO judgements (asked, content_id, answer)"
                " VALUES (?, (SELECT id FROM contents WHERE sha256 = ?), ?)",
                (asked.about(sha256), bytes.fromhex(sha256), _json(verdict)),
            )
            connection.execute(
                "DELETE FROM judgements WHERE id <= (SELECT max(id) FROM judgements) - ?",
                (self._most,),
            )

    def count(self) -> int:
        return int(self._database.read("SELECT count(*) FROM judgements")[0][0])

    def forget_all(self) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM judgements")


def _json(verdict: Verdict) -> str:
    facts = dataclasses.asdict(verdict)
    facts.pop("judge")
    return json.dumps(facts)


def _verdict(answer: str, judge: str) -> Verdict | None:
    """None where a row is not what this program writes; it is then asked again."""
    try:
        facts: dict[str, Any] = json.loads(answer)
        return Verdict(
            probability=_number(facts["probability"]),
            rationale=str(facts["rationale"]),
            judge=judge,
            standing=Standing(facts["standing"]),
            score=_number(facts["score"]),
            checks=tuple(
                Check(str(check["claim"]), _number(check["probability"]))
                for check in facts["checks"]
            ),
            words=str(facts["words"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        _log.warning("a kept judgement cannot be read (%s); it is made again", error)
        return None


def _number(value: object) -> float | None:
    if value is None or (isinstance(value, int | float) and math.isfinite(value)):
        return value
    raise ValueError(f"{value!r} is no number")
