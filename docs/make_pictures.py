"""Draws the pictures of README and docs.

    trimtab demo                                        makes trimtab-demo.db
    python docs/make_pictures.py trimtab-demo.db        writes docs/pictures/sensitivity.png
    python docs/make_pictures.py hypergradients         trains 400 networks, some minutes; writes docs/pictures/hypergradients.png

Needs Chromium and playwright (in the extra `dev`).
"""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

import trimtab as tt

PICTURES = Path(__file__).resolve().parent / "pictures"
LEVELS = (0.23, 0.25, 0.3, 0.35, 0.4, 0.5)
SHADES = ((0.0, "#5f9fd3"), (0.25, "#8dbbe1"), (0.6, "#cfe1f2"), (1.0, "#f9fbfd"))  # light enough for arrows
NAMES = ("learning_rate_init", "alpha")
RATES, ALPHAS = (-4.0, -1.4, 21), (-2.0, 1.6, 17)  # log10: from, to, how many
STARTS, STEPS = ((0.02, 0.1), (0.0003, 20.0)), 12


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    PICTURES.mkdir(exist_ok=True)
    if sys.argv[1] == "hypergradients":
        figure, name = hypergradients(), "hypergradients.png"
    else:
        figure, name = tt.plots.sensitivity(tt.Study.load(sys.argv[1])), "sensitivity.png"
    figure.update_layout(width=960)
    draw(figure.to_html(include_plotlyjs=True, config={"staticPlot": True}), PICTURES / name)


def hypergradients() -> Any:
    """The validation loss of an MLPRegressor on the diabetes data over learning rate and alpha, the negative hypergradients, and a path
    that follows them. All trainings have one seed."""
    from trimtab.plots._style import INK, MUTED, VERMILLION
    from trimtab.plots._style import figure as in_our_look

    rates, alphas = np.linspace(*RATES), np.linspace(*ALPHAS)
    field = [[trained(10**rate, 10**alpha) for rate in rates] for alpha in alphas]
    loss = np.array([[value for value, _ in row] for row in field])
    contours = {
        "type": "contour", "x": rates, "y": alphas, "z": np.log10(loss), "colorscale": SHADES,
        "contours": {"start": math.log10(LEVELS[0]), "end": math.log10(LEVELS[-1]), "size": 0.025},
        "line": {"width": 0.6, "color": "rgba(255,255,255,0.8)"},
        "colorbar": {
            "title": {"text": "validation loss", "side": "right"}, "thickness": 14, "outlinewidth": 0,
            "tickvals": np.log10(LEVELS), "ticktext": [f"{level:g}" for level in LEVELS],
        },
    }  # fmt: skip
    paths = [descent(start) for start in STARTS]
    lines, ends = [], []
    for path in paths:
        x, y = np.log10(np.array([point for point, _ in path])).T
        marker = {"size": 8, "color": VERMILLION, "line": {"width": 1.5, "color": "#ffffff"}}
        line = {"type": "scatter", "mode": "lines+markers", "x": x, "y": y, "marker": marker, "showlegend": False}
        lines.append(line | {"line": {"width": 3, "color": VERMILLION}})
        ends += [
            label(x[k], y[k], f"{text} {path[k][1]:.3f}", INK, shift)
            for k, text, shift in ((0, "start", 24), (-1, f"after {len(path) - 1} steps", -30))
        ]
    arrows = [
        arrow(rates[j], alphas[i], field[i][j][1], rates[1] - rates[0], alphas[1] - alphas[0], INK)
        for i in range(1, len(alphas), 2)
        for j in range(1, len(rates), 2)
    ]
    layout = {
        "annotations": arrows + ends,
        "xaxis": axis("learning rate", range(-4, 0), rates),
        "yaxis": axis("alpha (L2 term)", range(-2, 2), alphas),
    }
    title = "Hypergradients of a network on the diabetes data, and two descents along them"
    figure = in_our_look([contours, *lines], title, height=520, layout=layout)
    figure.update_layout(font={"color": INK}, xaxis={"title": {"font": {"color": MUTED}}})
    return figure


def trained(rate: float, alpha: float) -> tuple[float, np.ndarray]:
    """Validation loss, and its gradient for the natural logarithms of both."""
    from trimtab.integrations.sklearn import hypergradient

    model, data = network()
    result = hypergradient(model.set_params(learning_rate_init=rate, alpha=alpha), *data, NAMES, check="none")
    return result.value, result.log_gradient


def network() -> tuple[Any, tuple[Any, ...]]:
    """The network and data of examples/sklearn_hypergradient.py."""
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import scale

    x, y = load_diabetes(return_X_y=True)
    x, _, y, _ = train_test_split(scale(x), scale(y), test_size=0.3, random_state=0)
    x_train, x_valid, y_train, y_valid = train_test_split(x, y, test_size=0.4, random_state=0)
    model = MLPRegressor(
        hidden_layer_sizes=(30,), activation="tanh", batch_size=32, max_iter=60, n_iter_no_change=1_000, random_state=0
    )
    return model, (x_train, y_train, x_valid, y_valid)


def descent(start: tuple[float, float]) -> list[tuple[np.ndarray, float]]:
    """Points and losses: steps of a factor of e along the gradient of the logarithms, half as long when the slope turns."""
    point, length, before, path = np.log(start), 1.0, np.zeros(2), []
    for _ in range(STEPS + 1):
        value, slope = trained(*np.exp(point))
        path.append((np.exp(point), value))
        length *= 0.5 if slope @ before < 0 else 1.0
        point, before = point - length * slope / np.linalg.norm(slope), slope
    return path


def arrow(x: float, y: float, slope: np.ndarray, width: float, height: float, color: str) -> dict[str, Any]:
    """From the point down the slope; longer where it is steeper, up to the next arrow."""
    norm = float(np.linalg.norm(slope))
    length = 1.7 * min(1.0, (norm / 0.1) ** 0.4)
    dx, dy = -slope / norm * length * np.array([width, height])
    return {
        "x": x + dx, "y": y + dy, "ax": x, "ay": y, "xref": "x", "yref": "y", "axref": "x", "ayref": "y", "text": "",
        "showarrow": True, "arrowhead": 2, "arrowsize": 0.9, "arrowwidth": 1.3, "arrowcolor": color, "opacity": 0.75,
    }  # fmt: skip


def label(x: float, y: float, text: str, color: str, shift: int) -> dict[str, Any]:
    look = {"bgcolor": "rgba(255,255,255,0.9)", "borderpad": 3, "font": {"size": 13, "color": color}}
    return {"x": x, "y": y, "text": text, "showarrow": False, "yshift": shift, **look}


def axis(title: str, decades: range, values: np.ndarray) -> dict[str, Any]:
    ticks = {"tickvals": list(decades), "ticktext": [f"{10.0**k:g}" for k in decades]}
    return {"title": {"text": title}, **ticks, "range": [values[0], values[-1]], "showgrid": False}


def draw(html: str, target: Path) -> None:
    """A screenshot of the first figure of a page."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(device_scale_factor=2)
        page.set_content(html)
        page.wait_for_selector(".main-svg")
        page.locator(".plotly-graph-div").screenshot(path=str(target))
        browser.close()


if __name__ == "__main__":
    main()
