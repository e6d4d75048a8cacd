"""A command with placeholders, filled for one trial. No shell takes part: an argument stays one argument, whatever
its value holds.

    --lr {lr}          the value of hyperparameter lr: texts as they are, everything else as JSON (0.001, 32, true,
    [50, 100])
    {trial} {seed}     the number of the trial, and its seed
    {params_file}      a JSON file with all hyperparameters
    {result_file}      where the program may write its result
    {{ and }}          braces

A hyperparameter that has one of these four names comes first.
A placeholder of an inactive hyperparameter takes its whole argument with it; and if that was the value of an option
(`--momentum {momentum}`), the option too.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from trimtab.errors import InputError

__all__ = ["TOKEN", "argument_text", "check_template", "fill", "placeholders", "values_of"]

_OWN = ("trial", "seed", "params_file", "result_file")  # placeholders that are no hyperparameters
TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def placeholders(argument: str) -> list[str]:
    """Names in one argument. InputError for a brace without its partner."""
    names = []
    for match in TOKEN.finditer(argument):
        if match[0] in "{}":
            raise InputError(
                f"The command's argument {argument!r} has a single {match[0]!r}. Write {{{{ and }}}} for braces "
                f"that are no placeholder."
            )
        if match[1] is not None:
            names.append(match[1])
    return names


def check_template(command: Sequence[str], known: Collection[str]) -> set[str]:
    """The names that the command uses. InputError for one that is no hyperparameter."""
    used = {name for argument in command for name in placeholders(argument)}
    for name in sorted(used - set(_OWN) - set(known)):
        close = difflib.get_close_matches(name, known, n=1)
        meant = f" Did you mean {{{close[0]}}}?" if close else ""
        raise InputError(
            f"The command uses {{{name}}}, which is no hyperparameter of [space].{meant} There are: "
            f"{', '.join(known)}. "
            "For braces that are no placeholder write {{ and }}."
        )
    return used


def values_of(params: Mapping[str, Any], number: int, seed: int = 0, *files: str) -> dict[str, Any]:
    """What stands for each placeholder of one trial: its hyperparameters, its number and seed, the two files."""
    return {**dict(zip(_OWN, (number, seed, *files), strict=False)), **params}


def fill(command: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """The arguments for one trial; inactive hyperparameters are those that `values` lacks."""
    filled: list[str] = []
    bare_option = False  # the last argument is an option such as --lr, without a placeholder
    for argument in command:
        names = placeholders(argument)
        if all(name in values for name in names):
            filled.append(TOKEN.sub(lambda m: m[0][0] if m[1] is None else argument_text(values[m[1]]), argument))
            bare_option = not names and len(argument) > 1 and argument.startswith("-")
            continue
        if bare_option and argument.startswith("{"):
            filled.pop()
        bare_option = False
    return filled


def argument_text(value: Any) -> str:
    """A value as one argument of a command line."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
