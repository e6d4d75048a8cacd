"""The ablation path: the predicted objective after each step from the start to the best configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trimtab.numerics import BoolArray, FloatArray
from trimtab.plots._style import BLUE, GREY, INK, error_bar, figure, margins, message, shorten, small, text
from trimtab.sensitivity import Ablation
from trimtab.sensitivity import ablation as analyse

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["AblationData", "ablation", "ablation_data"]


@dataclass(frozen=True, eq=False)
class AblationData:
    """Objective along the path, its own units and sign: the start first, then k steps; arrays (k + 1,).

    steps: "start", then the knob of each step; changes: "", then from and to. clear (k + 1,): whether the step's gain is told from nothing.
    too_little: why there is nothing to show, or "".
    """

    steps: tuple[str, ...]
    changes: tuple[str, ...]
    objective: FloatArray
    low: FloatArray
    high: FloatArray
    clear: BoolArray
    share: FloatArray
    scale: str
    confidence: float
    too_little: str


def ablation_data(source: object) -> AblationData:
    """Of an Ablation result, or of a Study or TrialTable (which is analysed first)."""
    result = source if isinstance(source, Ablation) else analyse(source)
    why = ""
    if not np.isfinite(result.start_objective):
        reasons = [verdict.partition(":")[2].strip() for verdict in result.verdicts.values()]
        why = next((r for r in reasons if r), "More finished trials are needed.")
    elif not result.parameters:
        why = "The start is the best configuration itself: there is no step between them."
    start = result.start_objective
    return AblationData(
        ("start", *result.parameters),
        ("", *(f"{a} → {b}" for a, b in zip(result.from_labels, result.to_labels, strict=True))),
        np.concatenate([[start], result.objective]),
        np.concatenate([[start], result.objective_low]),
        np.concatenate([[start], result.objective_high]),
        np.array([True, *(result.verdicts[name].startswith("matters") for name in result.parameters)], dtype=bool),
        np.concatenate([[np.nan], result.share]),
        result.scale,
        result.confidence,
        why,
    )


def ablation(source: object) -> Figure:
    """A staircase from the start on top to the best configuration below; filled dots where a step's gain is clear, hollow where not."""
    data = ablation_data(source)
    if data.too_little:
        return message("Too little for an ablation path", data.too_little)
    k = len(data.steps)
    rows = np.arange(k)[::-1]
    names = [shorten(name, 26) for name in data.steps]
    labels = [f"{text(n, 26)}<br>{small(text(c, 40) if c else '')}" for n, c in zip(names, data.changes, strict=True)]
    stairs = {
        "type": "scatter",
        "mode": "lines",
        "x": np.repeat(data.objective, 2)[:-1],
        "y": np.repeat(rows, 2)[1:],
        "line": {"color": GREY, "width": 2},
        "hoverinfo": "skip",
    }
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": data.objective,
        "y": rows,
        "marker": {"size": 11, "color": BLUE, "symbol": ["circle" if c else "circle-open" for c in data.clear]},
        "error_x": error_bar(data.objective, data.low, data.high, color=INK),
        "customdata": [
            [text(n, 50), text(c, 60) if c else "", f"{a:.4g}", f"{b:.4g}"]
            for n, c, a, b in zip(data.steps, data.changes, data.low, data.high, strict=True)
        ],
        "hovertemplate": "%{customdata[0]} %{customdata[1]}<br>%{x:.4g} [%{customdata[2]}, %{customdata[3]}]<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "predicted objective after the step"}},
        "yaxis": {"tickvals": rows, "ticktext": labels, "range": [-0.6, k - 0.4], "zeroline": False},
        "margin": {"l": margins([*names, *[shorten(c, 40) for c in data.changes if c]])},
        "showlegend": False,
        "hovermode": "closest",
    }
    return figure([stairs, dots], _title(data), height=42 * k + 70, layout=layout)


def _title(data: AblationData) -> str:
    interval = f"Bars: {100 * data.confidence:g} % intervals of the difference to the start."
    if not data.clear[1:].any():
        return f"No step from the start to the best configuration has a clear effect. {interval}"
    best = 1 + int(np.argmax(np.nan_to_num(np.abs(np.diff(data.objective)))))
    share = f" ({100 * data.share[best]:.0f} % of the gain)" if np.isfinite(data.share[best]) else ""
    return f"From the start to the best configuration, the largest step is {shorten(data.steps[best], 40)}{share}. {interval}"
