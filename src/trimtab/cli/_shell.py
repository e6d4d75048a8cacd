"""A command for the shell, with placeholders, filled for one trial. Each value is quoted: the shell sees one word, whatever it holds.

    python train.py --lr {lr} > logs/{trial}.txt

A quoted value inside quotes would not be quoted any more, so a placeholder may stand only where the shell reads plain
words: not in quotes, and not behind what nests another reading (a here-document, a command or variable in $ or
backquotes, arithmetic).
A placeholder of an inactive hyperparameter becomes nothing; if it was a word of its own, an option before it goes too
(see `_template`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from trimtab.cli._template import TOKEN, argument_text
from trimtab.errors import InputError

__all__ = ["check_shell", "fill_shell"]

_NESTING = ("<<", "((", "$(", "${", "$'", '$"', "`")
_OPTION = re.compile(
    r"(?:^|(?<=\s))-[^\s{}]*(?:\s+|=)$"
)  # an option such as --lr, and what stands between it and its value


def check_shell(text: str) -> None:
    """InputError for a placeholder whose value the shell would interpret."""
    for match in TOKEN.finditer(text):
        if match[1] is not None and (why := _danger(text[: match.start()])):
            raise InputError(
                f"The shell command has {match[0]} {why}, where its value could be interpreted. Write it as a word of its own, "
                "without quotes: values are quoted already. Or pass it by the environment: $TRIMTAB_PARAMS."
            )


def fill_shell(text: str, values: Mapping[str, Any]) -> str:
    """The command for one trial. values: by name of placeholder; inactive hyperparameters are missing."""
    filled, done = "", 0
    for match in TOKEN.finditer(text):
        filled += text[done : match.start()]
        done = match.end()
        if match[1] is None:
            filled += match[0][0]
        elif match[1] in values:
            filled += shlex.quote(argument_text(values[match[1]]))
        elif done == len(text) or text[done].isspace():
            filled = _OPTION.sub("", filled)
    return filled + text[done:]


def _danger(before: str) -> str:
    """What is wrong with a placeholder behind this text; "" for nothing."""
    for sign in _NESTING:
        if sign in before:
            return f"behind {sign}"
    if before.endswith(("\\", "$")):
        return f"behind {before[-1]}"
    inside = ""  # the quote that is open, or # in a comment
    escaped = False
    last = " "
    for character in before:
        if escaped:
            escaped = False
        elif inside == "#":
            inside = "" if character == "\n" else inside
        elif character == "\\" and inside != "'":
            escaped = True
        elif inside:
            inside = "" if character == inside else inside
        elif character in "'\"" or (character == "#" and (last.isspace() or last in ";&|()")):
            inside = character
        last = character
    return f"behind an open {inside}" if inside else ""
