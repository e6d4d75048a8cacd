"""The README's figure: how good the best observed configuration is after each trial, one line a tool."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from benchmarks.peers import scores
from benchmarks.peers.scores import Run
from benchmarks.peers.tables import compared, is_ours

__all__ = ["draw"]


def draw(runs: Collection[Run], target: Path) -> None:
    """Writes a PNG. Needs Chromium and playwright (in the extra `dev`), as docs/make_pictures.py does."""
    import plotly.graph_objects as go
    from docs.make_pictures import draw as screenshot

    them = compared(runs)
    figure = go.Figure()
    for tool, of in them.items():
        y = scores.curve(of)
        line = {"width": 4} if is_ours(tool) else {"width": 1.8, "dash": "dot" if tool == "random" else "solid"}
        figure.add_scatter(x=list(range(1, len(y) + 1)), y=y, name=tool, mode="lines", line=line)
    figure.update_layout(
        template="plotly_white",
        width=960,
        height=480,
        margin={"l": 70, "r": 20, "t": 20, "b": 50},
        xaxis_title="trials",
        yaxis_title="log10 share of better configurations",
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    screenshot(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}), target)
