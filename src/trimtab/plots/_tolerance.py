"""Tolerances: how far each knob may move from the best configuration before it hurts, and where the cliffs are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.plots._style import (
    BLUE,
    GRID,
    INK,
    VERMILLION,
    figure,
    margins,
    message,
    points,
    shorten,
    small,
    text,
)
from trimtab.plots._ticks import position
from trimtab.sensitivity import Curve, Robustness, robustness

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["ToleranceData", "tolerance", "tolerance_data"]


@dataclass(frozen=True, eq=False)
class ToleranceData:
    """Numeric knobs, the tightest tolerance first. Arrays are on each knob's declared scale: 0 its lowest, 1 its highest value.

    here (k,), tolerated, safe, box (k, 2); ends: labels of the ends of each knob's range; tolerance, sure: texts of the two ranges
    cliffs: (row, place, what) of each; epsilon: the loss that is tolerated; too_little: why there is nothing to show, or ""
    """

    parameters: tuple[str, ...]
    here: FloatArray
    tolerated: FloatArray
    safe: FloatArray
    box: FloatArray
    ends: tuple[tuple[str, str], ...]
    tolerance: tuple[str, ...]
    sure: tuple[str, ...]
    cliffs: tuple[tuple[int, float, str], ...]
    epsilon: float
    confidence: float
    too_little: str


def tolerance_data(source: object) -> ToleranceData:
    """Of a Robustness result, or of a Study or TrialTable (which is analysed first)."""
    result = source if isinstance(source, Robustness) else robustness(source)
    local = result.local
    shown = [j for j, curve in enumerate(local.curves) if curve.kind != "categorical" and _numbers(curve)]
    why = "" if shown else next((v.partition(":")[2].strip() for v in result.verdicts.values()), "There is no knob.")
    if local.curves and not shown:
        why = "Every knob is a choice; see the switches of the result."
    spans = np.array([_places(local.curves[j], local.tolerance[j]) for j in shown]).reshape(len(shown), 2)
    order = np.argsort(np.round(spans[:, 1] - spans[:, 0], 9), kind="stable")
    chosen = [shown[i] for i in order]
    curves = [local.curves[j] for j in chosen]
    here = np.array([float(c.u[c.here]) for c in curves])
    reach = [
        (row, here[row] + (-1.0 if result.cliffs.side[i] == "down" else 1.0) * float(result.cliffs.distance[i]), result.cliffs.said(i))
        for i, name in enumerate(result.cliffs.parameter)
        for row, c in enumerate(curves)
        if c.name == name
    ]  # fmt: skip
    return ToleranceData(
        tuple(c.name for c in curves),
        here,
        spans[order],
        np.array([_places(local.curves[j], local.safe[j]) for j in chosen]).reshape(len(chosen), 2),
        np.clip(np.stack([here - result.radius, here + result.radius], axis=1), 0.0, 1.0),
        tuple((c.labels[0], c.labels[-1]) for c in curves),
        tuple(local.tolerance_text[j] for j in chosen),
        tuple(local.safe_text[j] for j in chosen),
        tuple((row, float(u), said) for row, u, said in reach),
        result.epsilon,
        result.confidence,
        why,
    )


def tolerance(source: object, *, most: int = 30) -> Figure:
    """A line a knob over its declared range: thin bar where the expected loss is tolerated, thick where it surely is.

    A diamond marks the best configuration, strokes the box around it, crosses the cliffs. most: knobs shown, the tightest first.
    """
    data = tolerance_data(source)
    if data.too_little:
        return message("Too little data for tolerances", data.too_little)
    k = min(len(data.parameters), most)
    rows = np.arange(k)[::-1].astype(float)
    names = [shorten(name, 26) for name in data.parameters[:k]]
    labels = [f"{text(n, 26)}<br>{small(text(t, 40))}" for n, t in zip(names, data.tolerance, strict=False)]
    cliffs = [(rows[row], place, said) for row, place, said in data.cliffs if row < k]
    traces = [
        _bars(rows, np.tile([0.0, 1.0], (k, 1)), "declared range", GRID, 3),
        _bars(rows, data.tolerated[:k], "expected loss is tolerated", "#7fb2dc", 7),
        _bars(rows, data.safe[:k], f"tolerated with {100 * data.confidence:g} %", BLUE, 15),
        points(
            data.box[:k].ravel(), np.repeat(rows, 2), "box", {"symbol": "line-ns-open", "size": 14, "color": INK}, "box"
        ),
        points(
            data.here[:k],
            rows,
            "best configuration",
            {"symbol": "diamond", "size": 11, "color": VERMILLION, "line": {"color": "#ffffff", "width": 1}},
            "%{text}",
            text=[text(f"{n}: {s}", 80) for n, s in zip(names, data.sure, strict=False)],
        ),
    ]
    if cliffs:
        traces.append(
            points(
                np.array([c[1] for c in cliffs]),
                np.array([c[0] for c in cliffs]),
                "cliff",
                {"symbol": "x", "size": 11, "color": INK},
                "%{text}",
                text=[text(c[2], 60) for c in cliffs],
            )
        )
    layout = {
        "xaxis": {
            "range": [-0.03, 1.03],
            "tickvals": [0.0, 1.0],
            "ticktext": ["lowest value", "highest value"],
            "title": {"text": "position in the knob's declared range, on its declared scale"},
            "showgrid": False,
            "zeroline": False,
        },
        "yaxis": {"tickvals": rows, "ticktext": labels, "range": [-0.6, k - 0.4], "showgrid": False, "zeroline": False},
        "margin": {"l": margins([*names, *[shorten(t, 40) for t in data.tolerance[:k]]], 260)},
        "annotations": _ends(data, rows),
        "hovermode": "closest",
        "meta": {"wide": 560},
    }
    return figure(traces, _title(data), height=48 * k + 90, top=46, layout=layout)


def _bars(rows: FloatArray, spans: FloatArray, name: str, colour: str, width: int) -> dict[str, Any]:
    """One thick line a row, as one trace with gaps."""
    gap = np.full(len(rows), np.nan)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": np.column_stack([spans, gap]).ravel(),
        "y": np.column_stack([rows, rows, gap]).ravel(),
        "line": {"color": colour, "width": width},
        "hoverinfo": "skip",
    }


def _ends(data: ToleranceData, rows: FloatArray) -> list[dict[str, Any]]:
    """The values at the two ends of each knob's range, below its line."""
    return [
        {
            "x": x,
            "y": row,
            "text": small(text(label, 14)),
            "showarrow": False,
            "yshift": -15,
            "xanchor": "left" if x == 0.0 else "right",
        }
        for row, both in zip(rows.tolist(), data.ends, strict=False)
        for x, label in zip((0.0, 1.0), both, strict=True)
    ]


def _numbers(curve: Curve) -> bool:
    return all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in curve.values)


def _places(curve: Curve, ends: tuple[object, ...]) -> FloatArray:
    """Coordinates of the two ends of a range of values."""
    if len(ends) != 2:
        return np.full(2, curve.u[curve.here])
    return position(curve.u, np.array(curve.values, dtype=float), [float(str(v)) for v in ends])


def _title(data: ToleranceData) -> str:
    first = shorten(data.parameters[0], 40)
    cliffs = f" Cliffs: {len(data.cliffs)}." if data.cliffs else ""
    return (
        f"{first} must be set most exactly: an objective worse by {data.epsilon:.3g} is tolerated from "
        f"{data.tolerance[0].replace(' ... ', ' to ')}.{cliffs}"
    )
