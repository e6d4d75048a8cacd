"""Cliffs: where a knob, moved alone from a configuration, suddenly makes the objective worse or the trial fail.

A jump is a rise within a tenth of the knob's range that makes up more than half of all the objective changes along the knob, is larger than
what is tolerated, and is so with the confidence asked for. A line rises by a tenth in such a window, a bowl by a third at most.
A failure cliff is where the probability of failure, learned from the trials that failed, passes one half.

Notation
    u, loss   places along a knob (m,), expected loss there (m,), standardised on the scale
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.numerics import BoolArray, FloatArray
from trimtab.records import FAILED, FINISHED, TrialTable
from trimtab.sensitivity._losses import Losses
from trimtab.sensitivity._result import Result
from trimtab.space import Space
from trimtab.surrogates import Columns, GaussianProcess, fit_success

__all__ = ["Cliffs", "Failing", "Line", "cliffs_of"]

WINDOW = 0.1  # of the range
MOST_OF = 0.5  # of the change along the whole knob
FEW_LEVELS = 5  # with fewer, every step is much of the whole
FEW_FAILURES = 3  # below, nothing is said about where trials fail


@dataclass(frozen=True, eq=False)
class Cliffs(Result):
    """Cliffs found, nearest first, one row each; columns as tuples and arrays (k,).

    kind       "jump": the objective gets worse; "failures": trials fail
    side       "down" or "up": the way from the configuration to the cliff
    at, label  the knob's value there, and as text
    distance   to it, as a share of the knob's declared range
    size       jump: rise of the loss on the scale, with size_low and size_high; failures: highest probability of failure beyond
    in_box     whether the box around the configuration reaches it
    """

    parameter: tuple[str, ...]
    kind: tuple[str, ...]
    side: tuple[str, ...]
    at: tuple[object, ...]
    label: tuple[str, ...]
    distance: FloatArray
    size: FloatArray
    size_low: FloatArray
    size_high: FloatArray
    in_box: BoolArray

    def columns(self) -> list[str]:
        return ["parameter", "kind", "side", "at", "distance", "size", "size_low", "size_high", "in_box"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "parameter": name,
                "kind": self.kind[i],
                "side": self.side[i],
                "at": self.at[i],
                **{a: float(getattr(self, a)[i]) for a in ("distance", "size", "size_low", "size_high")},
                "in_box": bool(self.in_box[i]),
            }
            for i, name in enumerate(self.parameter)
        ]

    def title(self) -> str:
        return "Cliffs: where one knob, moved alone, suddenly makes the objective worse or the trial fail"

    def said(self, i: int) -> str:
        """One cliff in words."""
        what = "trials fail" if self.kind[i] == "failures" else "the objective jumps"
        return f"{what} {'below' if self.side[i] == 'down' else 'above'} {self.label[i]}"


@dataclass(frozen=True, eq=False)
class Line:
    """Places along knob j: configurations x (m, d), coordinates u (m,) ascending, and the index of the configuration itself."""

    j: int
    x: FloatArray
    u: FloatArray
    here: int


@dataclass(frozen=True, eq=False)
class Failing:
    """Probability that a trial fails, learned from all ended trials."""

    latent: GaussianProcess
    offset: float

    @classmethod
    def of(cls, table: TrialTable) -> Failing | None:
        """None where too few trials failed (or worked) to tell where they fail."""
        ended = table.ended
        worked = (ended.state == FINISHED) & np.isfinite(ended.y)
        rows = (ended.state == FINISHED) | (ended.state == FAILED)
        worked, x, space = worked[rows], ended.x[rows], table.space
        if worked.sum() < FEW_FAILURES or (~worked).sum() < FEW_FAILURES:
            return None
        return cls(*fit_success(Columns(space.kinds, space.n_levels, space.conditional), x, worked))

    def probability(self, x: FloatArray) -> FloatArray:
        """(m,) at configurations x (m, d)."""
        from scipy.special import ndtr

        mean, sd = self.latent.predict(x)
        return np.asarray(ndtr(-(mean + self.offset) / np.sqrt(1.0 + sd**2)))


def cliffs_of(
    losses: Losses, lines: list[Line], worse: float, failing: Failing | None, reach: tuple[FloatArray, FloatArray],
    confidence: float,
) -> Cliffs:  # fmt: skip
    """Nearest cliff on each side of each knob. worse: loss that is tolerated; reach: low and high end of the box (d,)."""
    p = losses.p
    rows: list[tuple[int, str, int, float, float, float, float]] = []
    for line in lines:
        if p.space.kinds[line.j] == "categorical" or len(line.u) < FEW_LEVELS:
            continue
        for way in (-1, 1):
            if p.alive[line.j] and (jump := _jump(losses, line, way, worse, confidence)) is not None:
                rows.append((line.j, "jump", way, *jump))
            if failing is not None and (edge := _failure_edge(failing, line, way)) is not None:
                rows.append((line.j, "failures", way, *edge, np.nan, np.nan))
    rows.sort(key=lambda row: abs(row[3] - float(losses.point[row[0]])))
    return _table(p.space, losses.point, rows, reach)


def _jump(
    losses: Losses, line: Line, way: int, worse: float, confidence: float
) -> tuple[float, float, float, float] | None:
    """Place, size, low and high of the largest jump on one side (way -1 down, +1 up) of the configuration."""
    loss, _ = losses.moments(line.x)
    side = line.here + way * np.arange(line.here + 1 if way < 0 else len(line.u) - line.here)
    u, along = line.u[side], loss[side]
    # last place within the window of each place, at least the next one
    within = [int(np.flatnonzero(np.abs(u - a) <= WINDOW + 1e-9)[-1]) for a in u]
    last = np.maximum(within, np.minimum(np.arange(len(u)) + 1, len(u) - 1))
    rise = along[last] - along
    i = int(np.argmax(rise))
    if rise[i] <= max(MOST_OF * float(np.ptp(loss)), worse):
        return None
    _, drawn = losses.drawn(line.x[side[[i, last[i]]]], seed=line.j)
    size = drawn[:, 1] - drawn[:, 0]
    if np.mean(size > worse) < confidence:
        return None
    half = along[i] + rise[i] / 2
    k = int(np.argmax(along[i : last[i] + 1] >= half))  # the first place past half of the jump
    before, after = along[i + k - 1], along[i + k]
    share = float((half - before) / (after - before))
    place = float(u[i + k - 1] + share * (u[i + k] - u[i + k - 1]))
    low, high = np.quantile(size, [(1 - confidence) / 2, (1 + confidence) / 2])
    width = losses.p.scale.width
    return place, width * float(rise[i]), width * float(low), width * float(high)


def _failure_edge(failing: Failing, line: Line, way: int) -> tuple[float, float] | None:
    """Where the probability of failure first passes one half on this side, and the highest one beyond."""
    side = line.here + way * np.arange(line.here + 1 if way < 0 else len(line.u) - line.here)
    probability, u = failing.probability(line.x[side]), line.u[side]
    beyond = np.flatnonzero(probability >= 0.5)
    if not len(beyond) or beyond[0] == 0:
        return None
    k = int(beyond[0])
    share = float((0.5 - probability[k - 1]) / (probability[k] - probability[k - 1]))
    return float(u[k - 1] + share * (u[k] - u[k - 1])), float(probability[k:].max())


def _table(
    space: Space,
    point: FloatArray,
    rows: list[tuple[int, str, int, float, float, float, float]],
    reach: tuple[FloatArray, FloatArray],
) -> Cliffs:
    values = tuple(space.value(j, place) for j, _, _, place, *_ in rows)
    numbers = np.array([row[4:] for row in rows], dtype=float).reshape(len(rows), 3)
    return Cliffs(
        parameter=tuple(space.names[row[0]] for row in rows), kind=tuple(row[1] for row in rows),
        side=tuple("down" if row[2] < 0 else "up" for row in rows), at=values,
        label=tuple(space.label(row[0], v) for row, v in zip(rows, values, strict=True)),
        distance=np.array([abs(row[3] - float(point[row[0]])) for row in rows]),
        size=numbers[:, 0], size_low=numbers[:, 1], size_high=numbers[:, 2],
        in_box=np.array([reach[0][row[0]] <= row[3] <= reach[1][row[0]] for row in rows], dtype=bool),
    )  # fmt: skip
