"""Optimisation history: the value of every trial, the best so far, and where trials failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.plots._frame import Frame, frame_of, outside_text
from trimtab.plots._style import BLUE, GREY, INK, VERMILLION, figure, message, number, points
from trimtab.plots._ticks import nice
from trimtab.records import FAILED, FINISHED, PRUNED, table_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["HistoryData", "history", "history_data"]


@dataclass(frozen=True, eq=False)
class HistoryData:
    """Ended trials in order of number; values in the user's sign.

    number, value (n,): NaN where there is no value. finished, pruned, failed (n,).
    best_so_far (n,): NaN before the first finished trial. improved (n,): trials better than all before.
    best: position of the best trial, None if none finished.
    """

    number: IntArray
    value: FloatArray
    finished: BoolArray
    pruned: BoolArray
    failed: BoolArray
    best_so_far: FloatArray
    improved: BoolArray
    best: int | None
    direction: str
    frame: Frame


def history_data(source: object) -> HistoryData:
    """Values and running best of a Study or TrialTable."""
    table = table_of(source).ended
    finished = table.state == FINISHED
    y = np.where(finished & table.feasible, table.y, np.nan)
    running = np.fmin.accumulate(y) if table.n else y
    before = np.concatenate([[np.inf], np.where(np.isnan(running[:-1]), np.inf, running[:-1])]) if table.n else y
    best = int(np.nanargmin(y)) if np.isfinite(y).any() else None
    return HistoryData(
        table.number,
        np.where(np.isnan(table.y), np.nan, table.value),
        finished,
        table.state == PRUNED,
        table.state == FAILED,
        table.sign * running,
        finished & (y < before),
        best,
        table.direction,
        frame_of(table.value[finished], table.direction),
    )


def history(source: object) -> Figure:
    """Every trial's value and the best so far; failed trials are crosses below the axis."""
    data = history_data(source)
    if not len(data.number):
        return message("No trial has ended yet", "The history appears with the first result.")
    traces = _values(data)
    if data.best is not None:
        traces += _best(data)
    layout: dict[str, Any] = {
        "xaxis": {
            "title": {"text": "trial"},
            "showgrid": False,
            "zeroline": False,
            "anchor": "y2",
            **_numbers(data.number),
        },
        "yaxis": {
            "title": {"text": f"objective ({data.direction})"},
            "domain": [0.1, 1],
            "zeroline": False,
            **data.frame.axis,
        },
        "yaxis2": {
            "domain": [0, 0.06],
            "range": [0, 1],
            "showgrid": False,
            "zeroline": False,
            "ticks": "",
            "showticklabels": False,
        },
        "hovermode": "closest",
    }
    if data.failed.any():
        layout["yaxis2"] |= {"showticklabels": True, "tickvals": [0.5], "ticktext": ["failed"]}
    return figure(traces, _title(data), height=380, top=28, layout=layout)


def _values(data: HistoryData) -> list[dict[str, Any]]:
    looks = (
        (data.finished, "finished", {"symbol": "circle", "color": BLUE, "size": 7, "opacity": 0.55}),
        (data.pruned & ~np.isnan(data.value), "pruned", {"symbol": "diamond-open", "color": GREY, "size": 8}),
    )
    traces = [
        points(data.number[rows], data.value[rows], name, marker, "trial %{x}<br>%{y:.6g}")
        for rows, name, marker in looks
        if rows.any()
    ]
    if data.failed.any():
        crosses = {"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": VERMILLION}}
        middle = np.full(int(data.failed.sum()), 0.5)
        traces.append(points(data.number[data.failed], middle, "failed", crosses, "trial %{x} failed", yaxis="y2"))
    return traces


def _best(data: HistoryData) -> list[dict[str, Any]]:
    best = data.best
    assert best is not None
    here = slice(best, best + 1)
    star = {"symbol": "star", "size": 15, "color": VERMILLION, "line": {"color": "#ffffff", "width": 1}}
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": data.number,
            "y": data.best_so_far,
            "name": "best so far",
            "line": {"shape": "hv", "color": INK, "width": 2.2},
            "hoverinfo": "skip",
        },
        points(data.number[here], data.value[here], "best", star, "best: trial %{x}<br>%{y:.6g}"),
    ]


def _numbers(number: IntArray) -> dict[str, Any]:
    """Range and whole-number ticks of the trials' axis."""
    first, last = float(number[0]), float(number[-1])
    marks = nice(first, last, 11, False)
    pad = 0.02 * (last - first) + 0.5
    return {"range": [first - pad, last + pad], "tickvals": marks[marks == np.round(marks)], "tickformat": "d"}


def _title(data: HistoryData) -> str:
    failed = int(data.failed.sum())
    lost = f" {failed} failed (crosses)." if failed else ""
    if data.best is None:
        return f"None of {len(data.number)} trials has finished.{lost}"
    outside = outside_text(data.frame.n_outside)
    at, ended = int(data.number[data.best]), len(data.number)
    many = "trial" if ended == 1 else "trials"
    value = number(float(data.value[data.best]), 5)
    return f"Best value {value} at trial {at}, of {ended} {many} that ended.{lost}{outside}"
