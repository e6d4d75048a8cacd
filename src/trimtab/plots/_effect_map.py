"""Effect maps: the objective against two knobs, averaged over the others, with the trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.plots._effects import axis_ticks, why_none
from trimtab.plots._frame import Frame, frame_of
from trimtab.plots._style import INK, SEQUENCE, figure, message, number, shorten, small, text
from trimtab.plots._ticks import Ticks, nice
from trimtab.sensitivity import Effects, EffectSurface
from trimtab.sensitivity import effects as analyse

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["EffectMapData", "MapPanel", "effect_map", "effect_map_data"]

_SIDE, _GAP = 300, 96  # pixels


@dataclass(frozen=True, eq=False)
class MapPanel:
    """One pair. x (a,), y (b,): unit coordinates; mean, low, high (b, a): average objective, rows along y; tried (k, 2).

    choices: which of the two are choices; contours: neither is. share: what the pair moves beyond its mains, of the variance.
    """

    names: tuple[str, str]
    x: FloatArray
    y: FloatArray
    labels: tuple[tuple[str, ...], tuple[str, ...]]
    ticks: tuple[Ticks, Ticks]
    choices: tuple[bool, bool]
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    tried: FloatArray
    share: float

    @property
    def contours(self) -> bool:
        return not any(self.choices)


@dataclass(frozen=True, eq=False)
class EffectMapData:
    """Panels, largest interaction first. frame: the common range of the objective. too_little: why there is none, or ""."""

    panels: tuple[MapPanel, ...]
    frame: Frame
    scale: str
    direction: str
    too_little: str


def effect_map_data(source: object, *, pair: tuple[str, str] | None = None) -> EffectMapData:
    """Of an Effects result, or of a Study or TrialTable (which is analysed first). pair: two knobs; by default the largest interactions.

    Raises InputError for a pair that is not in the result.
    """
    if not isinstance(source, Effects):
        source = analyse(source, pairs=3 if pair is None else [pair])
    surfaces = source.surfaces if pair is None else tuple(s for s in source.surfaces if set(s.names) == set(pair))
    if pair is not None and source.curves and not surfaces:
        have = "; ".join(f"{a!r}, {b!r}" for a, b in (s.names for s in source.surfaces)) or "none"
        raise InputError(f"effect_map has no surface of {pair!r}. It has: {have}. Ask effects(..., pairs=[{pair!r}]).")
    panels = tuple(_panel(s) for s in surfaces)
    values = np.concatenate([p.mean[~np.isnan(p.mean)] for p in panels]) if panels else np.empty(0)
    why = (
        ""
        if panels
        else why_none(source)
        if not source.curves
        else "A map needs two knobs that vary and are active together."
    )
    frame = frame_of(values, "", every=True, log=source.scale == "log")
    return EffectMapData(panels, frame, source.scale, source.direction, why)


def effect_map(source: object, *, pair: tuple[str, str] | None = None) -> Figure:
    """A map a pair: contours for numbers, cells for choices; dark is good, dots are the trials.

    pair: two knobs, in any order; by default the pairs with the largest interactions. Raises InputError for an unknown pair.
    """
    data = effect_map_data(source, pair=pair)
    if not data.panels:
        return message("No effect map", data.too_little)
    k = len(data.panels)
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "showlegend": False, "hovermode": "closest"}
    width = (1 - 0.09 * (k - 1)) / k
    for i, panel in enumerate(data.panels):
        suffix = "" if i == 0 else str(i + 1)
        left = i * (width + 0.09)
        layout[f"xaxis{suffix}"] = _axis(panel, 0, f"y{suffix}", [left, min(left + width, 1.0)])
        layout[f"yaxis{suffix}"] = _axis(panel, 1, f"x{suffix}", [0.0, 1.0])
        layout["annotations"].append(_heading(panel, suffix))
        traces += _traces(panel, data, suffix, bar=i == 0)
        if not panel.contours or data.frame.log:  # contour lines can only be labelled with what is drawn
            layout["annotations"] += _cells(panel, suffix)
    return figure(traces, _title(data), height=_SIDE + _GAP, top=26, layout=layout)


def _panel(surface: EffectSurface) -> MapPanel:
    marks, choices = zip(
        *(axis_ticks(surface.u[c], surface.values[c], surface.labels[c], surface.kinds[c]) for c in (0, 1)), strict=True
    )
    return MapPanel(
        surface.names, surface.u[0], surface.u[1], surface.labels, (marks[0], marks[1]), (choices[0], choices[1]), surface.mean.T,
        surface.low.T, surface.high.T, surface.tried, surface.share,
    )  # fmt: skip


def _axis(panel: MapPanel, which: int, anchor: str, domain: list[float]) -> dict[str, Any]:
    marks = panel.ticks[which]
    u = panel.y if which else panel.x
    half = 0.5 / len(u) if not panel.contours and len(u) <= 8 else 0.02
    title = text(panel.names[which], 28) + (f" {small('log scale')}" if marks.log else "")
    return {
        "domain": domain,
        "anchor": anchor,
        "range": [min(0.0, float(u[0]) - half), max(1.0, float(u[-1]) + half)],
        "tickvals": marks.at,
        "ticktext": [text(label, 12) for label in marks.labels],
        "showgrid": False,
        "zeroline": False,
        "title": {"text": title, "standoff": 6},
    }


def _heading(panel: MapPanel, suffix: str) -> dict[str, Any]:
    share = f"interaction: {100 * panel.share:.0f} % of the variance" if np.isfinite(panel.share) else ""
    return {
        "xref": f"x{suffix} domain",
        "yref": f"y{suffix} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "text": small(share),
        "showarrow": False,
        "yshift": 2,
    }


def _traces(panel: MapPanel, data: EffectMapData, suffix: str, *, bar: bool) -> list[dict[str, Any]]:
    on = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    share = [i / (len(SEQUENCE) - 1) for i in range(len(SEQUENCE))]
    colours = SEQUENCE if data.direction == "minimize" else SEQUENCE[::-1]
    at = [0.0, 0.25, 0.5, 0.75, 1.0]
    a, b = data.frame.low, data.frame.high
    marks = [a * (b / a) ** s if data.frame.log else a + s * (b - a) for s in at]
    low, high = (0.0, 1.0) if data.frame.log else (a, b)
    lines = np.arange(0.1, 0.95, 0.1) if data.frame.log else nice(a, b, 10, False)
    surface = {
        **on,
        "x": panel.x,
        "y": panel.y,
        "z": data.frame.share(panel.mean) if data.frame.log else panel.mean,
        "zmin": low,
        "zmax": high,
        "colorscale": [[s, c] for s, c in zip(share, colours, strict=True)],
        "showscale": bar,
        "colorbar": {
            "tickvals": at if data.frame.log else marks,
            "ticktext": [number(m, 3) for m in marks],
            "thickness": 12,
            "outlinewidth": 0,
        },
        "customdata": [
            [
                [text(panel.labels[0][i], 30), text(panel.labels[1][j], 30)]
                + [f"{m[j, i]:.4g}" for m in (panel.mean, panel.low, panel.high)]
                for i in range(len(panel.x))
            ]
            for j in range(len(panel.y))
        ],
        "hovertemplate": "%{customdata[0]}, %{customdata[1]}<br>"
        "%{customdata[2]} [%{customdata[3]}, %{customdata[4]}]<extra></extra>",
        "hoverongaps": False,
    }
    if panel.contours:
        surface |= {
            "type": "contour",
            "zauto": False,
            "contours": {
                "coloring": "heatmap",
                "start": float(lines[0]),
                "end": float(lines[-1]),
                "size": float(lines[1] - lines[0]) if len(lines) > 1 else 1.0,
                "showlabels": not data.frame.log,
                "labelfont": {"size": 11, "color": "#ffffff"},
            },
            "line": {"width": 0.8, "color": "#ffffff"},
        }
    else:
        surface |= {"type": "heatmap", "xgap": int(len(panel.x) <= 8), "ygap": int(len(panel.y) <= 8)}
    trials = {
        **on,
        "type": "scatter",
        "mode": "markers",
        "x": _scattered(panel, 0),
        "y": _scattered(panel, 1),
        "marker": {"size": 6, "color": INK, "opacity": 0.8, "line": {"color": "#ffffff", "width": 1}},
        "hoverinfo": "skip",
    }
    return [surface, trials]


def _scattered(panel: MapPanel, which: int) -> FloatArray:
    """Coordinates of the trials; those on a choice spread over the part of its cell that the numbers leave free."""
    u = panel.tried[:, which]
    if not panel.choices[which]:
        return u
    spread = (np.arange(len(u)) * (0.618034 if which else 0.754878)) % 1.0  # evenly, whatever the number of trials
    return np.asarray(u + (0.55 * spread - 0.1) / len(panel.y if which else panel.x))


def _cells(panel: MapPanel, suffix: str) -> list[dict[str, Any]]:
    """The value in some cells, where no labelled contour lines can be read: maps with choices, and those on a log scale."""
    columns, rows = (
        sorted({*range(n // 8 if n > 8 else 0, n, max(1, -(-n // 4)))}) for n in (len(panel.x), len(panel.y))
    )
    box = {"bgcolor": "rgba(255, 255, 255, 0.75)", "borderpad": 1, "font": {"size": 11, "color": INK}}
    left = 0.28 / len(panel.x) if panel.choices[0] and not panel.choices[1] else 0.0
    down = 0.36 / len(panel.y) if panel.choices[1] else 0.0
    return [
        {"xref": f"x{suffix}", "yref": f"y{suffix}", "x": panel.x[i] - left, "y": panel.y[j] - down,
         "text": number(panel.mean[j, i], 3), "showarrow": False, **box}
        for i in columns for j in rows if np.isfinite(panel.mean[j, i])
    ]  # fmt: skip


def _title(data: EffectMapData) -> str:
    first = " and ".join(shorten(name, 30) for name in data.panels[0].names)
    shares = [p.share for p in data.panels]
    most = ", the pair that interacts most" if len(shares) > 1 and shares[0] >= max(shares) else ""
    return f"{first}{most}: the objective averaged over all other knobs. Dark is good; dots: trials."
