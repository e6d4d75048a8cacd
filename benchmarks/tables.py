"""Rows as Markdown, and the marked blocks of documents that benchmarks write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["markdown", "replace_block"]


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """A Markdown table; numbers with four digits, "-" where there is none."""
    if not rows:
        return "(nothing measured)"
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = [_cell(row[name]) for name in names]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def replace_block(path: Path, name: str, text: str) -> None:
    """Put `text` between the marks `<!-- name -->` and `<!-- /name -->` of a document. ValueError if they are missing."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    before = path.read_text()
    if not pattern.search(before):
        raise ValueError(f"{path.name} has no block <!-- {name} --> ... <!-- /{name} -->.")
    path.write_text(pattern.sub(lambda m: m.group(1) + text + "\n" + m.group(2), before))
