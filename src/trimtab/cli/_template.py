"""A command with placeholders, filled for one trial. No shell takes part: an argument stays one argument, whatever
its value holds.

    --lr {lr}          the value of hyperparameter lr: texts as they are, everything else as JSON (0.001, 32, true,
    [50, 100])
    {trial} {seed}     the number of the trial, and its seed, unless a hyperparameter has that name
    {{ and }}          braces

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

__all__ = ["argument_text", "check_template", "fill", "placeholders"]

_OWN = ("trial", "seed")  # placeholders that are no hyperparameters
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def placeholders(argument: str) -> list[str]:
    """Names in one argument. InputError for a brace without its partner."""
    names = []
    for match in _TOKEN.finditer(argument):
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


def fill(command: Sequence[str], params: Mapping[str, Any], number: int, seed: int = 0) -> list[str]:
    """The arguments for one trial, its number and its seed; inactive hyperparameters are those that `params` lacks."""
    values = {**dict(zip(_OWN, (number, seed), strict=True)), **params}
    filled: list[str] = []
    bare_option = False  # the last argument is an option such as --lr, without a placeholder
    for argument in command:
        names = placeholders(argument)
        if all(name in values for name in names):
            filled.append(_TOKEN.sub(lambda m: m[0][0] if m[1] is None else argument_text(values[m[1]]), argument))
            bare_option = not names and len(argument) > 1 and argument.startswith("-")
            continue
        if bare_option and argument.startswith("{"):
            filled.pop()
        bare_option = False
    return filled


def argument_text(value: Any) -> str:
    """A value as one argument of a command line."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
