"""Global sensitivity: each knob's main and total share of the variance, with intervals and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.numerics import BoolArray, FloatArray
from trimtab.plots._style import BLUE, GREY, MEASURED, PALE, error_bar, figure, margins, message, shorten, small, text
from trimtab.sensitivity import Sensitivity, sobol

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["SensitivityData", "sensitivity", "sensitivity_data"]


@dataclass(frozen=True, eq=False)
class SensitivityData:
    """Shares in [0, 1], largest total first; arrays (d,), NaN where there was too little data.

    matters (d,): the verdict starts with "matters". verdict, reason: the two halves of the verdicts.
    """

    parameters: tuple[str, ...]
    main: FloatArray
    main_low: FloatArray
    main_high: FloatArray
    total: FloatArray
    total_low: FloatArray
    total_high: FloatArray
    matters: BoolArray
    verdict: tuple[str, ...]
    reason: tuple[str, ...]
    scale: str
    confidence: float
    n_used: int


def sensitivity_data(source: object) -> SensitivityData:
    """Shares of a Sensitivity result, or of a Study or TrialTable (which is analysed first)."""
    result = source if isinstance(source, Sensitivity) else sobol(source)
    order = np.argsort(-np.nan_to_num(result.total, nan=-1.0), kind="stable")
    names = tuple(result.parameters[j] for j in order)
    halves = [result.verdicts[name].partition(":") for name in names]
    return SensitivityData(
        names,
        result.main[order],
        result.main_low[order],
        result.main_high[order],
        result.total[order],
        result.total_low[order],
        result.total_high[order],
        np.array([h[0].startswith("matters") for h in halves], dtype=bool),
        tuple(h[0].strip() for h in halves),
        tuple(h[2].strip() for h in halves),
        result.scale,
        result.confidence,
        result.n_used,
    )


def sensitivity(source: object, *, most: int = 40) -> Figure:
    """Horizontal bars, strongest knob on top: hatched for total, solid for main, grey where a knob does not stand out.

    most: knobs shown.
    """
    data = sensitivity_data(source)
    if not len(data.parameters) or np.isnan(data.total).all():
        return message("Too little data for a global sensitivity", _why(data))
    k = min(len(data.parameters), most)
    rows = np.arange(k)[::-1]
    names = [shorten(name, 26) for name in data.parameters[:k]]
    labels = [f"{text(name, 26)}<br>{small(text(v, 44))}" for name, v in zip(names, data.verdict, strict=False)]
    traces = [
        _bars(data, rows, "total", "total: alone and together with others", "#a9cfe8", PALE, 0.19, "/"),
        _bars(data, rows, "main", "main: on its own", BLUE, GREY, -0.19, ""),
    ]
    layout = {
        "barmode": "overlay",
        "xaxis": {
            "title": {"text": f"share of the variance of {MEASURED[data.scale]}"},
            "range": [0, 1],
            "tickformat": ".0%",
        },
        "yaxis": {"tickvals": rows, "ticktext": labels, "range": [-0.6, k - 0.4], "showgrid": False, "zeroline": False},
        "margin": {"l": margins([*names, "cannot be told from a dead k"])},
        "legend": {"traceorder": "reversed"},
    }
    return figure(traces, _title(data), height=46 * k + 70, top=28, layout=layout)


def _bars(
    data: SensitivityData,
    rows: np.ndarray[Any, Any],
    which: str,
    name: str,
    live: str,
    dead: str,
    offset: float,
    hatch: str,
) -> dict[str, Any]:
    k = len(rows)
    middle, low, high = (getattr(data, which + end)[:k] for end in ("", "_low", "_high"))
    known = np.nan_to_num(middle)
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": known,
        "y": rows + offset,
        "width": 0.34,
        "marker": {
            "color": [live if m else dead for m in data.matters[:k]],
            "line": {"color": [BLUE if m else GREY for m in data.matters[:k]], "width": 1},
            "pattern": {
                "shape": hatch,
                "size": 6,
                "solidity": 0.25,
                "fgcolor": [BLUE if m else GREY for m in data.matters[:k]],
            },
        },
        "error_x": error_bar(known, low, high),
        "customdata": np.column_stack([low, high]).tolist(),
        "text": [text(name, 60) for name in data.parameters[:k]],
        "textposition": "none",
        "hovertemplate": "%{text}<br>"
        + which
        + " %{x:.1%} [%{customdata[0]:.1%}, %{customdata[1]:.1%}]<extra></extra>",
    }


def _title(data: SensitivityData) -> str:
    interval = f"Bars: {100 * data.confidence:g} % intervals from {data.n_used} trials."
    live = [j for j in range(len(data.parameters)) if data.matters[j]]
    if not live:
        return f"No knob stands out from a dead one yet. {interval}"
    j = live[0]
    share = (
        f"{100 * data.total[j]:.0f} % of the variance [{100 * data.total_low[j]:.0f}, {100 * data.total_high[j]:.0f}]"
    )
    others = [shorten(data.parameters[i], 24) for i in live[1:]]
    listed = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    rest = f"; {listed} {'matters' if len(others) == 1 else 'matter'} too" if others else "; no other stands out"
    return f"{shorten(data.parameters[j], 40)} has a hand in {share}{rest}. {interval}"


def _why(data: SensitivityData) -> str:
    if not data.parameters:
        return "The space has no knob to analyse."
    return next((r for r in data.reason if r), f"{data.n_used} finished trials are not enough.")
