"""Agreement: the rank of each knob in the one-at-a-time, gradient and global views, and why it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trimtab.numerics import FloatArray
from trimtab.plots._style import BLUE, GREEN, GREY, INK, ORANGE, VERMILLION, figure, message, shorten, text
from trimtab.sensitivity import Agreement
from trimtab.sensitivity import agreement as analyse

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["AgreementData", "agreement", "agreement_data"]

TITLES = {"one_at_a_time": "one at a time<br>from here", "gradient": "slope<br>here",
          "hypergradient": "hypergradient<br>here", "main": "main effect<br>over the space",
          "total": "total effect<br>over the space"}  # fmt: skip
# without colour, knobs are told apart by mark and dash, and by the name at either end of the line
LOOKS = ((BLUE, "circle", "solid"), (VERMILLION, "square", "dash"), (GREEN, "diamond", "dot"), (ORANGE, "triangle-up", "dashdot"),
         (INK, "cross", "longdash"))  # fmt: skip


@dataclass(frozen=True, eq=False)
class AgreementData:
    """Knobs by rank of their total share, arrays (d, views): share of the variance, and rank (1 is the largest), NaN where unknown.

    reason: why the views of a knob differ, and range: which part of its range causes its importance; "" where nothing is to be said.
    """

    parameters: tuple[str, ...]
    views: tuple[str, ...]
    share: FloatArray
    rank: FloatArray
    reason: tuple[str, ...]
    range: tuple[str, ...]


def agreement_data(source: object) -> AgreementData:
    """Of an Agreement result, or of a Study or TrialTable (which is analysed first)."""
    result = source if isinstance(source, Agreement) else analyse(source)
    order = np.argsort(-np.nan_to_num(result.share[:, result.views.index("total")], nan=-1.0), kind="stable")
    names = tuple(result.parameters[j] for j in order)
    return AgreementData(
        names,
        result.views,
        result.share[order],
        result.rank[order],
        tuple(result.reasons.get(name, "") for name in names),
        tuple(result.ranges.get(name, "") for name in names),
    )


def agreement(source: object, *, most: int = 12) -> Figure:
    """A line a knob through its ranks in the views, the largest on top: coloured and thick where the views differ, else grey.

    most: knobs shown.
    """
    data = agreement_data(source)
    if not len(data.parameters) or not np.isfinite(data.share[:, data.views.index("total")]).any():
        return message(
            "Too little data to compare views", "More finished trials are needed before any view can be told."
        )
    k = min(len(data.parameters), most)
    place = _places(data.share[:k])
    flagged = [j for j in range(k) if data.reason[j] or data.range[j]]
    traces = [_line(data, place, j, flagged.index(j) if j in flagged else None) for j in range(k)]
    first, last = 0, len(data.views) - 1
    ends = [_name(data, place, j, v, side) for j in range(k) for v, side in ((first, "right"), (last, "left"))]
    layout = {
        "xaxis": {
            "tickvals": list(range(len(data.views))),
            "ticktext": [TITLES[view] for view in data.views],
            "range": [-0.75, last + 0.75],
            "side": "top",
            "showgrid": False,
            "zeroline": False,
        },
        "yaxis": {"range": [k + 0.5, 0.5], "dtick": 1, "title": {"text": "rank"}, "showgrid": False, "zeroline": False},
        "annotations": [e for e in ends if e],
        "showlegend": False,
        "meta": {"wide": 620},  # names stand on both sides
    }
    return figure(traces, _title(data, flagged), height=34 * k + 60, top=44, layout=layout)


def _places(share: FloatArray) -> FloatArray:
    """1, 2, ... down each column, ties in the order of the rows; NaN where the view does not know the knob."""
    place = np.full(share.shape, np.nan)
    for view in range(share.shape[1]):
        order = np.argsort(-np.nan_to_num(share[:, view], nan=-1.0), kind="stable")
        place[order, view] = 1.0 + np.arange(len(order))
    return np.where(np.isnan(share), np.nan, place)


def _line(data: AgreementData, place: FloatArray, j: int, flag: int | None) -> dict[str, Any]:
    colour, symbol, dash = (GREY, "circle-open", "solid") if flag is None else LOOKS[flag % len(LOOKS)]
    said = "<br>".join(text(t, 90) for t in (data.reason[j], data.range[j]) if t)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": text(data.parameters[j], 40),
        "x": list(range(len(data.views))),
        "y": place[j],
        "connectgaps": True,
        "line": {"color": colour, "width": 1.2 if flag is None else 2.6, "dash": dash},
        "marker": {"symbol": symbol, "size": 9 if flag is None else 11, "color": colour},
        "customdata": [
            [text(data.parameters[j], 50), f"{share:.0%}" if np.isfinite(share) else "not known", said]
            for share in data.share[j]
        ],
        "hovertemplate": "%{customdata[0]}: %{customdata[1]} of the variance<br>%{customdata[2]}<extra></extra>",
    }


def _name(data: AgreementData, place: FloatArray, j: int, view: int, anchor: str) -> dict[str, Any] | None:
    if not np.isfinite(place[j, view]):
        return None
    weight = 600 if data.reason[j] or data.range[j] else 400
    return {
        "x": view,
        "y": place[j, view],
        "text": f"{text(data.parameters[j], 22)}  {data.share[j, view]:.0%}",
        "xanchor": anchor,
        "xshift": -12 if anchor == "right" else 12,
        "showarrow": False,
        "font": {"size": 12, "weight": weight, "color": INK},
    }


def _title(data: AgreementData, flagged: list[int]) -> str:
    if not flagged:
        return "One-at-a-time, gradient and global views agree on every knob that matters."
    said = []
    for j in flagged[:3]:
        words = [t.partition(":")[0] for t in (data.reason[j], data.range[j]) if t]
        said.append(f"{shorten(data.parameters[j], 30)} ({', '.join(words)})")
    more = f" and {len(flagged) - 3} more" if len(flagged) > 3 else ""
    return f"Not to be judged by one view alone: {', '.join(said)}{more}."
