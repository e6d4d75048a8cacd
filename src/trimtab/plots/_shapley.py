"""Shapley values: a bar a knob with its interval, and its strongest interactions in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trimtab.numerics import BoolArray, FloatArray
from trimtab.plots._style import (
    BLUE,
    GREY,
    INK,
    MEASURED,
    PALE,
    error_bar,
    figure,
    margins,
    message,
    shorten,
    small,
    text,
)
from trimtab.sensitivity import Shapley
from trimtab.sensitivity import shapley as analyse

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["ShapleyData", "shapley", "shapley_data"]


@dataclass(frozen=True, eq=False)
class ShapleyData:
    """Values, largest first; arrays (d,), NaN where there was too little data.

    matters (d,): the verdict starts with "matters". verdict, reason: the two halves of the verdicts. partner: the knob with which each
    one's interaction is largest, "" where none is clear.
    """

    game: str
    parameters: tuple[str, ...]
    value: FloatArray
    low: FloatArray
    high: FloatArray
    matters: BoolArray
    verdict: tuple[str, ...]
    reason: tuple[str, ...]
    partner: tuple[str, ...]
    scale: str
    confidence: float
    n_used: int


def shapley_data(source: object, game: str = "variance") -> ShapleyData:
    """Values of a Shapley result, or of a Study or TrialTable (which is analysed first, with this game)."""
    result = source if isinstance(source, Shapley) else analyse(source, game=game)
    order = np.argsort(-np.nan_to_num(result.value, nan=-np.inf), kind="stable")
    names = tuple(result.parameters[j] for j in order)
    halves = [result.verdicts[name].partition(":") for name in names]
    return ShapleyData(
        result.game,
        names,
        result.value[order],
        result.value_low[order],
        result.value_high[order],
        np.array([h[0].startswith("matters") for h in halves], dtype=bool),
        tuple(h[0].strip() for h in halves),
        tuple(h[2].strip() for h in halves),
        tuple(_partner(result, name) for name in names),
        result.scale,
        result.confidence,
        result.n_used,
    )


def shapley(source: object, *, game: str = "variance", most: int = 40) -> Figure:
    """Horizontal bars, largest value on top: solid where a knob matters, hatched and grey where it does not stand out.

    game: of the analysis, where the source is no ready result. most: knobs shown.
    """
    data = shapley_data(source, game)
    if not len(data.parameters) or np.isnan(data.value).all():
        why = next((r for r in data.reason if r), f"{data.n_used} finished trials are not enough.")
        return message("Too little data for Shapley values", why)
    k = min(len(data.parameters), most)
    rows, live = np.arange(k)[::-1], data.matters[:k]
    names = [shorten(name, 26) for name in data.parameters[:k]]
    below = [f"with {p}" if p else v for p, v in zip(data.partner, data.verdict, strict=True)]
    value, low, high = (np.nan_to_num(a[:k]) for a in (data.value, data.low, data.high))
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": value,
        "y": rows,
        "width": 0.5,
        "marker": {
            "color": [BLUE if m else PALE for m in live],
            "line": {"color": [BLUE if m else GREY for m in live], "width": 1},
            "pattern": {"shape": ["" if m else "/" for m in live], "size": 6, "solidity": 0.25, "fgcolor": GREY},
        },
        "error_x": error_bar(value, low, high),
        "customdata": [
            [text(n, 50), f"{a:.3g}", f"{b:.3g}"] for n, a, b in zip(data.parameters, low, high, strict=False)
        ],
        "hovertemplate": "%{customdata[0]}<br>%{x:.3g} [%{customdata[1]}, %{customdata[2]}]<extra></extra>",
    }
    labels = [f"{text(n, 26)}<br>{small(text(b, 40))}" for n, b in zip(names, below, strict=False)]
    share = {"tickformat": ".0%", "rangemode": "tozero"} if data.game == "variance" else {}
    layout = {
        "xaxis": {"title": {"text": _axis(data)}, "zeroline": True, "zerolinecolor": INK, **share},
        "yaxis": {"tickvals": rows, "ticktext": labels, "range": [-0.6, k - 0.4], "showgrid": False, "zeroline": False},
        "margin": {"l": margins([*names, *[shorten(b, 40) for b in below[:k]]])},
        "showlegend": False,
    }
    return figure([bars], _title(data), height=42 * k + 70, layout=layout)


def _partner(result: Shapley, name: str) -> str:
    """The other knob of this one's largest interaction whose interval leaves zero out."""
    pairs = result.interactions
    for a, b, low, high in zip(pairs.first, pairs.second, pairs.low, pairs.high, strict=True):
        if name in (a, b) and (low > 0 or high < 0):
            return b if name == a else a
    return ""


def _axis(data: ShapleyData) -> str:
    if data.game == "variance":
        return f"share of the variance of {MEASURED[data.scale]}"
    return f"gain in {MEASURED[data.scale]} over the start (right is better)"


def _title(data: ShapleyData) -> str:
    interval = f"Bars: {100 * data.confidence:g} % intervals from {data.n_used} trials."
    first = shorten(data.parameters[0], 40)
    if not data.matters.any():
        return f"No knob stands out from a dead one yet. {interval}"
    of = {
        "variance": "most of the objective's variance is owed to",
        "tunability": "most is gained by tuning",
        "ablation": "most of the gain over the start is owed to",
    }[data.game]
    return f"Shared out evenly, {of} {first}. {interval}"
