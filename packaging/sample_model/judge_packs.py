"""Packs: one request, several candidates and several questions about each, read in one pass.

Every token sees its own path alone: the request, then its candidate, then its question, at the
places which it has in a prompt of its own. So each answer is that of the prompt that the app makes,
and what they share is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mmsearch_desktop.domain import Check
from mmsearch_desktop.models.phi3_prompt import Phi3Tokenizer, clean, picture_tag, user_turn
from mmsearch_desktop.search import questions as app
from sample_model.captions import FIELDS, Wanted, codes_of_wanted
from sample_model.judge_questions import Request, Requests, constraints_met
from sample_model.judge_words import sentence

_Path = tuple[int, int, int]  # which candidate, tokens before, its place in the pool
BLANK = -1  # the place of a picture that shows nothing
_SHARED = -1  # the candidate or question of a token that belongs to none


@dataclass(frozen=True)
class Target:
    """What must follow a token: the place in the pack, and the id."""

    place: int
    id: int


@dataclass(frozen=True)
class Asked:
    """A question: the place of its last token, what it means, and whom it is about."""

    place: int
    id: int  # of the right answer
    wanted: Wanted
    candidate: int  # place in the pool
    met: list[bool]  # one by one
    whole: bool


@dataclass
class Pack:
    """Ids and where they stand; picture tokens are 0 here and listed in `pictures`."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    candidates: list[int] = field(default_factory=list)  # of each token
    questions: list[int] = field(default_factory=list)  # of each token
    pictures: list[tuple[int, int]] = field(default_factory=list)  # first token, place in the pool
    asked: list[Asked] = field(default_factory=list)
    written: list[Target] = field(default_factory=list)
    even: list[int] = field(default_factory=list)  # last tokens of questions with no answer
    shown: list[tuple[int, int]] = field(default_factory=list)  # a picture's end, place in pool
    request_end: int | None = None
    source: int | None = None  # place in the pool
    wanted: Wanted | None = None

    def add(self, ids: Sequence[int], start: int, candidate: int, question: int) -> int:
        """Put ids behind `start` tokens of their path; returns the length of the path then."""
        self.ids += ids
        self.positions += range(start, start + len(ids))
        self.candidates += [candidate] * len(ids)
        self.questions += [question] * len(ids)
        return start + len(ids)


class Packer:
    """Makes packs from requests, with the wording and rules of the app."""

    def __init__(self, tokenizer: Phi3Tokenizer, requests: Requests, picture_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._requests = requests
        self._blank = [0] * picture_tokens
        self._yes = tokenizer.plain_ids("Yes")[-1]
        self._no = tokenizer.plain_ids("No")[-1]
        self._end = tokenizer.plain_ids("<|end|>")[-1]
        self._behind_picture = lru_cache(maxsize=50_000)(self._tail)

    def _tail(self, text: str) -> tuple[int, ...]:
        """Ids behind a picture."""
        turn = user_turn(f"{picture_tag(1)}\n{clean(text)}")
        return self._tokenizer.prompt(turn, (1,)).after(1)

    def judged(
        self,
        request: Request,
        rng: np.random.Generator,
        *,
        candidates: int,
        checks: int,
        written: float = 0.25,
        blank: float = 0.0,
    ) -> Pack:
        """A request with candidates, each asked about as a whole and in parts.

        `written`: the share of the candidates about which a sentence is written as well. `blank`:
        how often a picture of nothing is a candidate too, about which yes and no are alike; the app
        takes away what is answered about it.
        """
        pack = Pack()
        start = self._request(pack, request)
        pack.wanted, pack.source = request.wanted, request.source
        for number, place in enumerate(self._requests.candidates(request, candidates, rng)):
            end = self._picture(pack, place, start, number)
            known = list(self._requests.questions(request, place, checks, rng))
            path = (number, end, place)
            whole = app.whole(request.words, with_picture=request.source is not None)
            self._ask(pack, app.asked(whole), request.wanted, path, whole=True)
            for question, said in known:
                self._ask(pack, app.asked(question), said, path)
            if rng.random() < written:
                self._write(pack, self._why(known, place), path)
        if rng.random() < blank:
            self._ask_about_nothing(pack, request, start, candidates)
        return pack

    def _ask_about_nothing(self, pack: Pack, request: Request, start: int, number: int) -> None:
        pack.pictures.append((len(pack.ids), BLANK))
        end = pack.add(self._blank, start, number, _SHARED)
        with_picture = request.source is not None
        whole = app.whole(request.words, with_picture=with_picture)
        for question in (whole, *app.checks(request.words, with_picture=with_picture)):
            branch = 20_000 + len(pack.even)
            pack.add(self._behind_picture(app.asked(question)), end, number, branch)
            pack.even.append(len(pack.ids) - 1)

    def _request(self, pack: Pack, request: Request) -> int:
        with_picture = request.source is not None
        words = app.request_words(request.words, with_picture=with_picture)
        tags = f"{picture_tag(1)}\n" if with_picture else ""
        last = 2 if with_picture else 1
        turn = user_turn(f"{clean(words)}\n{tags}{clean(app.LEAD_IN)}{picture_tag(last)}\n")
        prompt = self._tokenizer.prompt(turn, (len(self._blank),) * last)
        ids = prompt.before(last)
        if request.source is not None:
            first = ids.index(-1)
            pack.pictures.append((first, request.source))
            pack.shown.append((first + len(self._blank) - 1, request.source))
        start = pack.add([max(0, one) for one in ids], 0, _SHARED, _SHARED)
        pack.request_end = start - 1
        return start

    def _picture(self, pack: Pack, place: int, start: int, number: int) -> int:
        pack.pictures.append((len(pack.ids), place))
        end = pack.add(self._blank, start, number, _SHARED)
        pack.shown.append((len(pack.ids) - 1, place))
        return end

    def _why(self, known: Sequence[tuple[app.Question, Wanted]], place: int) -> str:
        """What asks for a sentence, given the answers to some questions."""
        fact = self._requests.facts[place]
        return app.words_instruction(
            [Check(one.claim, float(said.met_by(fact) is one.wanted)) for one, said in known]
        )

    def described(self, places: Sequence[int]) -> Pack:
        """Pictures with a caption each, none of which sees another."""
        pack = Pack()
        before = self._tokenizer.prompt(user_turn(f"{picture_tag(1)}\n"), (1,)).before(1)
        start = pack.add(before, 0, _SHARED, _SHARED)
        for number, place in enumerate(places):
            end = self._picture(pack, place, start, number)
            self._write(pack, app.CAPTION_INSTRUCTION, (number, end, place))
        return pack

    def _ask(
        self, pack: Pack, text: str, wanted: Wanted, path: _Path, *, whole: bool = False
    ) -> None:
        number, start, place = path
        fact = self._requests.facts[place]
        pack.add(self._behind_picture(text), start, number, len(pack.asked))
        right = self._yes if wanted.met_by(fact) else self._no
        met = constraints_met(wanted, fact)
        pack.asked.append(Asked(len(pack.ids) - 1, right, wanted, place, met, whole))

    def _write(self, pack: Pack, instruction: str, path: _Path) -> None:
        number, start, place = path
        asked = self._behind_picture(instruction)
        text = sentence(self._requests.facts[place])
        said = [*self._tokenizer.plain_ids(text), self._end]
        first = len(pack.ids) + len(asked) - 1
        pack.add([*asked, *said[:-1]], start, number, 10_000 + len(pack.written))
        pack.written += [Target(first + place, one) for place, one in enumerate(said)]


@dataclass(frozen=True)
class Packed:
    """Several packs as tensors, N packs of S tokens; places count through all of them, N * S."""

    ids: Tensor  # [N, S]
    positions: Tensor  # [N, S]
    mask: Tensor  # [N, 1, S, S], where a token may look
    picture_rows: Tensor  # places of all picture tokens
    pictures: Tensor  # places in the pool, in the order of those
    answers: Tensor  # [answers, 2]: place, id
    written: Tensor  # [ids, 2]: place, id
    even: Tensor  # places where yes and no are alike
    asked: Tensor  # [answers, fields + 1], codes of what each question means
    met: Tensor  # [answers, fields + 1], 1 where a constraint is met
    about: Tensor  # [answers], places in the pool
    whole: Tensor  # [answers], true where the whole request is asked about
    requests: Tensor  # places of the requests' ends
    sources: Tensor  # [requests], places in the pool, -1 for none
    wanted: Tensor  # [requests, fields + 1]
    shown: Tensor  # [pictures, 2]: place of the end, place in the pool


def packed(packs: Sequence[Pack], picture_tokens: int) -> Packed:
    longest = max(len(pack.ids) for pack in packs)
    shape = (len(packs), longest)
    ids, positions = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    mask = torch.eye(longest, dtype=torch.bool).repeat(len(packs), 1, 1, 1)
    for number, pack in enumerate(packs):
        length = len(pack.ids)
        ids[number, :length] = torch.tensor(pack.ids)
        positions[number, :length] = torch.tensor(pack.positions)
        mask[number, 0, :length, :length] = paths(pack)
    moved = [(number * longest, pack) for number, pack in enumerate(packs)]
    pictures = [(first + at, place) for first, pack in moved for at, place in pack.pictures]
    rows = torch.tensor([at for at, _ in pictures])[:, None] + torch.arange(picture_tokens)
    asked = [one for pack in packs for one in pack.asked]
    requests = [
        (first + pack.request_end, pack.wanted, -1 if pack.source is None else pack.source)
        for first, pack in moved
        if pack.request_end is not None and pack.wanted is not None
    ]
    return Packed(
        ids,
        positions,
        mask,
        rows.flatten(),
        torch.tensor([place for _, place in pictures]),
        _pairs((first + one.place, one.id) for first, pack in moved for one in pack.asked),
        _pairs((first + one.place, one.id) for first, pack in moved for one in pack.written),
        torch.tensor([first + at for first, pack in moved for at in pack.even], dtype=torch.long),
        _codes([one.wanted for one in asked]),
        torch.tensor([one.met for one in asked], dtype=torch.float32),
        torch.tensor([one.candidate for one in asked], dtype=torch.long),
        torch.tensor([one.whole for one in asked], dtype=torch.bool),
        torch.tensor([at for at, _, _ in requests], dtype=torch.long),
        torch.tensor([source for _, _, source in requests], dtype=torch.long),
        _codes([wanted for _, wanted, _ in requests]),
        _pairs((first + at, place) for first, pack in moved for at, place in pack.shown),
    )


def _codes(wanted: Sequence[Wanted]) -> Tensor:
    codes = codes_of_wanted(wanted) if wanted else np.zeros((0, len(FIELDS) + 1))
    return torch.from_numpy(codes).long()


def _pairs(pairs: object) -> Tensor:
    return torch.tensor(list(pairs), dtype=torch.long).reshape(-1, 2)  # type: ignore[call-overload]


def paths(pack: Pack) -> Tensor:
    """[S, S]: whether the token of a row may look at that of a column."""
    candidates, questions = torch.tensor(pack.candidates), torch.tensor(pack.questions)
    before = torch.ones(len(candidates), len(candidates), dtype=torch.bool).tril()
    own = (candidates[None] == _SHARED) | (candidates[None] == candidates[:, None])
    branch = (questions[None] == _SHARED) | (questions[None] == questions[:, None])
    return before & own & branch
