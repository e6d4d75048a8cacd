"""Pareto front: two objectives of every trial, and the trials that no other beats in all objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray, IntArray
from trimtab.plots._frame import Frame, frame_of, outside_text
from trimtab.plots._style import BLUE, GREY, VERMILLION, figure, message, points, text
from trimtab.records import FINISHED, table_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["ParetoData", "pareto", "pareto_data"]


@dataclass(frozen=True)
class ParetoData:
    """Finished trials (n,) in the user's sign. names, directions: of the two objectives that are shown.

    number, x, y (n,). feasible, front (n,): keeps every limit; no other trial beats it in all the study's objectives.
    n_failed: trials without a result. n_objectives: of the study. frames: of the two axes.
    """

    names: tuple[str, str]
    directions: tuple[str, str]
    number: IntArray
    x: FloatArray
    y: FloatArray
    feasible: BoolArray
    front: BoolArray
    n_failed: int
    n_objectives: int
    frames: tuple[Frame, Frame]


def pareto_data(source: object, objectives: tuple[str, str] | None = None) -> ParetoData:
    """Two objectives of a Study or TrialTable, by default its first two. InputError where it has fewer or others."""
    table = table_of(source)
    goals = table.goals
    if goals.m < 2:
        raise InputError("A Pareto front needs a study of several objectives, and this one has one. Use plots.history.")
    names = goals.objectives[:2] if objectives is None else tuple(objectives)
    if len(names) != 2 or not set(names) <= set(goals.objectives) or names[0] == names[1]:
        raise InputError(f"objectives must be two of {', '.join(map(repr, goals.objectives))}, got {objectives!r}.")
    rows = np.flatnonzero((table.state == FINISHED) & np.isfinite(table.outcomes[:, : goals.m]).all(axis=1))
    shown = [table.of_outcome(name).value[rows] for name in names]
    directions = goals.directions[names[0]], goals.directions[names[1]]
    feasible = table.feasible[rows]
    frames = [frame_of(v, d) for v, d in zip(shown, directions, strict=True)]
    return ParetoData(
        (names[0], names[1]),
        directions,
        table.number[rows],
        shown[0],
        shown[1],
        feasible,
        np.isin(rows, table.front),
        table.ended.n - len(rows),
        goals.m,
        (frames[0], frames[1]),
    )


def pareto(source: object, objectives: tuple[str, str] | None = None) -> Figure:
    """Every finished trial at its two objectives, the front as diamonds, trials that break a limit hollow."""
    data = pareto_data(source, objectives)
    if not len(data.number):
        return message("No trial has finished yet", "The front appears with the first result.")
    looks = (
        (data.feasible & ~data.front, "finished", {"symbol": "circle", "color": BLUE, "size": 7, "opacity": 0.45}),
        (~data.feasible, "breaks a limit", {"symbol": "circle-open", "color": GREY, "size": 7}),
        (data.front, "on the front", {"symbol": "diamond", "color": VERMILLION, "size": 10}),
    )
    hover = "trial %{customdata}<br>%{x:.6g}<br>%{y:.6g}"
    traces = [
        points(data.x[rows], data.y[rows], name, marker, hover, customdata=data.number[rows])
        for rows, name, marker in looks
        if rows.any()
    ]
    titles = [f"{text(n)} ({d})" for n, d in zip(data.names, data.directions, strict=True)]
    axes = [
        {"title": {"text": title}, "zeroline": False, **frame.axis}
        for title, frame in zip(titles, data.frames, strict=True)
    ]
    layout = {"xaxis": axes[0], "yaxis": axes[1], "hovermode": "closest"}
    return figure(traces, _title(data), height=420, top=28, layout=layout)


def _title(data: ParetoData) -> str:
    n, broken = int(data.front.sum()), int((~data.feasible).sum())
    whole = f", in all {data.n_objectives} objectives" if data.n_objectives > 2 else ""
    said = f"{n} of {len(data.number)} finished trials are beaten by no other{whole}."
    if broken:
        said += f" {broken} break{'s' * (broken == 1)} a limit."
    return said + outside_text(sum(frame.n_outside for frame in data.frames))
