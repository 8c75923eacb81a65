"""Reads a ranked list and its reasons out of whatever a judge wrote.

The judge's list is constrained where the judge is ours; this also reads lists of judges that are
not, with numbers missing, repeated, out of range, in words, in JSON, or not there at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

_MOST_CHARACTERS = 20_000
_ONES = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_WORDS = {word: number for number, word in enumerate(_ONES.split(), start=1)}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_TENS_PATTERN = "|".join(_TENS)
_WORD_NUMBER = re.compile(
    rf"\b(?:({_TENS_PATTERN})(?:[- ](one|two|three|four|five|six|seven|eight|nine))?"
    rf"|({'|'.join(sorted(_WORDS, key=len, reverse=True))}))\b",
    re.IGNORECASE,
)
# A whole number that is no part of a decimal one, perhaps with another to which it runs.
_NUMBER = re.compile(r"(?<![\d.])(\d{1,4})(?:\s*(?:-|–|\.\.\.?|to)\s*(\d{1,4}))?(?!\.?\d)")
_BRACKETS = re.compile(r"\[([^\[\]]*)(?:\]|$)")
_BETWEEN = re.compile(r"[\s,;]*")
_REASONS = re.compile(r"\breasons?\b\W{0,3}[:=]", re.IGNORECASE)
_LIST = re.compile(r"\brank(?:ed|ing)?\b[^\[\n]{0,20}[:=]", re.IGNORECASE)
_NUMBERED_LINE = re.compile(r"^\s*(\d{1,4})[.):]\s+\D{0,20}(\d{1,4})\b", re.MULTILINE)
_REASON_OF = re.compile(
    r"(?:^|(?<=[\n.;!?]))[\s*•\"'({-]*(?:photo|picture|image|number|item|hit|no\.?)?\s*"
    r"#?\[?(\d{1,4})\]?[\"')}*]*\s*(?:[:)–-]|\.(?=\s)|\b(?=is|has|shows|does|looks|matches)\b)\s*",
    re.IGNORECASE,
)


def read_ranked_list(text: str, count: int) -> tuple[int, ...]:
    """A permutation of 1 to `count` for any text.

    Numbers that the text does not name keep their own places; the others share out theirs in the
    order named. So `[7, 8, 5, 3, 2, 4, 1, 6]` of nine is followed by 9.
    """
    order = named_numbers(text, count)
    places = sorted(order)
    ranked = list(range(1, count + 1))
    for place, number in zip(places, order, strict=True):
        ranked[place - 1] = number
    return tuple(ranked)


def named_numbers(text: str, count: int) -> tuple[int, ...]:
    """The numbers from 1 to `count` that the text ranks, each once, best first; perhaps none."""
    listed = list_part(text)
    readings = [_distinct(reading, count) for reading in _readings(listed, count)]
    return max(readings, key=len, default=())


def list_part(text: str) -> str:
    """What stands before the reasons."""
    text = text[:_MOST_CHARACTERS]
    found = _REASONS.search(text)
    return text[: found.start()] if found else text


def list_is_closed(text: str) -> bool:
    """Whether the reasons have begun, so that the list will not change any more."""
    return _REASONS.search(text[:_MOST_CHARACTERS]) is not None


def _readings(text: str, count: int) -> Iterator[Sequence[int]]:
    """Ways to read it, the likelier first."""
    headed = _LIST.search(text)
    for part in [text[headed.end() :], text] if headed else [text]:
        groups = _neighbouring_brackets(part)
        for group in groups:
            yield _numbers(group, count)
        if any(_distinct(_numbers(group, count), count) for group in groups):
            continue
        yield _second_numbers(part) or _numbers(part, count)


def _neighbouring_brackets(text: str) -> list[str]:
    """What stands in brackets; brackets with nothing but spaces and commas between are one."""
    groups: list[str] = []
    end = None
    for found in _BRACKETS.finditer(text):
        if end is not None and _BETWEEN.fullmatch(text, end, found.start()):
            groups[-1] += ", " + found[1]
        else:
            groups.append(found[1])
        end = found.end()
    return groups


def _second_numbers(text: str) -> list[int]:
    """Of lines such as "1. photo 7", where the first ones only count the lines."""
    pairs = [(int(one), int(other)) for one, other in _NUMBERED_LINE.findall(text)]
    counted = [one for one, _ in pairs] == list(range(1, len(pairs) + 1))
    return [other for _, other in pairs] if counted and len(pairs) > 1 else []


def _numbers(text: str, count: int) -> list[int]:
    spelled = _WORD_NUMBER.sub(_in_digits, text)
    return [number for found in _NUMBER.finditer(spelled) for number in _run(found, count)]


def _in_digits(found: re.Match[str]) -> str:
    tens, ones, small = found.groups()
    if small:
        return str(_WORDS[small.lower()])
    return str(_TENS[tens.lower()] + (_WORDS[ones.lower()] if ones else 0))


def _run(found: re.Match[str], count: int) -> Iterable[int]:
    """One number, or all from one to the other where both are in range."""
    first = int(found[1])
    if found[2] is None:
        return (first,)
    last = int(found[2])
    if not (1 <= first <= count and 1 <= last <= count):
        return (first, last)
    return range(first, last + 1) if first <= last else range(first, last - 1, -1)


def _distinct(numbers: Iterable[int], count: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for number in numbers if 1 <= number <= count))


def read_reasons(text: str, count: int, best: int) -> dict[int, str]:
    """What was said of each number, where that can be told apart; else all of it of the best."""
    text = text[:_MOST_CHARACTERS]
    begun = _REASONS.search(text)
    if begun is None:
        return {}
    said = text[begun.end() :]
    marks = [mark for mark in _REASON_OF.finditer(said) if 1 <= int(mark[1]) <= count]
    if not marks:
        return {best: said.strip()} if said.strip() else {}
    ends = [mark.start() for mark in marks[1:]] + [len(said)]
    reasons: dict[int, str] = {}
    for mark, end in zip(marks, ends, strict=True):
        reason = said[mark.end() : end].strip()
        if reason:
            reasons.setdefault(int(mark[1]), reason)
    return reasons
