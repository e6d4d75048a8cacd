"""The README's figure: the error of the shares against uniform trials (left), and on an optimiser's trials (right)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from benchmarks.peers.scores import mean_over_tasks
from benchmarks.quality.analyses import is_ours
from benchmarks.quality.designs import UNIFORM
from benchmarks.quality.tables import BASE, HEADLINE, SEARCHED, Row, named, of

__all__ = ["draw"]

MARKS = ("circle", "square", "diamond", "cross", "triangle-up", "triangle-down", "star", "x", "pentagon", "hexagram")


def draw(rows: Collection[Row], target: Path) -> None:
    """Writes a PNG. Needs Chromium and playwright (in the extra `dev`), as docs/make_pictures.py does."""
    from docs.make_pictures import draw as screenshot
    from plotly import colors
    from plotly.subplots import make_subplots

    rows = [r for r in rows if r["scale"] == HEADLINE]
    figure = make_subplots(
        1, 2, shared_yaxes=True, horizontal_spacing=0.03, column_widths=[0.6, 0.4],
        subplot_titles=["uniform trials", f"{SEARCHED} trials of an optimiser"],
    )  # fmt: skip
    for k, name in enumerate(named(rows)):
        line = {"width": 4 if is_ours(name) else 1.8, "dash": "dot" if name == BASE else "solid"}
        color = colors.qualitative.Dark24[k % 24]
        look = {"marker": {"symbol": MARKS[k % len(MARKS)], "size": 9, "color": color}, "line": line | {"color": color}}
        mine = [r for r in rows if r["analysis"] == name]
        curve = _means([r for r in mine if r["design"] == UNIFORM], "n")
        figure.add_scatter(x=list(curve), y=list(curve.values()), name=name, mode="lines+markers", **look)
        searched = _means([r for r in mine if r["design"] != UNIFORM and r["n"] == SEARCHED], "design")
        figure.add_scatter(
            x=list(searched), y=list(searched.values()), mode="markers", showlegend=False, row=1, col=2, **look
        )
    numbers = sorted({r["n"] for r in rows if r["design"] == UNIFORM})
    figure.update_xaxes(type="log", title="trials", tickvals=numbers, row=1, col=1)
    figure.update_yaxes(title="error of the shares", rangemode="tozero", row=1, col=1)
    figure.update_layout(template="plotly_white", width=960, height=480, margin={"l": 70, "r": 20, "t": 40, "b": 50})
    target.parent.mkdir(parents=True, exist_ok=True)
    screenshot(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}), target)


def _means(rows: Collection[Row], field: str) -> dict[object, float]:
    """The mean error for every value of a field."""
    values = {value: of(rows, "total_error", **{field: value}) for value in sorted({r[field] for r in rows})}
    return {value: mean_over_tasks(v).mean for value, v in values.items() if v}
