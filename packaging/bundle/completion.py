"""Completion for bash, zsh and fish, made from the command line's own grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundle.grammar import Takes

if TYPE_CHECKING:
    from bundle.grammar import Command, Word

_PATHS = (Takes.FOLDER, Takes.FILE, Takes.MODEL_OR_FOLDER)


def bash(program: str, grammar: Command, models: Sequence[str]) -> str:
    name = f"_{program.replace('-', '_')}"
    commands = list(grammar.walk())
    lines = [
        f"# bash completion for {program}",
        f"{name}() {{",
        '    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
        '    local command="" word words=""',
        "    COMPREPLY=()",
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '        case "$command $word" in',
        *(f'            "{_key(c)}") command="{_key(c)}" ;;' for c in commands if c.words),
        "        esac",
        "    done",
        '    case "$before" in',
        *(f"        {line}" for line in _bash_values(commands, models)),
        "    esac",
        '    case "$command" in',
        *(f'        "{_key(c)}") {_bash_words(c, models)} ;;' for c in commands),
        "    esac",
        '    COMPREPLY+=($(compgen -W "$words" -- "$current"))',
        "}",
        f"complete -o filenames -F {name} {program}",
    ]
    return "\n".join(lines) + "\n"


def _key(command: Command) -> str:
    """ "" for the program, " models", " models list": as the loop in bash builds it."""
    return "".join(f" {word}" for word in command.words)


def _bash_values(commands: Sequence[Command], models: Sequence[str]) -> Iterator[str]:
    """One line for each kind of value that an option takes."""
    seen: set[str] = set()
    for word in (word for command in commands for word in command.options if word.name):
        fresh = [flag for flag in word.flags if flag not in seen]
        seen.update(fresh)
        if fresh:
            yield f"{'|'.join(fresh)}) {_bash_completes(word, models)}return ;;"


def _bash_completes(word: Word, models: Sequence[str]) -> str:
    choices = word.choices
    if word.takes in (Takes.MODEL, Takes.MODEL_OR_FOLDER):
        choices = tuple(models)
    parts = [f'$(compgen -W "{" ".join(choices)}" -- "$current")'] if choices else []
    lines = f"COMPREPLY=({' '.join(parts)}); " if parts else ""
    if word.takes in _PATHS:
        kind = "-f" if word.takes is Takes.FILE else "-d"
        lines += f'mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen {kind} -- "$current"); '
    return lines


def _bash_words(command: Command, models: Sequence[str]) -> str:
    flags = [flag for word in command.options for flag in word.flags]
    below = [one.words[-1] for one in command.commands]
    named = [name for word in command.values if word.takes is Takes.MODEL for name in models]
    paths = [word for word in command.values if word.takes in _PATHS]
    lines = "".join(_bash_completes(word, ()) for word in paths[:1])
    return f'{lines}words="{" ".join([*below, *named, *flags])}"'


def fish(program: str, grammar: Command, models: Sequence[str]) -> str:
    lines = [f"# fish completion for {program}", f"complete -c {program} -f"]
    for command in grammar.walk():
        seen = " ".join(command.words[-1:])
        only = f"-n '__fish_seen_subcommand_from {seen}'" if seen else "-n '__fish_use_subcommand'"
        rules = [f"-a {below.words[-1]} -d {_single(below.about)}" for below in command.commands]
        rules += [_fish(word, models) for word in command.options]
        rules += [_fish_value(word, models) for word in command.values]
        lines += [f"complete -c {program} {only} {rule}" for rule in rules if rule]
    return "\n".join(lines) + "\n"


def _fish_value(word: Word, models: Sequence[str]) -> str:
    """For a word that stands for itself: what an option would take, without the option's marks."""
    return _fish_takes(word, models).removeprefix("-x").removeprefix("-r").strip()


def _fish(word: Word, models: Sequence[str]) -> str:
    flags = [f"-l {f[2:]}" if f.startswith("--") else f"-s {f[1:]}" for f in word.flags]
    return " ".join([*flags, _fish_takes(word, models), "-d", _single(word.about)])


def _fish_takes(word: Word, models: Sequence[str]) -> str:
    if word.takes is Takes.FOLDER:
        return "-x -a '(__fish_complete_directories)'"
    if word.takes is Takes.FILE:
        return "-r -F"
    if word.takes in (Takes.MODEL, Takes.MODEL_OR_FOLDER):
        return f"-x -a '{' '.join(models)}'"
    if word.takes is Takes.CHOICE:
        return f"-x -a '{' '.join(word.choices)}'"
    return "-x" if word.takes is Takes.TEXT else ""


def zsh(program: str, grammar: Command, models: Sequence[str]) -> str:
    lines = [f"#compdef {program}"]
    for command in grammar.walk():
        lines += _zsh_function(program, command, models)
    return "\n".join([*lines, f'{_zsh_name(program, grammar)} "$@"']) + "\n"


def _zsh_function(program: str, command: Command, models: Sequence[str]) -> Iterator[str]:
    yield f"{_zsh_name(program, command)}() {{"
    yield "    local context state state_descr line"
    yield "    typeset -A opt_args"
    words = [*(_zsh(word, models) for word in command.options)]
    if command.commands:
        words += ["'1: :->command'", "'*:: :->rest'"]
    words += [f"'*:{word.name}:{_zsh_takes(word, models)}'" for word in command.values[:1]]
    yield "    _arguments -C \\\n        " + " \\\n        ".join(words)
    if command.commands:
        yield from _zsh_commands(program, command)
    yield "}"


def _zsh_commands(program: str, command: Command) -> Iterator[str]:
    names = " ".join(_single(f"{one.words[-1]}:{one.about}") for one in command.commands)
    yield "    case $state in"
    yield f"        command) local -a names=({names}); _describe command names ;;"
    yield "        rest) case $line[1] in"
    for one in command.commands:
        yield f"            {one.words[-1]}) {_zsh_name(program, one)} ;;"
    yield "        esac ;;"
    yield "    esac"


def _zsh_name(program: str, command: Command) -> str:
    return "_" + "_".join([program, *command.words]).replace("-", "_")


def _zsh(word: Word, models: Sequence[str]) -> str:
    about = word.about.replace("[", "(").replace("]", ")").replace(":", " -")
    value = f":{word.name}:{_zsh_takes(word, models)}" if word.name else ""
    return " ".join(_single(f"{flag}[{about}]{value}") for flag in word.flags)


def _zsh_takes(word: Word, models: Sequence[str]) -> str:
    if word.takes is Takes.FOLDER:
        return "_files -/"
    if word.takes is Takes.FILE:
        return "_files"
    choices = models if word.takes in (Takes.MODEL, Takes.MODEL_OR_FOLDER) else word.choices
    return f"({' '.join(choices)})" if choices else " "


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
