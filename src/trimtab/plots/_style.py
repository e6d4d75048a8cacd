"""One look for all figures: template, palette, texts that are safe inside plotly, axes with real labels.

Figures are built from plain dicts and become a plotly Figure at the end, in `figure`. plotly reads a little HTML in
every text, so all that comes from users goes through `text`.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.numerics import FloatArray, IntArray

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "BLUE",
    "BLUES",
    "FONT",
    "GREEN",
    "GREY",
    "GRID",
    "INK",
    "MEASURED",
    "MUTED",
    "ORANGE",
    "PALE",
    "SEQUENCE",
    "VERMILLION",
    "error_bar",
    "figure",
    "margins",
    "message",
    "number",
    "points",
    "sequence_colour",
    "shorten",
    "small",
    "text",
]

# Okabe and Ito 2008: told apart by all common kinds of colour vision
BLUE, VERMILLION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
INK, MUTED, GREY, PALE, GRID = "#1c2530", "#5b6775", "#a4adb8", "#d5dae1", "#e8ebef"
BLUES = ((0.0, "#f7f9fc"), (0.15, "#dbe8f5"), (0.5, "#7fb2dc"), (1.0, "#004b7a"))
SEQUENCE = ("#00204d", "#31446b", "#666970", "#958f78", "#cbba69", "#ffe945")  # cividis, dark is best
FONT = 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

MEASURED = {"raw": "the objective", "log": "the objective's logarithm", "rank": "the objective's ranks"}  # by scale

_LINE = 92  # characters of a title in one line


def figure(
    traces: Sequence[dict[str, Any]],
    title: str,
    *,
    height: int,
    layout: dict[str, Any] | None = None,
    top: int = 0,
) -> Figure:
    """A plotly Figure in trimtab's look.

    title: plain words, kept in layout.meta["caption"] too. height: pixels below the title.
    top: pixels for a legend or headings.
    """
    import plotly.graph_objects as go

    lines = textwrap.wrap(title, _LINE) or [""]
    above = 26 + 19 * len(lines) + top
    whole: dict[str, Any] = {
        "template": _template(),
        "meta": {"caption": title, "heading": above - top},
        "title": {
            "text": "<br>".join(text(line, _LINE) for line in lines),
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 14 if len(lines) == 1 else 27},  # where several lines begin, plotly puts the first one's foot
        },
        "height": height + above,
        "margin": {"l": 20, "r": 24, "t": above, "b": 54},
    }
    for key, value in (layout or {}).items():
        whole[key] = {**whole[key], **value} if isinstance(whole.get(key), dict) else value
    return go.Figure({"data": [_keys(t) for t in traces], "layout": whole})


def message(title: str, why: str) -> Figure:
    """An empty figure that says why it is empty."""
    note = {
        "text": "<br>".join(text(line, 80) for line in textwrap.wrap(why, 80)),
        "x": 0.5,
        "y": 0.5,
        "xref": "paper",
        "yref": "paper",
        "showarrow": False,
        "font": {"size": 14, "color": MUTED},
    }
    hidden = {"visible": False}
    layout = {"annotations": [note], "xaxis": hidden, "yaxis": hidden, "meta": {"message": why}}
    return figure([], title, height=150, layout=layout)


def text(value: object, most: int = 34) -> str:
    """User's text as plotly shows it literally: no tags, one line, at most `most` characters."""
    return html.escape(shorten(value, most), quote=False).replace("$", "&#36;")  # no TeX either


def shorten(value: object, most: int) -> str:
    """One line of printable characters, cut in the middle."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    if len(line) <= most:
        return line or "(empty)"
    head = (most - 1) * 2 // 3
    return f"{line[:head]}…{line[len(line) - (most - 1 - head) :]}"


def small(safe: str) -> str:
    """Safe text, smaller and muted."""
    return f'<span style="font-size:11px;color:{MUTED}">{safe}</span>'


def number(value: float, digits: int = 4) -> str:
    """A number for a label: 0.0001, 1e-5, 12,000."""
    if not np.isfinite(value):
        return "–"
    if abs(value) >= 10_000 and value == round(value) and abs(value) < 1e7:
        return f"{value:,.0f}"
    shown = f"{value:.{digits}g}"
    if "e" in shown:
        mantissa, exponent = shown.split("e")
        shown = f"{mantissa}e{int(exponent)}"
    return shown.replace("-", "−")


def points(
    x: FloatArray | IntArray, y: FloatArray, name: str, marker: dict[str, Any], hover: str, **more: Any
) -> dict[str, Any]:
    """A trace of dots with a name in the legend. hover: plotly's template of what one says under the pointer."""
    about = {"name": name, "marker": marker, "hovertemplate": f"{hover}<extra></extra>"}
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, **about, **more}


def error_bar(middle: FloatArray, low: FloatArray, high: FloatArray, **more: Any) -> dict[str, Any]:
    """plotly's asymmetric error bar from an interval."""
    bar = {
        "type": "data",
        "symmetric": False,
        "array": np.maximum(high - middle, 0),
        "arrayminus": np.maximum(middle - low, 0),
    }
    return {**bar, "color": INK, "thickness": 1.4, "width": 4, **more}


def margins(labels: Sequence[str], most: int = 190) -> int:
    """Pixels that the longest of some labels (plain text, 13 px) needs."""
    return int(min(max((len(s) for s in labels), default=0) * 7.2 + 16, most))


def sequence_colour(share: float) -> str:
    """Colour of a share in [0, 1]: 0 (best) dark, 1 (worst) light; ordered in lightness, so it prints in grey too."""
    position = float(np.clip(share, 0, 1)) * (len(SEQUENCE) - 1)
    k = min(int(position), len(SEQUENCE) - 2)
    a, b = (np.array([int(SEQUENCE[i][c : c + 2], 16) for c in (1, 3, 5)]) for i in (k, k + 1))
    r, g, b2 = (a + (position - k) * (b - a)).round().astype(int).tolist()
    return f"#{r:02x}{g:02x}{b2:02x}"


def _keys(trace: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in trace.items() if value is not None}


def _template() -> dict[str, Any]:
    axis = {
        "gridcolor": GRID,
        "zerolinecolor": PALE,
        "linecolor": PALE,
        "tickcolor": PALE,
        "tickfont": {"size": 12},
        "title": {"font": {"size": 13, "color": MUTED}, "standoff": 10},
        "automargin": True,
        "exponentformat": "e",
    }
    side = {**axis, "ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}  # keeps the labels off the axis
    return {
        "layout": {
            "font": {"family": FONT, "size": 13, "color": INK},
            "paper_bgcolor": "#ffffff",
            "plot_bgcolor": "#ffffff",
            "colorway": [BLUE, VERMILLION, GREEN, ORANGE, GREY],
            "title": {
                "font": {"size": 16, "weight": 600},
                "x": 0,
                "xref": "container",
                "xanchor": "left",
                "yanchor": "top",
                "pad": {"l": 20},
            },
            "xaxis": axis,
            "yaxis": side,
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1,
                "yanchor": "bottom",
                "font": {"size": 12},
            },
            "hoverlabel": {
                "bgcolor": "#ffffff",
                "bordercolor": PALE,
                "align": "left",
                "font": {"color": INK, "size": 12},
            },
            "bargap": 0.35,
        }
    }
