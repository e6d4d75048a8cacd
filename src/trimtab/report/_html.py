"""Pieces of HTML. Every text that comes in is escaped here; only `Markup` passes as it is."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

__all__ = ["Markup", "bullets", "escape", "folded", "note", "paragraph", "safe_json", "table", "tag"]


class Markup(str):
    """HTML that was made here and may go into the page as it is."""

    __slots__ = ()


_UNSEEN = {*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), *range(0x202A, 0x202F), *range(0x2066, 0x206A)} - {
    9,
    10,
}


def escape(value: object) -> Markup:
    """Text as HTML; control characters and those that turn the writing direction become a visible mark."""
    if isinstance(value, Markup):
        return value
    clean = "".join("\N{REPLACEMENT CHARACTER}" if ord(c) in _UNSEEN else c for c in str(value))
    return Markup(html.escape(clean, quote=True))


def tag(name: str, *inside: object, **attributes: str) -> Markup:
    """`<name key="value">inside</name>`; `class_` gives class, `data_x` gives data-x."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>{''.join(escape(part) for part in inside)}</{name}>")


def paragraph(*inside: object) -> Markup:
    """A paragraph."""
    return tag("p", *inside)


def note(words: object) -> Markup:
    """A sentence that stands where a figure cannot: too little data, nothing to show."""
    return tag("p", words, class_="note")


def bullets(items: Iterable[object]) -> Markup:
    """A list; nothing at all where there are no items."""
    rows = [tag("li", item) for item in items]
    return tag("ul", *rows) if rows else Markup("")


def table(head: Sequence[str], rows: Iterable[Sequence[object]], numeric: Sequence[int] = ()) -> Markup:
    """A table that scrolls sideways where the screen is narrow. numeric: columns set to the right."""

    def cell(name: str, k: int, value: object) -> Markup:
        label = {"data_label": head[k]} if name == "td" else {}  # stands before the value where columns do not fit
        return tag(name, value, class_="number", **label) if k in numeric else tag(name, value, **label)

    top = tag("tr", *(cell("th", k, name) for k, name in enumerate(head)))
    body = [tag("tr", *(cell("td", k, value) for k, value in enumerate(row))) for row in rows]
    return tag("div", tag("table", tag("thead", top), tag("tbody", *body)), class_="scroll")


def folded(summary: object, *inside: object) -> Markup:
    """Something that opens with a click."""
    return tag("details", tag("summary", summary), *inside)


def safe_json(encoded: str) -> Markup:
    """JSON text made safe for a script element.

    `<`, `>`, `&` and the line separators can stand only inside JSON strings, where they may be escaped.
    """
    for character in "<>&\u2028\u2029":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return Markup(encoded)
