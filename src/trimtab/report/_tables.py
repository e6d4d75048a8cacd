"""Tables of results, long ones folded, with their titles and remarks below."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from trimtab.report._html import Markup, bullets, folded, paragraph, table, tag
from trimtab.sensitivity import Result

__all__ = ["remarks", "rest", "result_table"]

_MOST_ROWS = 15


def rest(left: int) -> Markup:
    """How many knobs a figure leaves to the table."""
    if left <= 0:
        return Markup("")
    which = "knob, with a smaller effect, is" if left == 1 else "knobs, with smaller effects, are"
    return paragraph(f"{left} more {which} in the table only.")


def result_table(
    result: Result,
    order: Sequence[str] = (),
    what: str = "all rows",
    most: int = _MOST_ROWS,
    said: Collection[str] = (),
) -> Markup:
    """A result's own table with its title and remarks; long ones fold.

    order: of the parameters, as in the figure. said: remarks that stand elsewhere on the page.
    """
    place = {name: k for k, name in enumerate(order)}
    shown = sorted(result.shown(), key=lambda row: place.get(row.get("parameter", ""), 0))
    head = list(shown[0]) if shown else []
    rows = [[_cell(name, row[name]) for name in head] for row in shown]
    body = table(head, rows[:most]) if rows else Markup("")
    if len(rows) > most:
        body = Markup(body + folded(f"{what}: {len(rows)}", table(head, rows)))
    return Markup(body + remarks(result.title(), [r for r in result.remarks() if r not in said]))


def remarks(title: str, said: Sequence[str]) -> Markup:
    """What a result was made from and what was assumed, small."""
    return tag("div", tag("p", title), bullets(said), class_="small")


def _cell(column: str, words: str) -> object:
    if column in ("parameter", "first", "second"):
        return tag("code", words, class_="tight" if len(words) <= 40 else "long")
    if column != "verdict":
        return tag("span", words, class_="tight") if len(words) <= 30 else words
    verdict, _, reason = words.partition(":")
    kind = "live" if verdict.startswith("matters") else "dead"
    return Markup(
        tag("span", verdict, class_=f"verdict {kind}")
        + (tag("span", reason.strip(), class_="reason") if reason else "")
    )
