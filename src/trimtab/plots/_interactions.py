"""Interactions: which pairs of knobs move the objective together, beyond what each does alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.plots._style import BLUES, INK, MUTED, figure, margins, message, shorten, text
from trimtab.sensitivity import Interactions, Sensitivity, sobol

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["InteractionsData", "interactions", "interactions_data"]


@dataclass(frozen=True, eq=False)
class InteractionsData:
    """share, low, high: symmetric matrices (d, d), NaN on the diagonal and where unknown. Strongest knobs first."""

    parameters: tuple[str, ...]
    share: FloatArray
    low: FloatArray
    high: FloatArray


def interactions_data(source: object) -> InteractionsData:
    """Pair shares of an Interactions or Sensitivity result, or of a Study or TrialTable (which is analysed first)."""
    if not isinstance(source, Interactions):
        source = (source if isinstance(source, Sensitivity) else sobol(source)).interactions
    names = list(dict.fromkeys([*source.first, *source.second]))
    place = {name: i for i, name in enumerate(names)}
    matrices = np.full((3, len(names), len(names)), np.nan)
    for a, b, *values in zip(source.first, source.second, source.share, source.low, source.high, strict=True):
        matrices[:, place[a], place[b]] = matrices[:, place[b], place[a]] = values
    strength = np.nan_to_num(matrices[0]).max(axis=1) if names else np.empty(0)
    order = np.argsort(-strength, kind="stable")
    share, low, high = matrices[:, order][:, :, order]
    return InteractionsData(tuple(names[i] for i in order), share, low, high)


def interactions(source: object, *, most: int = 12) -> Figure:
    """Lower triangle of pair shares: the number in each cell, the interval in the hover.

    most: knobs shown, those with the strongest pairs.
    """
    data = interactions_data(source)
    if len(data.parameters) < 2:
        return message("No pairs to compare", "Interactions need at least two knobs.")
    if np.isnan(data.share).all():
        return message(
            "Too little data for interactions", "More finished trials are needed before pairs can be told apart."
        )
    k = min(len(data.parameters), most)
    below = np.tril(np.ones((k, k), dtype=bool), -1)[1:, :-1]
    share, low, high = (np.where(below, m[1:k, : k - 1], np.nan) for m in (data.share, data.low, data.high))
    rows, columns = ([shorten(data.parameters[i], 22) for i in which] for which in (range(1, k), range(k - 1)))
    trace = {
        "type": "heatmap",
        "z": share,
        "x": np.arange(k - 1),
        "y": np.arange(k - 1),
        "colorscale": [list(stop) for stop in BLUES],
        "zmin": 0,
        "zmax": max(float(np.nanmax(share)), 0.1),
        "xgap": 3,
        "ygap": 3,
        "showscale": False,
        "customdata": _hover(data, low, high, k),
        "hovertemplate": "%{customdata[0]} and %{customdata[1]}<br>"
        "share %{z:.1%} [%{customdata[2]}, %{customdata[3]}]<extra></extra>",
        "hoverongaps": False,
    }
    side = {"showgrid": False, "zeroline": False, "ticks": "", "tickvals": np.arange(k - 1)}
    layout = {
        "xaxis": {**side, "ticktext": [text(n, 22) for n in columns], "tickangle": -35 if k > 3 else 0},
        "yaxis": {**side, "ticktext": [text(n, 22) for n in rows], "autorange": "reversed"},
        "annotations": _cells(share, low),
        "margin": {"l": margins(rows), "b": 90 if k > 3 else 54},
    }
    return figure([trace], _title(data), height=max(40 * (k - 1), 60) + 100, layout=layout)


def _hover(data: InteractionsData, low: FloatArray, high: FloatArray, k: int) -> list[list[list[str]]]:
    return [
        [
            [text(data.parameters[i + 1], 40), text(data.parameters[j], 40), f"{low[i, j]:.1%}", f"{high[i, j]:.1%}"]
            for j in range(k - 1)
        ]
        for i in range(k - 1)
    ]


def _cells(share: FloatArray, low: FloatArray) -> list[dict[str, Any]]:
    """The number in each cell; bold where the interval leaves 1 % below."""
    top = max(float(np.nanmax(share)), 0.1)
    cells = []
    for i, j in zip(*np.nonzero(~np.isnan(share)), strict=True):
        value = share[i, j]
        shown = f"{100 * value:.0f} %" if value >= 0.005 else "0"
        shown = f"<b>{shown}</b>" if low[i, j] > 0.01 else shown
        colour = "#ffffff" if value > 0.55 * top else INK if value >= 0.005 else MUTED
        cells.append(
            {"x": int(j), "y": int(i), "text": shown, "showarrow": False, "font": {"size": 12, "color": colour}}
        )
    return cells


def _title(data: InteractionsData) -> str:
    i, j = np.unravel_index(np.nanargmax(data.share), data.share.shape)
    pair = f"{shorten(data.parameters[j], 30)} and {shorten(data.parameters[i], 30)}"
    low, share, high = (100 * m[i, j] for m in (data.low, data.share, data.high))
    if low <= 1:
        return f"No pair stands out. Largest: {pair}, {share:.0f} % of the variance [{low:.0f}, {high:.0f}]."
    return f"{pair} act together: {share:.0f} % of the variance [{low:.0f}, {high:.0f}] beyond what each does alone."
