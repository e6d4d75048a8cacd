"""Failures: where in the space trials failed, knob by knob."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.plots._style import GREY, INK, MUTED, VERMILLION, figure, margins, message, shorten, text
from trimtab.plots._ticks import Ticks, column_ticks
from trimtab.records import FAILED, FINISHED, table_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["FailuresData", "failures", "failures_data"]

_MOST_POINTS = 500  # on a strip


@dataclass(frozen=True, eq=False)
class FailuresData:
    """Failed and finished trials along every knob, the one that tells them apart best first.

    number (n,); x (n, d): unit coordinates, NaN where inactive; failed (n,); n_levels (d,).
    contrast (d,): how far the failed ones lie apart from the others, in [0, 1]: the largest difference between
    their two distributions (Kolmogorov and Smirnov's distance).
    """

    parameters: tuple[str, ...]
    number: IntArray
    x: FloatArray
    failed: BoolArray
    contrast: FloatArray
    n_levels: IntArray
    ticks: tuple[Ticks, ...]


def failures_data(source: object) -> FailuresData:
    """Of a Study or TrialTable. Pruned trials count as neither."""
    table = table_of(source)
    table = table.where((table.state == FAILED) | (table.state == FINISHED))
    failed = table.state == FAILED
    contrast = np.array([_distance(table.x[failed, j], table.x[~failed, j]) for j in range(table.space.d)])
    order = np.argsort(-contrast, kind="stable").tolist()
    names = tuple(table.space.names[j] for j in order)
    marks = tuple(column_ticks(table.space, j) for j in order)
    return FailuresData(
        names, table.number, table.x[:, order], failed, contrast[order], table.space.n_levels[order], marks
    )


def failures(source: object, *, most: int = 6) -> Figure:
    """A strip a knob: crosses above where trials failed, dots below where they finished. most: knobs shown."""
    data = failures_data(source)
    if not data.failed.any():
        return message("No trial failed", f"All {len(data.failed)} trials with a result finished.")
    k = min(len(data.parameters), most)
    traces = [
        _strip(
            data,
            k,
            data.failed,
            0.17,
            "failed",
            {"symbol": "x-thin", "size": 8, "line": {"width": 1.8, "color": VERMILLION}},
        ),
        _strip(
            data, k, ~data.failed, -0.12, "finished", {"symbol": "circle", "size": 6, "color": GREY, "opacity": 0.6}
        ),
    ]
    names = [shorten(name, 26) for name in data.parameters[:k]]
    rows = np.arange(k)[::-1]
    layout = {
        "xaxis": {"range": [-0.03, 1.03], "showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""},
        "yaxis": {
            "tickvals": rows,
            "ticktext": [text(n, 26) for n in names],
            "range": [-0.62, k - 0.5],
            "showgrid": False,
            "zeroline": False,
        },
        "shapes": [
            {"type": "line", "x0": 0, "x1": 1, "y0": y - 0.27, "y1": y - 0.27, "line": {"color": MUTED, "width": 1}}
            for y in rows.tolist()
        ],
        "annotations": [
            note for y, marks in zip(rows.tolist(), data.ticks, strict=False) for note in _labels(marks, y)
        ],
        "margin": {"l": margins(names), "b": 20},
        "hovermode": "closest",
    }
    return figure(traces, _title(data), height=78 * k + 20, top=28, layout=layout)


def _strip(
    data: FailuresData, k: int, rows: BoolArray, offset: float, name: str, marker: dict[str, Any]
) -> dict[str, Any]:
    """Points of some trials (an even choice of very many) on all strips, spread so that equal values stay apart."""
    chosen = np.flatnonzero(rows)
    if len(chosen) > _MOST_POINTS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, _MOST_POINTS).astype(int)]
    x = data.x[chosen][:, :k]
    spread = (np.arange(len(x)) * 0.618 % 1 - 0.5) * 0.2
    y = np.arange(k)[::-1][None, :] + offset + spread[:, None]
    few = np.where((data.n_levels[:k] > 0) & (data.n_levels[:k] <= 12), 0.5 / np.maximum(data.n_levels[:k], 1), 0.0)
    x = x + (np.arange(len(x)) * 0.7549 % 1 - 0.5)[:, None] * few
    seen = ~np.isnan(x)
    numbers = np.repeat(data.number[chosen][:, None], k, axis=1)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x[seen].round(4),
        "y": y[seen].round(3),
        "marker": marker,
        "text": numbers[seen].tolist(),
        "hovertemplate": f"trial %{{text}} {name}<extra></extra>",
    }


def _labels(marks: Ticks, y: float) -> list[dict[str, Any]]:
    base = {"showarrow": False, "y": y - 0.27, "yanchor": "top", "font": {"size": 11, "color": INK}}
    skip = max(1, -(-len(marks.labels) // 8))
    return [
        {**base, "x": at, "text": text(label, 14)}
        for at, label in list(zip(marks.at.tolist(), marks.labels, strict=True))[::skip]
    ]


def _distance(a: FloatArray, b: FloatArray) -> float:
    """Largest difference between two empirical distributions; inactive (NaN) is a value below all others."""
    if not len(a) or not len(b):
        return 0.0
    a, b = np.sort(np.nan_to_num(a, nan=-1.0)), np.sort(np.nan_to_num(b, nan=-1.0))
    at = np.concatenate([a, b])
    return float(np.max(np.abs(np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b))))


def _title(data: FailuresData) -> str:
    n, failed = len(data.failed), int(data.failed.sum())
    if failed == n:
        return f"All {n} trials failed." if n > 1 else "The only trial failed."
    lead = f"{failed} of {n} trials failed."
    if failed >= 3 and n - failed >= 3 and data.contrast[0] >= 0.5:
        return f"{lead} They differ from the others most in {shorten(data.parameters[0], 40)}."
    return f"{lead} No single knob tells them apart clearly."
