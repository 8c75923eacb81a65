"""Text for Phi-3 Vision: prompts by the official rule, answer words, lists that cannot go wrong.

Knows ids and no tensors. Sources: the processor of microsoft/Phi-3-vision-128k-instruct and its
tokenizer.json; constrained decoding as a walk over the allowed next ids.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer

from mmsearch_desktop.domain import ModelProblem, WeightsDamaged, WeightsMissing
from mmsearch_desktop.models.checkpoint import tokenizer_trouble

# Goes up whenever the same words would become other ids.
PROMPT_RULE_VERSION = "1"

_PICTURE = re.compile(r"<\|image_([0-9]+)\|>")
_STOP_TOKENS = ("</s>", "<|endoftext|>", "<|assistant|>", "<|end|>")
_SPACE_MARK = "▁"  # U+2581, which sentencepiece writes for a leading space
_UNFINISHED = "\ufffd"  # what a character looks like of which only some bytes are there


def clean(text: str) -> str:
    """Text from people or files, as a prompt may hold it: its tags are ordinary characters.

    Without a space behind every "<" a typed <|end|> would end the person's turn, and a typed
    <|image_2|> would take a picture's place.
    """
    return text.encode("utf-8", "replace").decode().replace("<", "< ")


def user_turn(content: str) -> str:
    """The chat frame around what the user says, up to where the model answers."""
    return f"<|user|>\n{content}<|end|>\n<|assistant|>\n"


def picture_tag(number: int) -> str:
    """Where picture `number` (from 1) stands in a prompt."""
    return f"<|image_{number}|>"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ids of a prompt; picture n (from 1) is the id -n as often as it has tokens."""

    ids: tuple[int, ...]

    def before(self, picture: int) -> tuple[int, ...]:
        """All ids before a picture."""
        return self.ids[: self.ids.index(-picture)]

    def after(self, picture: int) -> tuple[int, ...]:
        """All ids behind a picture."""
        return self.ids[len(self.ids) - self.ids[::-1].index(-picture) :]


class Phi3Tokenizer:
    """The tokenizer of a checkpoint folder, with the ids that matter by name."""

    def __init__(self, file: Path, vocabulary: int | None = None) -> None:
        """Raises WeightsMissing, WeightsDamaged, or ModelProblem where control tokens lack."""
        self._file = file
        self._tokens = _open_tokenizer(file)
        self._tokens.no_padding()
        self._tokens.no_truncation()
        self.control_ids = frozenset(self._tokens.get_added_tokens_decoder())
        self.stop_ids = tuple(self._known(name) for name in _STOP_TOKENS)
        largest = max(self._tokens.get_vocab(with_added_tokens=True).values())
        if vocabulary is not None and largest >= vocabulary:
            raise WeightsDamaged(
                f"{file}: has ids up to {largest}, but the model knows {vocabulary}. Check that "
                "tokenizer and weights are of the same model."
            )

    @cached_property
    def yes_ids(self) -> tuple[int, ...]:
        """Every way to answer yes with one id. Raises ModelProblem if there is none."""
        return self._forms("yes")

    @cached_property
    def no_ids(self) -> tuple[int, ...]:
        """Every way to answer no with one id. Raises ModelProblem if there is none."""
        return self._forms("no")

    def ids(self, text: str) -> list[int]:
        """Ids of a text, with the one that begins every text."""
        return list(self._tokens.encode(text).ids)

    def plain_ids(self, text: str) -> list[int]:
        """Ids of a text as the model writes it, without the one that begins a text."""
        return list(self._tokens.encode(text, add_special_tokens=False).ids)

    def text(self, ids: Sequence[int]) -> str:
        """Ids as text, control tokens left out."""
        return str(self._tokens.decode(list(ids), skip_special_tokens=True))

    def prompt(self, text: str, picture_tokens: Sequence[int]) -> Prompt:
        """A prompt with its pictures' tags, each once and in order, by the official rule.

        The text is split at the tags and every piece becomes ids on its own, so that the id
        which begins a text follows every picture. Raises ValueError where tags and pictures
        differ.
        """
        pieces = _PICTURE.split(text)  # text, number, text, number, … text
        wanted = [str(number + 1) for number in range(len(picture_tokens))]
        if pieces[1::2] != wanted:
            raise ValueError(f"the prompt has the pictures {pieces[1::2]}, not {wanted}")
        ids = self.ids(pieces[0])
        for number, (count, piece) in enumerate(zip(picture_tokens, pieces[2::2], strict=True)):
            ids += [-number - 1] * count + self.ids(piece)
        return Prompt(tuple(ids))

    def _known(self, name: str) -> int:
        found = self._tokens.token_to_id(name)
        if found is None:
            raise ModelProblem(
                f"{self._file}: has no token {name!r}. Choose Phi-3 Vision's tokenizer."
            )
        return int(found)

    def _forms(self, word: str) -> tuple[int, ...]:
        """Ids of a word as Yes, yes and YES, with and without a space before it."""
        cases = (word.capitalize(), word, word.upper())
        forms = [form for case in cases for form in (_SPACE_MARK + case, case)]
        found = [self._tokens.token_to_id(form) for form in forms]
        known = tuple(int(one) for one in found if one is not None)
        if not known:
            raise ModelProblem(
                f"{self._file}: has no token for the answer {word!r}, so this model cannot judge. "
                "Choose Phi-3 Vision's tokenizer."
            )
        return known


def _open_tokenizer(file: Path) -> Tokenizer:
    try:
        content = file.read_bytes()
        listed = json.loads(content)
        model = listed["model"]
        complete = isinstance(model["vocab"], dict) and isinstance(model["merges"], list)
    except FileNotFoundError as error:
        raise WeightsMissing(
            f"{file}: there is no such file. Copy it from the model's download."
        ) from error
    except OSError as error:
        raise ModelProblem(f"{file}: cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsDamaged(f"{file}: is no tokenizer ({error}). Download it again.") from error
    if not complete:
        raise WeightsDamaged(f"{file}: lists no words. Download it again.")
    with tokenizer_trouble(file):
        return Tokenizer.from_buffer(content)


class Writing:
    """Turns ids into text as they come; joined, the pieces are the text of all ids."""

    def __init__(self, tokenizer: Phi3Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._shown = ""

    def add(self, token: int) -> str:
        """The characters that this id completes; empty while one is still in parts."""
        self._ids.append(token)
        text = self._tokenizer.text(self._ids)
        if text.endswith(_UNFINISHED):
            return ""
        piece = text[len(self._shown) :]
        self._shown = text
        return piece


@dataclass(frozen=True, slots=True)
class ListFrame:
    """What stands around the numbers of a ranked list."""

    opening: str = "Ranked list: ["
    separator: str = ", "
    closing: str = "]\nReasons:"


class RankedList:
    """A walk through every way to write each number from 1 to n once; then the text is free.

    Ask `allowed`, choose one of them, `take` it, until `done`.
    """

    def __init__(
        self, tokenizer: Phi3Tokenizer, count: int, frame: ListFrame | None = None
    ) -> None:
        if count < 1:
            raise ValueError(f"a list of {count} cannot be ranked")
        words = frame or ListFrame()
        spell = _Speller(tokenizer, words.opening)
        self._unused = {number: spell(str(number)) for number in range(1, count + 1)}
        self._separator = spell(words.separator, after="1", before="1")
        self._closing = spell(words.closing, after="1")
        self._forced = deque(spell.opening)
        self._begun: tuple[int, ...] = ()
        self.most_tokens = (
            len(spell.opening)
            + sum(map(len, self._unused.values()))
            + len(self._separator) * (count - 1)
            + len(self._closing)
        )

    @property
    def done(self) -> bool:
        """Whether the list is closed."""
        return not self._forced and not self._unused

    def allowed(self) -> tuple[int, ...]:
        """Ids of which the next must be one; empty once done."""
        if self._forced:
            return (self._forced[0],)
        place = len(self._begun)
        fitting = [ids for ids in self._unused.values() if ids[:place] == self._begun]
        following = {ids[place] for ids in fitting if len(ids) > place}
        if self._begun in fitting:
            following.add(self._behind_number()[0])
        return tuple(sorted(following))

    def take(self, token: int) -> None:
        """Go on by one allowed id."""
        if self._forced:
            self._forced.popleft()
            return
        longer = (*self._begun, token)
        if any(ids[: len(longer)] == longer for ids in self._unused.values()):
            self._begun = longer
            return
        self._forced.extend(self._behind_number()[1:])
        self._unused = {n: ids for n, ids in self._unused.items() if ids != self._begun}
        self._begun = ()

    def _behind_number(self) -> tuple[int, ...]:
        return self._separator if len(self._unused) > 1 else self._closing


class _Speller:
    """Ids of the parts of a list, as they are inside one."""

    def __init__(self, tokenizer: Phi3Tokenizer, opening: str) -> None:
        self._tokenizer = tokenizer
        self._opening_text = opening
        self.opening = tokenizer.plain_ids(opening)

    def __call__(self, text: str, *, after: str = "", before: str = "") -> tuple[int, ...]:
        start = len(self._tokenizer.plain_ids(self._opening_text + after))
        ids = self._tokenizer.plain_ids(self._opening_text + after + text + before)
        return tuple(ids[start : len(ids) - len(self._tail(before))])

    def _tail(self, before: str) -> list[int]:
        whole = self._tokenizer.plain_ids(self._opening_text + before)
        return whole[len(self.opening) :]
