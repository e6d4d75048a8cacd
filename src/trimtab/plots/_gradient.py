"""Gradient: posterior of the objective's slope along each numeric knob, at one configuration and on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.plots._style import BLUE, INK, MEASURED, ORANGE, error_bar, figure, margins, message, shorten, small, text
from trimtab.sensitivity import Gradient
from trimtab.sensitivity import gradient as analyse

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["GradientData", "gradient", "gradient_data"]


@dataclass(frozen=True, eq=False)
class GradientData:
    """Slopes per whole range of the knob, user's sign; arrays (d,), steepest first, NaN where not estimated.

    slope: at the configuration; mean: over the space; positive, mean_positive: probabilities that they are > 0.
    """

    parameters: tuple[str, ...]
    slope: FloatArray
    slope_low: FloatArray
    slope_high: FloatArray
    positive: FloatArray
    mean: FloatArray
    mean_low: FloatArray
    mean_high: FloatArray
    mean_positive: FloatArray
    scale: str
    confidence: float


def gradient_data(source: object) -> GradientData:
    """Of a Gradient result, or of a Study or TrialTable (which is analysed first)."""
    result = source if isinstance(source, Gradient) else analyse(source)
    size = np.nan_to_num(np.fmax(np.abs(result.slope), np.abs(result.mean)), nan=-1.0)
    order = np.argsort(-size, kind="stable")
    names = tuple(result.parameters[j] for j in order)
    arrays = ("slope", "slope_low", "slope_high", "positive", "mean", "mean_low", "mean_high", "mean_positive")
    ordered: dict[str, FloatArray] = {a: getattr(result, a)[order] for a in arrays}
    return GradientData(names, **ordered, scale=result.scale, confidence=result.confidence)


def gradient(source: object, *, most: int = 30) -> Figure:
    """Two intervals a knob: a filled circle here (by default at the best), an open square averaged over the space.

    most: knobs shown.
    """
    data = gradient_data(source)
    if not len(data.parameters):
        return message("No slopes", "The space has no numeric knob; choices without an order have no slope.")
    if np.isnan([data.slope, data.mean]).all():
        return message(
            "Too little data for slopes", "More finished trials are needed before slopes can be told from noise."
        )
    k = min(len(data.parameters), most)
    rows = np.arange(k)[::-1]
    names = [shorten(name, 26) for name in data.parameters[:k]]
    labels = [f"{text(n, 26)}<br>{small(_sign(data.positive[j]))}" for j, n in enumerate(names)]
    here = {"symbol": "circle", "size": 10, "color": BLUE}
    average = {"symbol": "square-open", "size": 9, "color": ORANGE, "line": {"width": 2}}
    traces = [
        _points(data, rows, "slope", data.positive, "here: at the configuration analysed", here, 0.14),
        _points(data, rows, "mean", data.mean_positive, "averaged over the space", average, -0.18),
    ]
    layout = {
        "xaxis": {
            "title": {"text": f"change of {MEASURED[data.scale]}"},
            "zeroline": True,
            "zerolinecolor": INK,
            "zerolinewidth": 1.5,
        },
        "yaxis": {"tickvals": rows, "ticktext": labels, "range": [-0.6, k - 0.4], "showgrid": False, "zeroline": False},
        "margin": {"l": margins([*names, "P(rises) = 100 %"])},
    }
    return figure(traces, _title(data), height=44 * k + 70, top=28, layout=layout)


def _points(
    data: GradientData,
    rows: np.ndarray[Any, Any],
    which: str,
    positive: FloatArray,
    name: str,
    marker: dict[str, Any],
    offset: float,
) -> dict[str, Any]:
    k = len(rows)
    middle, low, high = (getattr(data, which + end)[:k] for end in ("", "_low", "_high"))
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": middle,
        "y": rows + offset,
        "marker": marker,
        "error_x": error_bar(middle, low, high, color=marker["color"], width=0, thickness=2.2),
        "customdata": [
            [text(n, 50), f"{a:.3g}", f"{b:.3g}", f"{p:.0%}"]
            for n, a, b, p in zip(data.parameters, low, high, positive, strict=False)
        ],
        "hovertemplate": "%{customdata[0]}<br>%{x:.3g} [%{customdata[1]}, %{customdata[2]}]<br>"
        "probability that it rises %{customdata[3]}<extra></extra>",
    }


def _sign(positive: float) -> str:
    """Probability of the likelier sign, in words."""
    if not np.isfinite(positive):
        return "inactive here"
    return f"rises: {100 * positive:.0f} %" if positive >= 0.5 else f"falls: {100 * (1 - positive):.0f} %"


def _title(data: GradientData) -> str:
    sure = [
        f"{'rises' if p > 0.5 else 'falls'} with {shorten(n, 30)}"
        for n, p in zip(data.parameters, data.positive, strict=True)
        if np.isfinite(p) and max(p, 1 - p) >= 0.95
    ]
    if not sure:
        return "Here no slope has a certain sign, as it should be at an optimum."
    shown = ", ".join(sure[:3]) + (f" and {len(sure) - 3} more" if len(sure) > 3 else "")
    return f"From here the objective still {shown} (each at least 95 % sure)."
