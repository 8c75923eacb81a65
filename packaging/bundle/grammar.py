"""The command line as plain values, read off its parser: what manual page and completion tell."""

from __future__ import annotations

import argparse
import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


class Takes(enum.Enum):
    """What kind of word follows an option, or stands for itself."""

    NOTHING = "nothing"
    FOLDER = "folder"
    FILE = "file"
    CHOICE = "choice"  # one of `Word.choices`
    MODEL = "model"
    MODEL_OR_FOLDER = "model or folder"
    TEXT = "text"


_KINDS = {
    "FOLDER": Takes.FOLDER,
    "DIR": Takes.FOLDER,
    "FILE": Takes.FILE,
    "PATH": Takes.FILE,
    "SET": Takes.FILE,
    "CANDIDATE": Takes.FILE,
    "NAME": Takes.MODEL,
    "NAME_OR_FOLDER": Takes.MODEL_OR_FOLDER,
}


@dataclass(frozen=True, slots=True)
class Word:
    """An option with what follows it, or (without flags) a word that stands for itself."""

    flags: tuple[str, ...]
    name: str  # of the value, as in `--limit N`; "" where none follows
    about: str
    takes: Takes
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """The program, a command of it, or an action of that: `words` leads there from the program."""

    words: tuple[str, ...]
    about: str
    epilog: str
    options: tuple[Word, ...]
    values: tuple[Word, ...]
    commands: tuple[Command, ...]

    def walk(self) -> Iterator[Command]:
        """This one and all below it, in the order of the parser."""
        yield self
        for command in self.commands:
            yield from command.walk()


def read(parser: argparse.ArgumentParser, words: tuple[str, ...] = (), about: str = "") -> Command:
    actions: Sequence[argparse.Action] = parser._actions  # noqa: SLF001 argparse tells it nowhere else
    below = [a for a in actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001
    plain = [a for a in actions if a not in below and a.help != argparse.SUPPRESS]
    return Command(
        words,
        about or parser.description or "",
        parser.epilog or "",
        tuple(_word(a) for a in plain if a.option_strings),
        tuple(_word(a) for a in plain if not a.option_strings),
        tuple(command for action in below for command in _commands(action, words)),
    )


def _commands(
    action: argparse._SubParsersAction[argparse.ArgumentParser], words: tuple[str, ...]
) -> Iterator[Command]:
    helps = {a.dest: a.help or "" for a in action._get_subactions()}  # noqa: SLF001 as above
    for name, parser in action.choices.items():
        yield read(parser, (*words, name), helps.get(name, ""))


def _word(action: argparse.Action) -> Word:
    choices = tuple(str(choice) for choice in action.choices or ())
    about = (action.help or "").replace("%%", "%")
    if action.nargs == 0:
        return Word(tuple(action.option_strings), "", about, Takes.NOTHING)
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    kind = Takes.CHOICE if choices else _KINDS.get(name, Takes.TEXT)
    return Word(tuple(action.option_strings), name, about, kind, choices)
