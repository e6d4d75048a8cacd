"""The family of results that every analysis returns: a table in the terminal, a notebook, pandas and JSON.

A result is a frozen dataclass whose arrays are in the order of `parameters`. NaN means "not estimated": it is shown as
"-" and becomes None in JSON.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from trimtab.errors import require

if TYPE_CHECKING:
    import pandas

__all__ = ["MATTERS", "DEAD", "TOO_LITTLE", "Result", "plain"]

MATTERS = "matters"
DEAD = "cannot be told from a dead knob"
TOO_LITTLE = "too little data"

Row = Mapping[str, object]


class Result:
    """What all results can do. A subclass gives `rows`, `title` and, where it judges knobs, `verdicts`."""

    def rows(self) -> list[dict[str, object]]:
        """The main table, one dict a row, columns in order."""
        raise NotImplementedError(f"{type(self).__name__} must say its rows")

    def title(self) -> str:
        """One line above the table."""
        return type(self).__name__

    def to_pandas(self) -> pandas.DataFrame:
        """The main table as a pandas DataFrame. Raises MissingExtra where pandas is not installed."""
        frame: pandas.DataFrame = require("pandas", "pandas").DataFrame(self.rows(), columns=self.columns())
        return frame

    def columns(self) -> list[str]:
        """Names of the main table's columns, also when it has no row."""
        rows = self.rows()
        return list(rows[0]) if rows else []

    def to_dict(self) -> dict[str, object]:
        """Every field as plain JSON: lists, numbers, texts, None for what was not estimated."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    def shown(self) -> list[dict[str, str]]:
        """The main table as short texts, for the terminal and the notebook."""
        return [{name: _text(value) for name, value in row.items()} for row in self.rows()]

    def remarks(self) -> tuple[str, ...]:
        """Sentences below the table."""
        return tuple(getattr(self, "notes", ()))

    def __str__(self) -> str:
        lines = [self.title(), *_aligned(self.shown())]
        return "\n".join([*lines, *(f"  {remark}" for remark in self.remarks())])

    def _repr_html_(self) -> str:
        shown = self.shown()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in (shown[0] if shown else ()))
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row.values()) + "</tr>" for row in shown
        )
        below = "".join(f"<li>{html.escape(remark)}</li>" for remark in self.remarks())
        return (
            f"<div><p>{html.escape(self.title())}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<ul>{below}</ul></div>"
        )


def plain(value: object) -> object:
    """Any field of a result as plain JSON. NaN and infinities become None; unknown objects their repr."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return repr(value)


def interval_text(middle: float, low: float, high: float) -> str:
    """`0.31 [0.22, 0.43]`, or `-` where there is no estimate."""
    if not math.isfinite(middle):
        return "-"
    return f"{_text(float(middle))} [{_text(float(low))}, {_text(float(high))}]"


def percent_text(middle: float, low: float, high: float) -> str:
    """`31 % [22, 43]` for shares."""
    if not math.isfinite(middle):
        return "-"
    return f"{100 * middle:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def _text(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{float(value):.3g}" if math.isfinite(value) else "-"
    return "-" if value is None else str(value)


def _aligned(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Lines of a text table; the last column is free to be long."""
    if not rows:
        return ["  (no rows)"]
    names = list(rows[0])
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in names]
    table = [names, *([row[name] for name in names] for row in rows)]
    return ["  " + "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in table]
