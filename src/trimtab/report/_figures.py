"""Figures of a page: collected as JSON, drawn by the page's script once plotly is unpacked."""

from __future__ import annotations

import base64
import gzip
from functools import lru_cache
from typing import TYPE_CHECKING

from trimtab.report._html import Markup, note, safe_json, tag

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Figures", "packed_plotly"]


class Figures:
    """Hands out places for figures and keeps their JSON. The title becomes a caption, which wraps on narrow screens."""

    def __init__(self) -> None:
        self.json: list[Markup] = []

    def add(self, figure: Figure, caption: bool = True) -> Markup:
        """The figure's place in the page; a sentence in place of a figure that has nothing to show."""
        layout = figure.layout
        meta = dict(layout.meta or {})
        if "message" in meta:
            return note(f"{meta['caption']}. {meta['message']}")
        cut = meta["heading"]
        layout.update(title=None, height=layout.height - cut + 8, margin={"t": layout.margin.t - cut + 8}, meta=None)
        name = f"figure-{len(self.json) + 1}"
        self.json.append(safe_json(figure.to_json()))
        style = f"height:{int(layout.height)}px" + (f";min-width:{int(meta['wide'])}px" if "wide" in meta else "")
        place = tag("div", id=name, class_="plot", style=style, role="img", aria_label=str(meta["caption"]))
        words = tag("figcaption", meta["caption"]) if caption else ""
        return tag("figure", words, tag("div", place, class_="scroll"))

    def script(self) -> Markup:
        """The data element that the page's script reads."""
        return Markup(f'<script type="application/json" id="figures">[{",".join(self.json)}]</script>')


@lru_cache(maxsize=1)
def packed_plotly() -> str:
    """plotly.js as it ships in the plotly package, gzipped and in base64: 4.8 MB become 2. Nothing is fetched."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
