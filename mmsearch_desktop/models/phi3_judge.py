"""Phi-3 Vision as a judge: what candidates share is read once, each adds picture and question.

Yes-or-no answers are read from the logits of one forward pass, nothing is written for them; text
is written greedily, token by token. All wording comes from the caller and is ordinary text: tags
typed into it lose their meaning.

Work goes in steps, each at most one slice of a prompt, a few crops or one token, so that a person
can cancel in between: `preparing`, `scoring` and `checking` yield after every step and return
their result, and what writes yields the text as it comes ("" while it is still reading). Closing
any of them is harmless. A judge belongs to one thread; work on one `Prepared` is finished or
closed before the next begins.
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    JudgeName,
    ModelProblem,
    QueryProblem,
    Score,
    Shown,
)
from mmsearch_desktop.models import phi3_loading
from mmsearch_desktop.models.phi3_loading import FEATURE_CACHE_BYTES, LoadingPlan
from mmsearch_desktop.models.phi3_prompt import (
    PROMPT_RULE_VERSION,
    ListFrame,
    Phi3Tokenizer,
    RankedList,
    clean,
    picture_tag,
    user_turn,
)
from mmsearch_desktop.models.phi3_steps import (
    FeatureCache,
    Pick,
    Steps,
    empty_device,
    encode,
    finish,
    is_out_of_memory,
    read,
    silently,
    write,
)
from mmsearch_desktop.models.phi3_vision import PICTURE_PATH_VERSION, Phi3Vision, TokenCache

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from mmsearch_desktop.models.device import Device


class Prepared:
    """What all candidates of one request share, read once."""

    def __init__(self, before: str, tokens: tuple[int, ...], question: str, cache: TokenCache):
        self.before = before  # the text up to the candidate's picture, with tags
        self.tokens = tokens  # of each picture, the candidate's last
        self.question = question
        self.cache = cache
        self.length = 0  # tokens in the cache that belong to the request
        self.candidate: str | None = None  # whose picture the cache holds behind them

    @property
    def number(self) -> int:
        """Which picture of the prompt the candidate's is."""
        return len(self.tokens)

    def text(self, question: str) -> str:
        """The whole prompt for a candidate."""
        return user_turn(f"{self.before}{picture_tag(self.number)}\n{clean(question)}")


class Phi3Judge:
    """Judges pictures against a request, and writes about them.

    Pictures are Pillow images as a person sees them (upright); the key of a picture names its
    content and preparation, and None keeps nothing of it. Raises QueryProblem where a prompt
    would not fit, DeviceOutOfMemory (after emptying the device's caches), and ModelProblem after
    `unload`.
    """

    prompt_version = PROMPT_RULE_VERSION  # of what this file adds around the caller's wording

    def __init__(
        self,
        model: Phi3Vision,
        tokenizer: Phi3Tokenizer,
        *,
        name: str,
        revision: str,
        feature_cache_bytes: int = FEATURE_CACHE_BYTES,
    ) -> None:
        self.name = name
        self.revision = revision  # on one device, equal revisions give equal scores
        self.context_tokens = model.sizes.decoder.context_tokens
        self.features = FeatureCache(feature_cache_bytes)
        self._loaded: Phi3Vision | None = model
        self._tokenizer = tokenizer
        self._yes_ids, self._no_ids = tokenizer.yes_ids, tokenizer.no_ids
        self._prepared: weakref.WeakSet[Prepared] = weakref.WeakSet()
        side = model.sizes.tower.side_pixels
        self._candidate_tokens = model.sizes.picture_tokens(side, side, 1)

    # ----------------------------------------------------------------- judging one by one

    def prepare(
        self,
        words: str,
        picture: Image.Image | None = None,
        picture_key: str | None = None,
        *,
        lead_in: str = "",
        question: str = "",
    ) -> Prepared:
        """Read what all candidates share: `words`, the request's picture, then `lead_in`.

        `question` is what `score` asks behind the candidate's picture.
        """
        return finish(
            self.preparing(words, picture, picture_key, lead_in=lead_in, question=question)
        )

    def preparing(
        self,
        words: str,
        picture: Image.Image | None = None,
        picture_key: str | None = None,
        *,
        lead_in: str = "",
        question: str = "",
    ) -> Steps[Prepared]:
        """`prepare` in steps."""
        with self._memory_watched() as model:
            shown = () if picture is None else (Shown(picture, picture_key),)
            tags = "".join(f"{picture_tag(1)}\n" for _ in shown)
            tokens = (self._candidate_tokens,) * (len(shown) + 1)  # at one crop, of any shape
            before = f"{clean(words)}\n{tags}{clean(lead_in)}"
            prepared = Prepared(before, tokens, question, model.new_cache())
            prompt = self._tokenizer.prompt(prepared.text(question), tokens)
            self._check_room(len(prompt.ids) + 1, "Shorten the words of the request.")
            features = yield from self._all_features(model, shown)
            ids = prompt.before(prepared.number)
            yield from read(model, model.embed(ids, features), prepared.cache)
            prepared.length = len(ids)
            self._prepared.add(prepared)
            return prepared

    def score(self, prepared: Prepared, picture: Image.Image, picture_key: str | None) -> Score:
        """Ask the prepared question about a candidate."""
        return finish(self.scoring(prepared, picture, picture_key))

    def scoring(
        self, prepared: Prepared, picture: Image.Image, picture_key: str | None
    ) -> Steps[Score]:
        """`score` in steps."""
        (score,) = yield from self.checking(prepared, picture, picture_key, (prepared.question,))
        return score

    def check(
        self,
        prepared: Prepared,
        picture: Image.Image,
        picture_key: str | None,
        questions: Sequence[str],
    ) -> tuple[Score, ...]:
        """Ask several questions about a candidate, each as if it were the only one."""
        return finish(self.checking(prepared, picture, picture_key, questions))

    def checking(
        self,
        prepared: Prepared,
        picture: Image.Image,
        picture_key: str | None,
        questions: Sequence[str],
    ) -> Steps[tuple[Score, ...]]:
        """`check` in steps."""
        with self._memory_watched() as model:
            scores = []
            yield from self._read_candidate(model, prepared, picture, picture_key)
            for question in questions:
                prepared.cache.keep(prepared.length + self._candidate_tokens)
                state = yield from self._read_question(model, prepared, question, new_tokens=1)
                scores.append(self._score(model, state))
            return tuple(scores)

    def write(
        self,
        prepared: Prepared,
        picture: Image.Image,
        picture_key: str | None,
        instruction: str,
        max_tokens: int,
    ) -> Iterator[str]:
        """What the model writes about a candidate when told `instruction` behind its picture."""
        with self._memory_watched() as model:
            yield from silently(self._read_candidate(model, prepared, picture, picture_key))
            state = yield from silently(
                self._read_question(model, prepared, instruction, new_tokens=max_tokens)
            )
            yield from self._write(model, prepared.cache, state, max_tokens)

    # ----------------------------------------------------------------- other uses

    def caption(
        self,
        picture: Image.Image,
        picture_key: str | None,
        *,
        instruction: str,
        max_tokens: int = 100,
    ) -> Iterator[str]:
        """What the model writes about one picture when told `instruction` behind it."""
        with self._memory_watched() as model:
            cache = model.new_cache()
            shown = (Shown(picture, picture_key),)
            text = f"{picture_tag(1)}\n{clean(instruction)}"
            state = yield from silently(
                self._read_prompt(model, cache, user_turn(text), shown, max_tokens)
            )
            yield from self._write(model, cache, state, max_tokens)

    def rank(
        self,
        words: str,
        picture: Image.Image | None,
        picture_key: str | None,
        pages: Sequence[Shown],
        count: int,
        *,
        instruction: str,
        max_tokens: int = 200,
        frame: ListFrame | None = None,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Iterator[str]:
        """A list that names each number from 1 to `count` once, then free text, as it comes.

        The prompt is `words`, the request's picture, every page behind its label, `instruction`.
        `pages` are the candidates one by one, or few pictures that show several. The list's
        tokens come on top of a smaller `max_tokens`. Above temperature 0 tokens are drawn.
        """
        with self._memory_watched() as model:
            walk = RankedList(self._tokenizer, count, frame)
            most = max(max_tokens, walk.most_tokens)
            request = () if picture is None else (Shown(picture, picture_key),)
            shown = (*request, *pages)
            text = user_turn(f"{clean(words)}\n{_labelled(shown)}{clean(instruction)}")
            cache = model.new_cache()
            state = yield from silently(
                self._read_prompt(model, cache, text, shown, walk.most_tokens)
            )
            pick = Pick(temperature, seed)
            yield from self._write(model, cache, state, most, walk=walk, pick=pick)

    def unload(self) -> None:
        """Give all memory back, that of everything prepared included."""
        place = self._loaded.device if self._loaded is not None else torch.device("cpu")
        self._loaded = None
        self.features.clear()
        for prepared in list(self._prepared):
            prepared.cache.clear()
        empty_device(place)

    # ----------------------------------------------------------------- steps

    @contextmanager
    def _memory_watched(self) -> Iterator[Phi3Vision]:
        model = self._loaded
        if model is None:
            raise ModelProblem(f"{self.name} is not loaded any more. Load it again.")
        try:
            yield model
        except RuntimeError as error:  # torch.OutOfMemoryError is one
            if not is_out_of_memory(error):
                raise
            empty_device(model.device)
            raise DeviceOutOfMemory(
                f"{self.name} ran out of memory on {model.device}. Close other programs that use "
                "it, or judge fewer pictures at once."
            ) from error

    def _check_room(self, tokens: int, remedy: str) -> None:
        if tokens > self.context_tokens:
            raise QueryProblem(
                f"Too much for one question to {self.name}: {tokens} tokens, but it reads "
                f"{self.context_tokens}. {remedy}"
            )

    def _all_features(self, model: Phi3Vision, shown: Sequence[Shown]) -> Steps[list[Tensor]]:
        features = []
        for one in shown:
            found = yield from self._features(model, one)
            features.append(found)
        return features

    def _features(self, model: Phi3Vision, one: Shown) -> Steps[Tensor]:
        """A picture as the decoder reads it, [T, D]; kept by content."""
        kept = self.features.get(one.key, one.num_crops)
        if kept is not None:
            return kept
        features = yield from encode(model, one.picture, one.num_crops)
        self.features.put(one.key, one.num_crops, features)
        return features

    def _read_candidate(
        self, model: Phi3Vision, prepared: Prepared, picture: Image.Image, key: str | None
    ) -> Steps[None]:
        """Have the cache hold the request and this candidate's picture, nothing else."""
        cache = prepared.cache
        if key is not None and prepared.candidate == key:
            cache.keep(prepared.length + self._candidate_tokens)
            return
        prepared.candidate = None
        cache.keep(prepared.length)
        features = yield from self._features(model, Shown(picture, key))
        yield from read(model, features[None], cache)
        prepared.candidate = key

    def _read_question(
        self, model: Phi3Vision, prepared: Prepared, question: str, *, new_tokens: int
    ) -> Steps[Tensor]:
        prompt = self._tokenizer.prompt(prepared.text(question), prepared.tokens)
        self._check_room(len(prompt.ids) + new_tokens, "Shorten the words of the request.")
        ids = prompt.after(prepared.number)
        return (yield from read(model, model.embed(ids, ()), prepared.cache))

    def _read_prompt(
        self,
        model: Phi3Vision,
        cache: TokenCache,
        text: str,
        shown: Sequence[Shown],
        new_tokens: int,
    ) -> Steps[Tensor]:
        tokens = [
            model.sizes.picture_tokens(one.picture.width, one.picture.height, one.num_crops)
            for one in shown
        ]
        prompt = self._tokenizer.prompt(text, tokens)
        self._check_room(len(prompt.ids) + new_tokens, "Show it fewer pictures, or fewer crops.")
        features = yield from self._all_features(model, shown)
        return (yield from read(model, model.embed(prompt.ids, features), cache))

    def _score(self, model: Phi3Vision, state: Tensor) -> Score:
        everything = model.logits(state).logsumexp(-1)
        yes = model.precise_logits(state, self._yes_ids).logsumexp(-1)
        no = model.precise_logits(state, self._no_ids).logsumexp(-1)
        answered = (torch.logaddexp(yes, no) - everything).exp().clamp(max=1.0)
        return Score(float(yes - no), float(answered))

    def _write(
        self,
        model: Phi3Vision,
        cache: TokenCache,
        state: Tensor,
        max_tokens: int,
        *,
        walk: RankedList | None = None,
        pick: Pick | None = None,
    ) -> Iterator[str]:
        most = min(max_tokens, self.context_tokens - cache.length)
        yield from write(model, self._tokenizer, cache, state, most, walk=walk, pick=pick)


def open_judge(
    folder: Path,
    device: Device,
    *,
    name: str,
    revision: str | None = None,
    plan: LoadingPlan | None = None,
) -> Phi3Judge:
    """The judge in a folder; see `opening_judge`."""
    return finish(
        opening_judge(folder, device, name=name, revision=revision, plan=plan),
    )


def opening_judge(
    folder: Path,
    device: Device,
    *,
    name: str,
    revision: str | None = None,
    plan: LoadingPlan | None = None,
) -> Generator[int, None, Phi3Judge]:
    """Load the judge in a folder; yields the bytes read so far, returns the judge.

    `revision` names the weights where their origin is known; without it their content does.
    Raises ModelProblem with the figures, before loading, where it does not fit, and
    WeightsMissing or WeightsDamaged where the files are not Phi-3 Vision's.
    """
    chosen = plan or phi3_loading.plan(folder, device)
    sizes = phi3_loading.read_sizes(folder)
    tokenizer = Phi3Tokenizer(folder / "tokenizer.json", sizes.decoder.vocabulary)
    who = name_of(folder, device, name=name, revision=revision, plan=chosen)
    model = yield from phi3_loading.load(folder, chosen.precision, device)
    return Phi3Judge(model, tokenizer, name=who.name, revision=who.revision)


def name_of(
    folder: Path,
    device: Device,
    *,
    name: str,
    revision: str | None = None,
    plan: LoadingPlan | None = None,
) -> JudgeName:
    """Who the judge in a folder would be, were it opened now; loads nothing. Raises as opening."""
    chosen = plan or phi3_loading.plan(folder, device)
    content = revision or phi3_loading.fingerprint(folder)
    whole = f"{content}-{PICTURE_PATH_VERSION}-{chosen.precision}"
    return JudgeName(name, whole, PROMPT_RULE_VERSION)


def _labelled(shown: Sequence[Shown]) -> str:
    return "".join(
        f"{clean(one.label)}{picture_tag(number)}\n" for number, one in enumerate(shown, start=1)
    )
