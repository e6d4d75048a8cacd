"""Tornado: what a step of each knob down and up does to the objective, largest on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.plots._style import BLUE, INK, MEASURED, ORANGE, error_bar, figure, margins, message, shorten, small, text
from trimtab.records import table_of
from trimtab.sensitivity import OneAtATime, one_at_a_time

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["TornadoData", "tornado", "tornado_data"]


@dataclass(frozen=True, eq=False)
class TornadoData:
    """Changes of the objective, user's sign, on `scale`; arrays (d,), largest change first, NaN where not estimated.

    at: labels of the knobs' values at the start; down_to, up_to: where the two steps lead.
    direction: "" where it is not known.
    """

    parameters: tuple[str, ...]
    at: tuple[str, ...]
    down: FloatArray
    down_low: FloatArray
    down_high: FloatArray
    down_to: tuple[str, ...]
    up: FloatArray
    up_low: FloatArray
    up_high: FloatArray
    up_to: tuple[str, ...]
    scale: str
    step: float
    direction: str


def tornado_data(source: object, direction: str = "") -> TornadoData:
    """Of a OneAtATime result, or of a Study or TrialTable (which is analysed first, and knows its direction)."""
    result = source if isinstance(source, OneAtATime) else one_at_a_time(source)
    direction = direction if isinstance(source, OneAtATime) else table_of(source).direction
    size = np.nan_to_num(np.fmax(np.abs(result.down), np.abs(result.up)), nan=-1.0)
    order = np.argsort(-size, kind="stable")
    return TornadoData(
        tuple(result.parameters[j] for j in order),
        tuple(result.labels[j] for j in order),
        result.down[order],
        result.down_low[order],
        result.down_high[order],
        tuple(result.down_to[j] for j in order),
        result.up[order],
        result.up_low[order],
        result.up_high[order],
        tuple(result.up_to[j] for j in order),
        result.scale,
        result.step,
        direction,
    )


def tornado(source: object, *, most: int = 20, direction: str = "") -> Figure:
    """Two bars a knob from zero: hatched for the step down, solid for the step up, with intervals.

    most: knobs shown. direction: of the objective, for a ready result, which does not know it.
    """
    data = tornado_data(source, direction)
    if not len(data.parameters) or np.isnan([data.down, data.up]).all():
        return message(
            "Too little data for a tornado", "More finished trials are needed before single steps can be predicted."
        )
    k = min(len(data.parameters), most)
    rows = np.arange(k)[::-1]
    names = [shorten(name, 24) for name in data.parameters[:k]]
    labels = [f"{text(n, 24)}<br>{small(text(a, 26))}" for n, a in zip(names, data.at, strict=False)]
    traces = [
        _bars(data, rows, "up", data.up_to, "up (choices: to the worst)", BLUE, "", 0.19),
        _bars(data, rows, "down", data.down_to, "down (choices: to the best other)", "#f3c77a", "\\", -0.19),
    ]
    layout = {
        "barmode": "overlay",
        "xaxis": {"title": {"text": _axis(data)}, "zeroline": True, "zerolinecolor": INK, "zerolinewidth": 1.5},
        "yaxis": {"tickvals": rows, "ticktext": labels, "range": [-0.6, k - 0.4], "showgrid": False, "zeroline": False},
        "margin": {"l": margins([*names, *[shorten(a, 26) for a in data.at[:k]]])},
    }
    return figure(traces, _title(data), height=46 * k + 70, top=28, layout=layout)


def _bars(
    data: TornadoData,
    rows: np.ndarray[Any, Any],
    which: str,
    to: tuple[str, ...],
    name: str,
    colour: str,
    hatch: str,
    offset: float,
) -> dict[str, Any]:
    k = len(rows)
    middle, low, high = (np.nan_to_num(getattr(data, which + end)[:k]) for end in ("", "_low", "_high"))
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": middle,
        "y": rows + offset,
        "width": 0.34,
        "marker": {
            "color": colour,
            "line": {"color": BLUE if which == "up" else ORANGE, "width": 1},
            "pattern": {"shape": hatch, "size": 6, "solidity": 0.2, "fgcolor": "#8a5a00"},
        },
        "error_x": error_bar(middle, low, high),
        "customdata": [
            [text(n, 50), text(t, 40), f"{a:.3g}", f"{b:.3g}"]
            for n, t, a, b in zip(data.parameters, to, low, high, strict=False)
        ],
        "hovertemplate": "%{customdata[0]} to %{customdata[1]}<br>"
        "%{x:.3g} [%{customdata[2]}, %{customdata[3]}]<extra></extra>",
    }


def _axis(data: TornadoData) -> str:
    middle = f"change of {MEASURED[data.scale]}"
    if data.direction == "maximize":
        return f"← worse     {middle}     better →"
    return f"← better     {middle}     worse →" if data.direction else middle


def _title(data: TornadoData) -> str:
    first = shorten(data.parameters[0], 40)
    return f"A step of {100 * data.step:.0f} % of its range moves the objective most for {first}."
