"""Learning curves: what every trial reported while it ran, where the pruned ones stopped, and the best trial among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray, IntArray
from trimtab.plots._frame import Frame, frame_of, outside_text
from trimtab.plots._style import BLUE, GREY, INK, VERMILLION, figure, message, number, points, text
from trimtab.plots._ticks import nice
from trimtab.records import PRUNED, Curve, table_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["LearningCurve", "LearningCurvesData", "learning_curves", "learning_curves_data"]

_MOST_CURVES = 300  # more would be one grey area
_MOST_POINTS = 9_000  # of all curves: what a browser draws at once, and a report carries


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Of one trial. steps, values (k,): the user's own sign, without divergences; of a long curve some of the points.

    pruned: it was stopped early. diverged: its newest value was not finite.
    """

    number: int
    steps: FloatArray
    values: FloatArray
    pruned: bool
    diverged: bool


@dataclass(frozen=True, eq=False)
class LearningCurvesData:
    """curves: those that are drawn, in order of number. n: trials that reported; n_pruned, n_diverged: of them.

    best: position in `curves` of the study's best trial, None where it did not report or there is none.
    """

    curves: tuple[LearningCurve, ...]
    best: int | None
    n: int
    n_pruned: int
    n_diverged: int
    objective: str
    direction: str
    frame: Frame


def learning_curves_data(source: object) -> LearningCurvesData:
    """The reports of a Study, by trial; of several objectives those of the first.

    InputError for anything that keeps no curves, such as a TrialTable.
    """
    found = getattr(source, "curves", None)
    if not isinstance(found, list) or not all(isinstance(c, Curve) for c in found):
        raise InputError(
            f"Learning curves need a Study, which keeps what trials reported, got {type(source).__name__}."
        )
    table = table_of(source)
    sign, several = float(table.goals.signs[0]), table.goals.m > 1
    row = None if several else table.best
    best = None if row is None else int(table.number[row])
    told = [curve for curve in found if len(curve)]
    shown = _some(told, best)
    most = max(_MOST_POINTS // max(len(shown), 1), 8)
    curves = tuple(_drawn(curve, sign, most) for curve in shown)
    values = np.concatenate([np.empty(0), *(c.values for c in curves)])
    return LearningCurvesData(
        curves,
        next((i for i, c in enumerate(curves) if c.number == best and len(c.steps)), None),
        len(told),
        sum(c.state == PRUNED for c in told),
        sum(bool(np.isnan(c.values[-1])) for c in told),
        table.goals.objectives[0] if several else "objective",
        table.direction,
        frame_of(values, table.direction),
    )


def learning_curves(source: object) -> Figure:
    """Every trial's reports over its steps; the best trial stands out, pruned ones end in a diamond, diverged ones in a cross."""
    data = learning_curves_data(source)
    if not data.n:
        return message(
            "No trial reported an intermediate value", "trial.report(loss, step=epoch) inside the objective does."
        )
    ran = [c for i, c in enumerate(data.curves) if not c.pruned and i != data.best]
    pruned = [c for i, c in enumerate(data.curves) if c.pruned and i != data.best]
    alpha = float(np.clip(30 / len(data.curves), 0.25, 0.75))
    stopped = {"symbol": "diamond-open", "size": 7, "color": GREY}
    cross = {"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": VERMILLION}}
    traces = [
        *_lines(pruned, "pruned", GREY, alpha),
        *_lines(ran, "not pruned", BLUE, alpha),
        *_ends([c for c in pruned if not c.diverged], "stopped early", stopped),
        *_ends([c for c in data.curves if c.diverged], "diverged", cross),
    ]
    if data.best is not None:
        traces.append(_best(data.curves[data.best]))
    low, high = _span(data.curves)
    pad = 0.02 * (high - low) + (0.5 if high == low else 0.0)
    layout: dict[str, Any] = {
        "xaxis": {
            "title": {"text": "step"},
            "showgrid": False,
            "zeroline": False,
            "range": [low - pad, high + pad],
            "tickvals": nice(low, high, 9, False) if high > low else [low],
        },
        "yaxis": {
            "title": {"text": f"{text(data.objective)} ({data.direction})"},
            "zeroline": False,
            **data.frame.axis,
        },
        "hovermode": "closest",
    }
    return figure(traces, _title(data), height=380, top=28, layout=layout)


def _some(curves: Sequence[Curve], best: int | None) -> list[Curve]:
    """All of them, or as many as can be told apart: spread evenly over the numbers, the best among them."""
    if len(curves) <= _MOST_CURVES:
        return list(curves)
    kept = set(np.linspace(0, len(curves) - 1, _MOST_CURVES).astype(int).tolist())
    return [curve for i, curve in enumerate(curves) if i in kept or curve.number == best]


def _drawn(curve: Curve, sign: float, most: int) -> LearningCurve:
    known = np.flatnonzero(~np.isnan(curve.values))
    if len(known) > most:
        known = known[np.unique(np.linspace(0, len(known) - 1, most).astype(int))]
    diverged = bool(np.isnan(curve.values[-1]))
    return LearningCurve(curve.number, curve.steps[known], sign * curve.values[known], curve.state == PRUNED, diverged)


def _lines(curves: Sequence[LearningCurve], name: str, colour: str, alpha: float) -> list[dict[str, Any]]:
    """One trace of all curves, with gaps between them."""
    curves = [c for c in curves if len(c.steps)]
    if not curves:
        return []
    gap = np.array([np.nan])
    numbers: list[IntArray] = [np.full(len(c.steps) + 1, c.number) for c in curves]
    return [
        {
            "type": "scatter",
            "mode": "lines+markers" if max(len(c.steps) for c in curves) == 1 else "lines",
            "x": np.concatenate([part for c in curves for part in (c.steps, gap)]),
            "y": np.concatenate([part for c in curves for part in (c.values, gap)]),
            "customdata": np.concatenate(numbers),
            "name": name,
            "opacity": alpha,
            "line": {"color": colour, "width": 1.3},
            "hovertemplate": "trial %{customdata}, step %{x}<br>%{y:.6g}<extra></extra>",
        }
    ]


def _ends(curves: Sequence[LearningCurve], name: str, marker: dict[str, Any]) -> list[dict[str, Any]]:
    """Where curves end."""
    curves = [c for c in curves if len(c.steps)]
    if not curves:
        return []
    x, y = np.array([c.steps[-1] for c in curves]), np.array([c.values[-1] for c in curves])
    hover = f"trial %{{customdata}} {name}: step %{{x}}<br>%{{y:.6g}}"
    return [points(x, y, name, marker, hover, customdata=np.array([c.number for c in curves]))]


def _best(curve: LearningCurve) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines" if len(curve.steps) > 1 else "markers",
        "x": curve.steps,
        "y": curve.values,
        "name": f"best: trial {curve.number}",
        "line": {"color": INK, "width": 2.6},
        "marker": {"color": INK},
        "hovertemplate": f"best: trial {curve.number}, step %{{x}}<br>%{{y:.6g}}<extra></extra>",
    }


def _span(curves: Sequence[LearningCurve]) -> tuple[float, float]:
    """First and last step of all."""
    steps = np.concatenate([np.empty(0), *(c.steps for c in curves)])
    return (float(steps.min()), float(steps.max())) if len(steps) else (0.0, 1.0)


def _title(data: LearningCurvesData) -> str:
    many = "trial" if data.n == 1 else "trials"
    drawn = f" ({len(data.curves)} of them drawn)" if len(data.curves) < data.n else ""
    ends = []
    if data.n_pruned:
        ends.append(f"{data.n_pruned} {'was' if data.n_pruned == 1 else 'were'} pruned (diamonds)")
    if data.n_diverged:
        ends.append(f"{data.n_diverged} diverged (crosses)")
    said = f" {', '.join(ends)}." if ends else ""
    best = ""
    if data.best is not None:
        curve = data.curves[data.best]
        best = f" The best, trial {curve.number}, reported {number(float(curve.values[-1]), 5)} last."
    return f"{data.n} {many} reported{drawn}.{said}{best}{outside_text(data.frame.n_outside)}"
