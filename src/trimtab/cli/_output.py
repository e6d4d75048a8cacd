"""What the commands print: texts and tables for people, one JSON document for programs.

Names and messages come from files that anybody may have written: `clean` shows their control characters instead of
obeying them, and nothing of them is read as markup.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click
import numpy as np

if TYPE_CHECKING:
    from rich.padding import Padding

    from trimtab.sensitivity import Result

__all__ = [
    "clean",
    "note",
    "number",
    "plain",
    "print_json",
    "print_result",
    "print_table",
    "say",
    "say_wrapped",
    "seconds",
    "table_of",
    "value_text",
]

_SHORT_NAME = 24  # characters; a hyperparameter's name up to this length is never broken
_VERDICT = 16  # characters into which a verdict may be broken; with less room it stands below the table
_CELL = 2_000  # characters of one cell of a table
_PIPE_WIDTH = 10_000  # where nobody looks at a screen, nothing is wrapped or cut


def say(text: str = "", *, bold: bool = False) -> None:
    """A line on standard output; click removes the colours where it is no terminal."""
    click.secho(text, bold=bold or None)


def note(text: str) -> None:
    """A line on standard error: progress and remarks, which are no result."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else _PIPE_WIDTH
    click.echo(click.wrap_text(text, width), err=True)


def clean(text: object) -> str:
    """The text with line breaks, escape sequences and other unprintable characters written out, as in `repr`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def number(value: float | None) -> str:
    """Up to six significant digits; "-" where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.6g}"


def seconds(value: float | None) -> str:
    """A duration for people: 0.012 s, 3.4 s, 2 min 5 s, 1 h 4 min."""
    if value is None or math.isnan(value):
        return "-"
    if value < 120:
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    minutes = round(value / 60)
    return f"{value // 60:.0f} min {value % 60:.0f} s" if value < 3600 else f"{minutes // 60} h {minutes % 60} min"


def value_text(value: object) -> str:
    """A parameter's value in a table: numbers short, texts as they are, the rest as Python shows it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return clean(value if isinstance(value, str) else repr(value))


def plain(value: Any) -> Any:
    """The same as JSON: NaN and infinities become null, tuples lists, objects that JSON does not know their repr."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return repr(value)


def print_json(document: object) -> None:
    """The one document of --json, on standard output, in ASCII."""
    click.echo(json.dumps(plain(document), indent=2, allow_nan=False))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    indent: int = 2,
    title: str = "",
) -> None:
    """An aligned table.

    right: columns that are aligned on the right. Cells are plain text and wrap on a narrow terminal.
    """
    from rich.console import Console

    if title:
        say(title, bold=True)
    table = table_of(columns, rows, right=right, indent=indent)
    console = Console(file=sys.stdout, width=_width(), highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def table_of(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), indent: int = 2
) -> Padding:
    """The table of `print_table`, to be drawn by rich."""
    from rich import box
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in right else "left"
        whole = name == "parameter" and max((len(clean(row[0])) for row in rows), default=0) <= _SHORT_NAME
        table.add_column(Text(_cut(name)), justify=justify, overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(Text(_cut(cell)) for cell in row))
    return Padding(table, (0, 0, 0, indent), expand=False)


def _cut(cell: str) -> str:
    """A cell of a table: clean, and no longer than anybody reads."""
    return clean(cell if len(cell) <= _CELL else f"{cell[:_CELL]} ...")


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH


def say_wrapped(text: str, *, indent: int = 0, bold: bool = False) -> None:
    """A sentence on standard output, broken between words where a terminal ends."""
    say(click.wrap_text(text, _width(), " " * indent, " " * indent), bold=bold)


def print_result(result: Result) -> None:
    """An analysis: title, table, remarks. Where it is narrow, the reasons of the verdicts stand below the table, and
    where that is not enough, the verdicts themselves."""
    say_wrapped(clean(result.title()), bold=True)
    rows = result.shown()
    if reason := _same_reason(rows):
        say_wrapped(clean(f"{reason[:1].upper()}{reason[1:]}."), indent=2)
        return
    columns = list(rows[0]) if rows else result.columns()
    below: list[str] = []
    if columns[-1] == "verdict" and not _fits(columns, rows):
        names = [row["parameter"] for row in rows]
        verdicts = [row["verdict"].partition(": ") for row in rows]
        below = [f"{name}: {reason}" for name, (_, _, reason) in zip(names, verdicts, strict=True) if reason]
        if not _fits(
            columns, [{**row, "verdict": word[:_VERDICT]} for row, (word, _, _) in zip(rows, verdicts, strict=True)]
        ):
            below = [f"{name} {row['verdict']}" for name, row in zip(names, rows, strict=True)]
            columns = columns[:-1]
        rows = [{**row, "verdict": word} for row, (word, _, _) in zip(rows, verdicts, strict=True)]
    print_table(columns, [[row[name] for name in columns] for row in rows])
    for text in (*below, *result.remarks()):
        say_wrapped(clean(text), indent=2)


def _same_reason(rows: Sequence[Mapping[str, str]]) -> str:
    """The verdict of all rows, if there is too little data for any of them."""
    verdicts = {list(row.values())[-1] for row in rows}
    return verdicts.pop() if len(verdicts) == 1 and min(verdicts).startswith("too little data") else ""


def _fits(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether the table needs no line break on this terminal."""
    widths = [max(len(name), *(len(clean(row[name])) for row in rows)) for name in columns] if rows else []
    return sum(widths) + 3 * len(widths) <= _width()
