"""One at a time: a small picture a knob, the predicted objective along it with its band, from one configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.plots._frame import Frame, frame_of
from trimtab.plots._style import BLUE, GREEN, INK, MUTED, VERMILLION, error_bar, figure, message, shorten, small, text
from trimtab.plots._ticks import Ticks, position, ticks
from trimtab.sensitivity import Curve, OneAtATime
from trimtab.sensitivity import one_at_a_time as analyse

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["OneAtATimeData", "Panel", "one_at_a_time", "one_at_a_time_data"]

_ROW, _GAP = 190, 104  # pixels


@dataclass(frozen=True, eq=False)
class Panel:
    """One knob. x (m,): unit coordinate; middle, low, high (m,): predicted objective, user's sign and units.

    here: index of the point nearest to the configuration.
    span: ends (on x) between which the objective stays within epsilon, or None.
    tolerated (m,): the same for choices. verdict: its first half.
    """

    parameter: str
    categorical: bool
    x: FloatArray
    labels: tuple[str, ...]
    middle: FloatArray
    low: FloatArray
    high: FloatArray
    here: int
    span: tuple[float, float] | None
    tolerated: BoolArray
    ticks: Ticks
    tolerance: str
    verdict: str


@dataclass(frozen=True, eq=False)
class OneAtATimeData:
    """Panels, largest effect first. frame: the common range of the objective. too_little: why there is none, or ""."""

    panels: tuple[Panel, ...]
    frame: Frame
    epsilon: float
    scale: str
    confidence: float
    too_little: str


def one_at_a_time_data(source: object) -> OneAtATimeData:
    """Of a OneAtATime result, or of a Study or TrialTable (which is analysed first)."""
    result = source if isinstance(source, OneAtATime) else analyse(source)
    reasons = [verdict.partition(":")[2].strip() for verdict in result.verdicts.values()]
    why = "" if result.curves else next((r for r in reasons if r), "More finished trials are needed.")
    order: list[int] = (
        np.argsort(-np.nan_to_num(result.effect, nan=-1.0), kind="stable").tolist() if result.curves else []
    )
    panels = tuple(_panel(result, j) for j in order)
    return OneAtATimeData(
        panels, _frame(panels, result.scale == "log"), result.epsilon, result.scale, result.confidence, why
    )


def one_at_a_time(source: object, *, parameters: Sequence[str] | None = None, columns: int = 3) -> Figure:
    """Small multiples: curve and band, the configuration as a diamond, the tolerated span as a thick line.

    Choices are points, filled where they are tolerated.

    parameters: the knobs to show, by default all that the analysis covers. columns: pictures in a row.
    Raises InputError for a name that was not analysed.
    """
    data = one_at_a_time_data(source)
    known = {p.parameter: p for p in data.panels}
    for name in parameters or ():
        if name not in known and data.panels:
            raise InputError(
                f"one_at_a_time has no curve of {name!r}. It has: {', '.join(map(repr, known)) or 'none'}."
            )
    if not data.panels:
        return message("Too little data for curves", data.too_little)
    panels = data.panels if parameters is None else tuple(known[name] for name in parameters)
    columns = max(1, min(columns, len(panels)))
    rows = -(-len(panels) // columns)
    height = rows * (_ROW + _GAP) - _GAP + 10
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "shapes": [], "showlegend": False, "hovermode": "closest"}
    for k, panel in enumerate(panels):
        row, column = divmod(k, columns)
        suffix = "" if k == 0 else str(k + 1)
        width = (1 - 0.06 * (columns - 1)) / columns
        left = column * (width + 0.06)
        top = 1 - row * (_ROW + _GAP) / height
        layout[f"xaxis{suffix}"] = _x_axis(panel, suffix, [left, left + width])
        layout[f"yaxis{suffix}"] = _y_axis(data.frame, suffix, [max(top - _ROW / height, 0), top], first=column == 0)
        layout["annotations"].append(_heading(panel, suffix))
        layout["shapes"] += _span(panel, suffix)
        traces += _traces(panel, suffix)
    return figure(traces, _title(data, panels), height=height, top=52, layout=layout)


def _frame(panels: Sequence[Panel], log: bool) -> Frame:
    """All curves, and the bands but for their widest tenth."""
    if not panels:
        return frame_of(np.empty(0), "")
    low, middle, high = (np.concatenate([getattr(p, a) for p in panels]) for a in ("low", "middle", "high"))
    return frame_of(
        np.concatenate([middle, [np.nanquantile(low, 0.1), np.nanquantile(high, 0.9)]]), "", every=True, log=log
    )


def _panel(result: OneAtATime, j: int) -> Panel:
    curve = result.curves[j]
    categorical = curve.kind == "categorical" or not _numeric(curve)
    inside = result.tolerance[j]
    tolerated = np.zeros(len(curve.u), dtype=bool)
    span = None
    if categorical:
        marks = Ticks(curve.u, curve.labels, False)
        tolerated = np.array([any(v is t or _same(v, t) for t in inside) for v in curve.values], dtype=bool)
    else:
        v = np.array(curve.values, dtype=float)
        marks = ticks(curve.u, v, 4, discrete=curve.kind == "discrete")
        if len(inside) == 2:
            a, b = position(curve.u, v, [float(str(t)) for t in inside]).tolist()
            span = (a, b)
    verdict = result.verdicts[curve.name].partition(":")[0]
    return Panel(
        curve.name,
        categorical,
        curve.u,
        curve.labels,
        curve.objective,
        curve.objective_low,
        curve.objective_high,
        curve.here,
        span,
        tolerated,
        marks,
        result.tolerance_text[j],
        verdict,
    )


def _numeric(curve: Curve) -> bool:
    return all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in curve.values)


def _same(a: object, b: object) -> bool:
    try:
        return type(a) is type(b) and bool(a == b)
    except (TypeError, ValueError):  # arrays compare elementwise
        return False


def _x_axis(panel: Panel, suffix: str, domain: list[float]) -> dict[str, Any]:
    shown = [text(label, 14) for label in panel.ticks.labels]
    crowded = sum(map(len, shown)) > 30
    return {
        "domain": domain,
        "anchor": f"y{suffix}",
        "range": [-0.04, 1.04],
        "tickvals": panel.ticks.at,
        "ticktext": shown,
        "tickangle": -30 if crowded else 0,
        "showgrid": False,
        "zeroline": False,
        "automargin": crowded,
        "title": {"text": small("log scale") if panel.ticks.log else "", "standoff": 2},
    }


def _y_axis(frame: Frame, suffix: str, domain: list[float], first: bool) -> dict[str, Any]:
    axis = {
        "domain": domain,
        "anchor": f"x{suffix}",
        "zeroline": False,
        "nticks": 5,
        **frame.axis,
        "showticklabels": first,
    }
    return {**axis, "matches": "y"} if suffix else axis


def _heading(panel: Panel, suffix: str) -> dict[str, Any]:
    tolerated = text(f"tolerated: {panel.tolerance}", 44)
    words = f"<b>{text(panel.parameter, 28)}</b><br>{small(text(panel.verdict, 40))}<br>{small(tolerated)}"
    place = {
        "xref": f"x{suffix} domain",
        "yref": f"y{suffix} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
    }
    return {**place, "text": words, "showarrow": False, "align": "left", "yshift": 4}


def _span(panel: Panel, suffix: str) -> list[dict[str, Any]]:
    """The tolerated span: a light band, and a thick line at the bottom that also shows without colour."""
    place = {"xref": f"x{suffix}", "yref": f"y{suffix} domain", "layer": "below"}
    if panel.span is None:
        return []
    a, b = panel.span
    return [
        {
            **place,
            "type": "rect",
            "x0": a,
            "x1": b,
            "y0": 0,
            "y1": 1,
            "fillcolor": GREEN,
            "opacity": 0.08,
            "line": {"width": 0},
        },
        {
            **place,
            "type": "line",
            "x0": a,
            "x1": b,
            "y0": 0.012,
            "y1": 0.012,
            "line": {"width": 5, "color": GREEN},
            "layer": "above",
        },
    ]


def _traces(panel: Panel, suffix: str) -> list[dict[str, Any]]:
    on = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "type": "scatter"}
    hover = {
        "text": [text(label, 40) for label in panel.labels],
        "customdata": [[f"{a:.4g}", f"{b:.4g}"] for a, b in zip(panel.low, panel.high, strict=True)],
        "hovertemplate": "%{text}<br>%{y:.4g} [%{customdata[0]}, %{customdata[1]}]<extra></extra>",
    }
    here = {
        **on,
        "mode": "markers",
        "x": panel.x[panel.here : panel.here + 1],
        "y": panel.middle[panel.here : panel.here + 1],
        "marker": {"symbol": "diamond", "size": 11, "color": VERMILLION, "line": {"color": "#ffffff", "width": 1}},
        "hoverinfo": "skip",
    }
    if panel.categorical:
        colours = [GREEN if t else MUTED for t in panel.tolerated]
        points = {
            **on,
            **hover,
            "mode": "markers",
            "x": panel.x,
            "y": panel.middle,
            "marker": {
                "size": 10,
                "color": colours,
                "symbol": ["circle" if t else "circle-open" for t in panel.tolerated],
            },
            "error_y": error_bar(panel.middle, panel.low, panel.high, color=INK, width=5),
        }
        return [points, here]
    band = {
        **on,
        "mode": "lines",
        "x": np.concatenate([panel.x, panel.x[::-1]]),
        "y": np.concatenate([panel.high, panel.low[::-1]]),
        "fill": "toself",
        "fillcolor": "rgba(0, 114, 178, 0.16)",
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    few = len(panel.x) <= 12
    line = {
        **on,
        **hover,
        "mode": "lines+markers" if few else "lines",
        "x": panel.x,
        "y": panel.middle,
        "line": {"color": BLUE, "width": 2.2},
    }
    return [band, line, here]


def _title(data: OneAtATimeData, panels: Sequence[Panel]) -> str:
    band = f"bands: {100 * data.confidence:g} %; green: the objective stays within the tolerance"
    first = shorten(panels[0].parameter, 40)
    if len(panels) == 1:
        return f"{first}: predicted objective along this knob alone. Diamond: where it stands now; {band}."
    return f"Moved alone from here, {first} changes the objective most. Diamond: where it stands now; {band}."
