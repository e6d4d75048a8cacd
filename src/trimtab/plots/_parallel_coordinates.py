"""Parallel coordinates: every trial a line through its values, dark where it is good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.plots._frame import Frame, frame_of
from trimtab.plots._style import GREY, INK, MUTED, VERMILLION, figure, message, number, sequence_colour, text
from trimtab.plots._ticks import Ticks, column_ticks, nice
from trimtab.records import FAILED, FINISHED, TrialTable, table_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["ParallelData", "parallel_coordinates", "parallel_coordinates_data"]

_ASIDE = -0.13  # height at which an inactive knob is drawn
_SHADES = 14
_MOST_LINES, _BEST_LINES = 1_200, 300


@dataclass(frozen=True, eq=False)
class ParallelData:
    """Ended trials as lines.

    height (n, k): place of each knob's value in [0, 1], NaN where it is inactive.
    value (n,): the objective, user's sign.
    goodness (n,): place of the value on its axis, 1 at the better end, NaN without a value.
    ticks: of the k knobs, then of the objective.
    spread (n, k): small shifts that keep lines through the same choice apart.
    best: position of the best trial, None if none finished. n_left_out: knobs that are not shown.
    n_hidden: trials that are not shown, for there are too many to draw.
    """

    parameters: tuple[str, ...]
    number: IntArray
    height: FloatArray
    value: FloatArray
    goodness: FloatArray
    failed: BoolArray
    ticks: tuple[Ticks, ...]
    frame: Frame
    spread: FloatArray
    best: int | None
    n_left_out: int
    n_hidden: int


def parallel_coordinates_data(source: object, parameters: Sequence[str] | None = None, most: int = 14) -> ParallelData:
    """Of a Study or TrialTable. parameters: which knobs, in order (the first `most`). InputError: unknown name."""
    everything = table_of(source).ended
    table = _thinned(everything)
    space = table.space
    for name in parameters or ():
        if name not in space.names:
            raise InputError(
                f"The space has no searched parameter {name!r}. It has: {', '.join(map(repr, space.names))}."
            )
    names = tuple(parameters) if parameters is not None else space.names[:most]
    columns = [space.names.index(name) for name in names]
    finished = table.state == FINISHED
    frame = frame_of(table.value[finished], table.direction)
    share = frame.share(np.where(finished, table.value, np.nan))
    goodness = share if table.direction == "maximize" else 1 - share
    marks = nice(frame.low, frame.high, 6, frame.log) if finished.any() else np.empty(0)
    places = frame.share(marks) if table.direction == "maximize" else 1 - frame.share(marks)
    value_ticks = Ticks(places, tuple(number(m) for m in marks.tolist()), frame.log)
    best = table.best
    return ParallelData(
        names,
        table.number,
        table.x[:, columns],
        np.where(finished, table.value, np.nan),
        goodness,
        table.state == FAILED,
        (*(column_ticks(space, j) for j in columns), value_ticks),
        frame,
        _spread(table.x[:, columns], space.n_levels[columns], best),
        best,
        space.d - len(names),
        everything.n - table.n,
    )


def parallel_coordinates(source: object, *, parameters: Sequence[str] | None = None, most: int = 14) -> Figure:
    """A line a trial; dark is good, the best one thick; failed trials dotted. The objective's better end is on top.

    parameters: which knobs, in order; by default the first `most` of the space.
    """
    data = parallel_coordinates_data(source, parameters, most)
    if not len(data.number):
        return message("No trial has ended yet", "Each trial will be a line through its values.")
    k = len(data.parameters)
    traces = [*_lines(data), *_ends(data)]
    layout: dict[str, Any] = {
        "xaxis": {
            "range": [-0.15, k + 0.4],
            "showgrid": False,
            "zeroline": False,
            "showticklabels": False,
            "ticks": "",
        },
        "yaxis": {
            "range": [_ASIDE - 0.04, 1.04],
            "showgrid": False,
            "zeroline": False,
            "showticklabels": False,
            "ticks": "",
        },
        "shapes": [
            {"type": "line", "x0": j, "x1": j, "y0": 0, "y1": 1, "line": {"color": MUTED, "width": 1}, "layer": "below"}
            for j in range(k + 1)
        ],
        "annotations": [note for j in range(k + 1) for note in _axis(data, j)],
        "margin": {"l": 20, "r": 20, "b": 44},
        "legend": {"y": -0.03, "yanchor": "top", "x": 0},
        "hovermode": "closest",
        "meta": {"wide": 96 * (k + 1)},
    }
    return figure(traces, _title(data), height=420, top=64, layout=layout)


def _thinned(table: TrialTable) -> TrialTable:
    """The best trials and an even choice of all others, so that a browser can draw them."""
    if table.n <= _MOST_LINES:
        return table
    order = np.argsort(np.where(np.isnan(table.y), np.inf, table.y), kind="stable")
    others = np.sort(order[_BEST_LINES:])
    even = others[np.linspace(0, len(others) - 1, _MOST_LINES - _BEST_LINES).astype(int)]
    return table.where(np.sort(np.concatenate([order[:_BEST_LINES], even])))


def _spread(x: FloatArray, n_levels: IntArray, best: int | None) -> FloatArray:
    """Even shifts (n, k) for knobs with few values and for inactive ones; the best trial stays on its values."""
    even = np.argsort(np.argsort(np.arange(len(x)) * 0.618034 % 1)) / max(len(x) - 1, 1) - 0.5
    width = np.where((n_levels > 0) & (n_levels <= 12), 0.5 / np.maximum(n_levels, 3), 0.0)
    shift = even[:, None] * np.where(np.isnan(x), 0.05, np.minimum(width, 0.1)[None, :])
    if best is not None:
        shift[best] = 0.0
    return shift


def _path(data: ParallelData, rows: IntArray, failed: bool = False) -> tuple[list[float | None], list[float | None]]:
    """Lines of several trials in one trace, None between them. Inactive knobs lie below the axis."""
    x: list[float | None] = []
    y: list[float | None] = []
    k = len(data.parameters)
    heights = np.where(np.isnan(data.height), _ASIDE, data.height) + data.spread
    heights = heights[rows].round(4).tolist()
    ends = [_ASIDE] * len(rows) if failed else data.goodness[rows].round(4).tolist()
    for line, end in zip(heights, ends, strict=True):
        x += [*range(k + 1), None]
        y += [*line, end, None]
    return x, y


def _lines(data: ParallelData) -> list[dict[str, Any]]:
    traces = []
    base: dict[str, Any] = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    lost = np.flatnonzero(data.failed)
    if len(lost):
        x, y = _path(data, lost, failed=True)
        look = {"color": GREY, "width": 1, "dash": "dot"}
        traces.append({**base, "x": x, "y": y, "name": "failed", "line": look, "opacity": 0.7})
    seen = np.flatnonzero(~np.isnan(data.goodness))
    shade = np.minimum((data.goodness[seen] * _SHADES).astype(int), _SHADES - 1)
    base_opacity = float(np.clip(12 / np.sqrt(max(len(seen), 1)), 0.3, 0.85))
    for s in range(_SHADES):
        rows = seen[shade == s]
        if len(rows):
            x, y = _path(data, rows)
            look = {"color": sequence_colour(1 - (s + 0.5) / _SHADES), "width": 1.3}
            opacity = base_opacity * (0.35 + 0.65 * (s / (_SHADES - 1)) ** 2)
            traces.append({**base, "x": x, "y": y, "line": look, "opacity": opacity, "showlegend": False})
    if data.best is not None:
        x, y = _path(data, np.array([data.best]))
        traces.append(
            {
                **base,
                "mode": "lines+markers",
                "x": x,
                "y": y,
                "name": f"best (trial {int(data.number[data.best])})",
                "line": {"color": VERMILLION, "width": 3},
                "marker": {
                    "size": 7,
                    "symbol": "diamond",
                    "color": VERMILLION,
                    "line": {"color": "#ffffff", "width": 1},
                },
            }
        )
    return traces


def _ends(data: ParallelData) -> list[dict[str, Any]]:
    """Dots on the objective's axis that name their trial."""
    seen = np.flatnonzero(~np.isnan(data.goodness))
    if not len(seen):
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": np.full(len(seen), len(data.parameters)),
            "y": data.goodness[seen],
            "marker": {
                "size": 6,
                "color": [sequence_colour(1 - g) for g in data.goodness[seen]],
                "line": {"width": 0.5, "color": INK},
            },
            "customdata": [[int(i), float(v)] for i, v in zip(data.number[seen], data.value[seen], strict=True)],
            "hovertemplate": "trial %{customdata[0]}<br>%{customdata[1]:.6g}<extra></extra>",
            "showlegend": False,
        }
    ]


def _axis(data: ParallelData, j: int) -> list[dict[str, Any]]:
    """Name above the axis, values beside it, `inactive` or `failed` below it."""
    last = j == len(data.parameters)
    plain = {"showarrow": False, "x": j}
    name = "<b>objective</b>" if last else text(data.parameters[j], 20)
    tilt = -18 if len(data.parameters) > 6 and not last else 0
    align = "left" if tilt else "center"
    notes = [
        {
            **plain,
            "y": 1,
            "yshift": 8,
            "yanchor": "bottom",
            "text": name,
            "textangle": tilt,
            "xanchor": align,
            "font": {"size": 13},
        }
    ]
    side = {
        "xanchor": "left",
        "xshift": 4,
        "font": {"size": 11, "color": INK},
        "bgcolor": "rgba(255,255,255,0.78)",
        "borderpad": 1,
    }
    marks = data.ticks[j]
    skip = max(1, -(-len(marks.labels) // 12))
    for at, label in list(zip(marks.at.tolist(), marks.labels, strict=True))[::skip]:
        notes.append({**plain, **side, "y": at, "text": text(label, 14)})
    aside = data.failed.any() if last else bool(np.isnan(data.height[:, j]).any())
    if aside:
        words = "failed" if last else "inactive"
        notes.append({**plain, **side, "y": _ASIDE, "text": f"<i>{words}</i>", "font": {"size": 11, "color": MUTED}})
    return notes


def _title(data: ParallelData) -> str:
    left = f" {data.n_left_out} knobs are not shown." if data.n_left_out else ""
    if data.n_hidden:
        left += f" {data.n_hidden} ordinary trials are left out."
    if data.best is None:
        return f"No trial has finished; the lines show where {len(data.number)} trials were tried.{left}"
    lost = int(data.failed.sum())
    failed = f"; {lost} failed (dotted)" if lost else ""
    lines = f"Every trial is a line: dark ones are good, the thick one is the best{failed}."
    return f"{lines} The objective's better end is on top.{left}"
