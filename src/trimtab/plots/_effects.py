"""Effects: a small picture a knob, the objective averaged over all other knobs, with its band and what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.plots._frame import Frame, frame_of
from trimtab.plots._style import BLUE, INK, MUTED, error_bar, figure, message, shorten, small, text
from trimtab.plots._ticks import Ticks, ticks
from trimtab.sensitivity import EffectCurve, Effects
from trimtab.sensitivity import effects as analyse

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["EffectPanel", "EffectsData", "axis_ticks", "effects", "effects_data", "why_none"]

_ROW, _GAP = 190, 92  # pixels
_RUG = 300  # strokes at most


@dataclass(frozen=True, eq=False)
class EffectPanel:
    """One knob. x (m,): unit coordinate; mean, low, high (m,): average objective; tried (k,): unit coordinates of trials."""

    parameter: str
    categorical: bool
    x: FloatArray
    labels: tuple[str, ...]
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    tried: FloatArray
    ticks: Ticks
    verdict: str


@dataclass(frozen=True, eq=False)
class EffectsData:
    """Panels, largest change first; knobs that never varied are left out. level: average over all knobs.

    frame: the common range of the objective. too_little: why there is no panel, or "".
    """

    panels: tuple[EffectPanel, ...]
    frame: Frame
    level: float
    scale: str
    confidence: float
    too_little: str


def effects_data(source: object) -> EffectsData:
    """Of an Effects result, or of a Study or TrialTable (which is analysed first)."""
    result = source if isinstance(source, Effects) else analyse(source, pairs=0)
    shown = [c for c in result.curves if not np.isnan(c.mean).any()]
    change = [float(np.ptp(np.log(c.mean) if result.scale == "log" else c.mean)) for c in shown]
    panels = tuple(_panel(result, shown[k]) for k in np.argsort(-np.array(change), kind="stable").tolist())
    return EffectsData(
        panels,
        _frame(panels, result),
        result.level,
        result.scale,
        result.confidence,
        "" if panels else why_none(result),
    )


def effects(source: object, *, parameters: Sequence[str] | None = None, columns: int = 3) -> Figure:
    """Small multiples: mean and band against the knob's value; strokes below mark the trials, the dotted line the overall average.

    Choices are points with intervals. parameters: the knobs to show, by default all. columns: pictures in a row.
    Raises InputError for a name that has no curve.
    """
    data = effects_data(source)
    known = {p.parameter: p for p in data.panels}
    for name in parameters or ():
        if name not in known and data.panels:
            raise InputError(f"effects has no curve of {name!r}. It has: {', '.join(map(repr, known)) or 'none'}.")
    if not data.panels:
        return message("Too little data for effects", data.too_little)
    panels = data.panels if parameters is None else tuple(known[name] for name in parameters)
    columns = max(1, min(columns, len(panels)))
    height = -(-len(panels) // columns) * (_ROW + _GAP) - _GAP + 10
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "shapes": [], "showlegend": False, "hovermode": "closest"}
    for k, panel in enumerate(panels):
        row, column = divmod(k, columns)
        suffix = "" if k == 0 else str(k + 1)
        width = (1 - 0.06 * (columns - 1)) / columns
        left, top = column * (width + 0.06), 1 - row * (_ROW + _GAP) / height
        layout[f"xaxis{suffix}"] = _x_axis(panel, suffix, [left, min(left + width, 1.0)])
        layout[f"yaxis{suffix}"] = _y_axis(data.frame, suffix, [max(top - _ROW / height, 0), top], first=column == 0)
        layout["annotations"].append(_heading(panel, suffix))
        layout["shapes"].append(_level(data.level, suffix))
        traces += _traces(panel, data, suffix)
    return figure(traces, _title(data, panels), height=height, top=40, layout=layout)


def axis_ticks(
    u: FloatArray, values: Sequence[object], labels: tuple[str, ...], kind: str, most: int = 4
) -> tuple[Ticks, bool]:
    """Ticks of a knob's axis, and whether it is one of choices."""
    numeric = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in values)
    if kind == "categorical" or not numeric or len(u) < 2:
        return Ticks(u, labels, False), True
    return ticks(u, np.array(values, dtype=float), most, discrete=kind == "discrete"), False


def why_none(result: Effects) -> str:
    """Why there is nothing to show, in words."""
    reasons = [verdict.partition(":")[2].strip() for verdict in result.verdicts.values()]
    return next((r for r in reasons if r), "More finished trials are needed.")


def _panel(result: Effects, curve: EffectCurve) -> EffectPanel:
    marks, categorical = axis_ticks(curve.u, curve.values, curve.labels, curve.kind)
    verdict = result.verdicts[curve.name].partition(":")[0]
    return EffectPanel(
        curve.name, categorical, curve.u, curve.labels, curve.mean, curve.low, curve.high, curve.tried, marks, verdict
    )


def _frame(panels: Sequence[EffectPanel], result: Effects) -> Frame:
    """All curves, and the bands but for their widest tenth."""
    if not panels:
        return frame_of(np.empty(0), "")
    low, mean, high = (np.concatenate([getattr(p, a) for p in panels]) for a in ("low", "mean", "high"))
    ends = [np.quantile(low, 0.1), np.quantile(high, 0.9), result.level]
    return frame_of(np.concatenate([mean, ends]), "", every=True, log=result.scale == "log")


def _x_axis(panel: EffectPanel, suffix: str, domain: list[float]) -> dict[str, Any]:
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
    axis = {"domain": domain, "anchor": f"x{suffix}", "zeroline": False, "nticks": 5, **frame.axis}
    axis["showticklabels"] = first
    return {**axis, "matches": "y"} if suffix else axis


def _heading(panel: EffectPanel, suffix: str) -> dict[str, Any]:
    return {
        "xref": f"x{suffix} domain",
        "yref": f"y{suffix} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "text": f"<b>{text(panel.parameter, 28)}</b><br>{small(text(panel.verdict, 40))}",
        "showarrow": False,
        "align": "left",
        "yshift": 4,
    }


def _level(level: float, suffix: str) -> dict[str, Any]:
    """The overall average: where a knob without effect would run."""
    line = {"width": 1, "dash": "dot", "color": MUTED}
    place = {"xref": f"x{suffix} domain", "yref": f"y{suffix}", "x0": 0, "x1": 1, "y0": level, "y1": level}
    return {"type": "line", "layer": "below", "line": line, **place}


def _traces(panel: EffectPanel, data: EffectsData, suffix: str) -> list[dict[str, Any]]:
    on = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "type": "scatter"}
    hover = {
        "text": [text(label, 40) for label in panel.labels],
        "customdata": [[f"{a:.4g}", f"{b:.4g}"] for a, b in zip(panel.low, panel.high, strict=True)],
        "hovertemplate": "%{text}<br>%{y:.4g} [%{customdata[0]}, %{customdata[1]}]<extra></extra>",
    }
    tried = panel.tried[:: max(1, -(-len(panel.tried) // _RUG))]
    frame = data.frame
    foot = frame.low * (frame.high / frame.low) ** 0.03 if frame.log else frame.low + 0.03 * (frame.high - frame.low)
    rug = {
        **on,
        "mode": "markers",
        "x": tried,
        "y": np.full(len(tried), foot),
        "marker": {"symbol": "line-ns-open", "size": 7, "color": INK, "opacity": 0.5},
        "hoverinfo": "skip",
    }
    if panel.categorical:
        points = {
            **on,
            **hover,
            "mode": "markers",
            "x": panel.x,
            "y": panel.mean,
            "marker": {"size": 10, "color": BLUE},
            "error_y": error_bar(panel.mean, panel.low, panel.high, color=INK, width=5),
        }
        return [points, rug]
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
    line = {
        **on,
        **hover,
        "mode": "lines+markers" if len(panel.x) <= 12 else "lines",
        "x": panel.x,
        "y": panel.mean,
        "line": {"color": BLUE, "width": 2.2},
    }
    return [band, line, rug]


def _title(data: EffectsData, panels: Sequence[EffectPanel]) -> str:
    first = shorten(panels[0].parameter, 40)
    seen = f"bands: {100 * data.confidence:g} %; strokes: trials; dotted: overall average"
    if len(panels) == 1:
        return f"{first}: the objective averaged over all other knobs; {seen}."
    return f"Averaged over all other knobs, {first} changes the objective most; {seen}."
