"""One knob at a time around a configuration: curves with bands, tornado, tolerances in the knobs' own units.

Source: Saltelli and Annoni 2010 (doi:10.1016/j.envsoft.2010.04.012) on what such views miss; the tolerances are this package's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._curves import Curve, OneAtATime
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, interval_text
from trimtab.sensitivity._surrogate import Prepared, check_confidence, prepare, too_little

__all__ = ["one_at_a_time"]

STEP = 0.15  # of a knob's declared range: how far the tornado moves it
FUNCTION_DRAWS = 24  # functions a draw of the hyperparameters
WIDEN = 1.25  # of the posterior's spread: stationary surrogates are too sure of themselves on real responses


def one_at_a_time(
    source: object,
    *,
    at: Mapping[str, object] | None = None,
    epsilon: float | None = None,
    scale: str = "auto",
    confidence: float = 0.9,
    points: int = 33,
) -> OneAtATime:
    """Curves, tornado and tolerances of each knob around a configuration, through the surrogate.

    Answers "from here, how far may I move each knob, and what does it change?". Do not use it for what a knob does elsewhere (`sobol`,
    `effects`), nor for several knobs off at once (`robustness`).

    source      a Study or a TrialTable; failed and pruned trials are left out
    at          a configuration; by default the best trial's
    epsilon     how much worse the objective may get, in objective units; by default one standard deviation of the seed noise, at least
                1 % of the range between the best and the median trial
    scale       of the effects: "auto", "raw", "log" or "rank"
    confidence  of bands, and of the conservative tolerance
    points      of a continuous knob's curve

    Moving a knob that switches others on puts these into the middle of their range. The effects of two knobs do not add up where they
    interact: see `sobol`. Raises InputError for bad arguments, SpaceError for a configuration that the space does not have.
    """
    check_confidence(confidence)
    if epsilon is not None and not epsilon > 0:
        raise InputError(
            f"epsilon must be positive (how much worse is tolerated, in objective units), got {epsilon!r}."
        )
    if points < 3:
        raise InputError(f"points must be at least 3, got {points!r}.")
    p = prepare(source, scale)
    point = p.point(at) if at is not None or p.n else None
    if not p.explained or point is None:
        return _nothing(p, point, epsilon, confidence)
    with one_blas_thread():
        return _around(p, point, epsilon, confidence, points)


def _around(p: Prepared, point: FloatArray, epsilon: float | None, confidence: float, points: int) -> OneAtATime:
    middle = float(np.mean([gp.predict(point[None, :])[0][0] for gp in p.draws]))
    worse, epsilon = _worse(p, middle, epsilon)
    lines = [_line(p, point, j, points) for j in range(p.space.d) if not np.isnan(point[j])]
    looks = [_look(p, line, middle, worse, confidence) for line in lines]
    return _result(p, point, looks, epsilon, confidence)


@dataclass(frozen=True, eq=False)
class _Line:
    """Points along knob j (m, d), their coordinates u (m,), and the index of the one that is `at`."""

    j: int
    x: FloatArray
    u: FloatArray
    here: int


@dataclass(frozen=True, eq=False)
class _Look:
    """What one knob does. moved: indices of the line that the tornado moves to; ranges as (first, last) index or tolerated ones."""

    j: int
    curve: Curve
    effect: FloatArray
    down: FloatArray
    up: FloatArray
    moved: tuple[str, str]
    tolerance: tuple[object, ...]
    safe: tuple[object, ...]
    tolerance_text: str
    safe_text: str


def _line(p: Prepared, point: FloatArray, j: int, points: int) -> _Line:
    """All levels or choices of the knob (thinned to `points`), or `points` places of a continuous one, always with its own place."""
    space = p.space
    even = np.linspace(0.0, 1.0, points)
    u = space.levels(j) if 0 < space.n_levels[j] <= points else space.parameters[space.names[j]].snap(even)
    u = np.unique(np.round(np.concatenate([u, [point[j]]]), 12))
    keep = np.concatenate([[True], np.diff(u) > 1e-9])  # the own place may differ from a level by rounding
    u = u[keep]
    rows = np.repeat(np.where(np.isnan(point), 0.5, point)[None, :], len(u), axis=0)
    rows[:, j] = u
    return _Line(j, space.snap(rows), u, int(np.argmin(np.abs(u - point[j]))))


def _worse(p: Prepared, middle: float, epsilon: float | None) -> tuple[float, float]:
    """How much worse is tolerated, standardised on the scale (> 0), and in objective units."""
    assert p.fit is not None
    here = float(p.scale.objective(np.array([middle]))[0])
    if epsilon is None:
        z = p.sign * p.scale.standard(p.v)
        worse = max(math.sqrt(p.fit.best.noise), 0.01 * float(np.median(z) - z.min()), 1e-6)
        there = float(p.scale.objective(np.array([middle + p.sign * worse]))[0])
        return worse, abs(there - here)
    limit = here + p.sign * epsilon
    if p.scale.name == "log":
        limit = max(limit, 1e-300)
    return max(
        p.sign * float(p.scale.standard(np.array([limit]))[0] - p.scale.standard(np.array([here]))[0]), 1e-9
    ), epsilon


def _differences(p: Prepared, line: _Line) -> tuple[FloatArray, FloatArray]:
    """f(line) - f(at) on the standardised scale: mean (m,) and draws (D, m)."""
    rng = np.random.default_rng([line.j, 0])
    means, drawn = [], []
    for gp in p.draws:
        mean, covariance = gp.covariance(line.x)
        h = line.here
        mean = mean - mean[h]
        between = covariance - covariance[h] - covariance[:, h][:, None] + covariance[h, h]
        values, vectors = np.linalg.eigh(0.5 * (between + between.T))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        moved = WIDEN * rng.standard_normal((FUNCTION_DRAWS // 2, len(mean))) @ root.T
        means.append(mean)
        # in pairs, so that turning the objective's sign turns the result's and nothing else
        drawn += [mean + moved, mean - moved]
    return np.mean(means, axis=0), np.concatenate(drawn)


def _look(p: Prepared, line: _Line, middle: float, worse: float, confidence: float) -> _Look:
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    mean, drawn = _differences(p, line)
    low, high = np.quantile(drawn, ends, axis=0)
    if not p.alive[line.j]:  # the trials are explained without the knob: "no effect" belongs to every interval
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    width = p.scale.width
    values = tuple(p.space.value(line.j, float(u)) for u in line.u)
    curve = Curve(
        name=p.names[line.j], kind=p.space.kinds[line.j], u=line.u, values=values,
        labels=tuple(p.space.label(line.j, v) for v in values),
        effect=width * mean, low=width * low, high=width * high,
        objective=p.scale.objective(middle + mean), objective_low=p.scale.objective(middle + low),
        objective_high=p.scale.objective(middle + high), here=line.here,
    )  # fmt: skip
    spread = np.ptp(drawn, axis=1)
    estimate = float(np.ptp(mean))
    effect = np.array(
        [estimate, min(np.quantile(spread, ends[0]), estimate), max(np.quantile(spread, ends[1]), estimate)]
    )
    if not p.alive[line.j]:
        effect[1] = 0.0
    down, up = _moves(p, line, mean)
    likely = p.sign * mean <= worse
    surely = np.mean(p.sign * drawn <= worse, axis=0) >= confidence
    limits = (p.sign * mean, np.quantile(p.sign * drawn, confidence, axis=0))
    tolerance = _tolerated(p, line, likely, limits[0], worse)
    safe = _tolerated(p, line, surely, limits[1], worse)
    return _Look(
        line.j, curve, width * effect, width * np.array([mean[down], low[down], high[down]]),
        width * np.array([mean[up], low[up], high[up]]), (curve.labels[down], curve.labels[up]),
        tolerance, safe, _range_text(p, line, tolerance), _range_text(p, line, safe),
    )  # fmt: skip


def _moves(p: Prepared, line: _Line, mean: FloatArray) -> tuple[int, int]:
    """Indices of the line that the tornado compares.

    STEP down and up, at least to the neighbouring level; choices: the best and the worst other one.
    """
    others = np.flatnonzero(np.arange(len(line.u)) != line.here)
    if not len(others):
        return line.here, line.here
    if p.space.kinds[line.j] == "categorical":
        order = others[np.argsort(p.sign * mean[others], kind="stable")]
        return int(order[0]), int(order[-1])
    u = line.u[line.here]
    down, up = int(np.argmin(np.abs(line.u - (u - STEP)))), int(np.argmin(np.abs(line.u - (u + STEP))))
    return min(down, max(line.here - 1, 0)), max(up, min(line.here + 1, len(line.u) - 1))


def _tolerated(p: Prepared, line: _Line, ok: BoolArray, loss: FloatArray, worse: float) -> tuple[object, ...]:
    """Choices that are tolerated; or the first and last value of the stretch around `at` where the loss stays below `worse`."""
    ok = ok.copy()
    ok[line.here] = True
    if p.space.kinds[line.j] == "categorical":
        return tuple(p.space.value(line.j, float(u)) for u in line.u[ok])
    ends = []
    for step in (-1, 1):
        i = line.here
        while 0 <= i + step < len(ok) and ok[i + step]:
            i += step
        u = float(line.u[i])
        if 0 <= i + step < len(ok) and not 0 < p.space.n_levels[line.j] <= len(line.u):
            inside, outside = loss[i], loss[i + step]
            share = (worse - inside) / (outside - inside) if outside > inside else 0.0
            u += float(np.clip(share, 0.0, 1.0)) * float(line.u[i + step] - line.u[i])
        ends.append(p.space.value(line.j, u))
    return tuple(ends)


def _range_text(p: Prepared, line: _Line, tolerated: tuple[object, ...]) -> str:
    labels = [p.space.label(line.j, v) for v in tolerated]
    if p.space.kinds[line.j] == "categorical":
        return "any" if len(labels) == len(line.u) else ", ".join(labels)
    first, last = (p.space.value(line.j, float(u)) for u in (line.u[0], line.u[-1]))
    if tolerated == (first, last):
        return "whole range"
    return labels[0] if labels[0] == labels[1] else f"{labels[0]} ... {labels[1]}"


def _result(p: Prepared, point: FloatArray, looks: list[_Look], epsilon: float, confidence: float) -> OneAtATime:
    def column(name: str, k: int) -> FloatArray:
        return np.array([getattr(look, name)[k] for look in looks])

    values = tuple(p.space.value(look.j, float(point[look.j])) for look in looks)
    return OneAtATime(
        parameters=tuple(look.curve.name for look in looks), at=p.space.decode(point[None, :])[0], values=values,
        labels=tuple(p.space.label(look.j, v) for look, v in zip(looks, values, strict=True)),
        curves=tuple(look.curve for look in looks),
        effect=column("effect", 0), effect_low=column("effect", 1), effect_high=column("effect", 2),
        down=column("down", 0), down_low=column("down", 1), down_high=column("down", 2), down_to=tuple(k.moved[0] for k in looks),
        up=column("up", 0), up_low=column("up", 1), up_high=column("up", 2), up_to=tuple(k.moved[1] for k in looks),
        tolerance=tuple(k.tolerance for k in looks), safe=tuple(k.safe for k in looks),
        tolerance_text=tuple(k.tolerance_text for k in looks), safe_text=tuple(k.safe_text for k in looks),
        epsilon=epsilon, step=STEP, verdicts={look.curve.name: _verdict(p, look) for look in looks},
        scale=p.scale.name, confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p),
    )  # fmt: skip


def _verdict(p: Prepared, look: _Look) -> str:
    if p.space.n_levels[look.j] == 1:
        return f"{DEAD}: it has only one value"
    if not p.varied[look.j]:
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value"
    if not p.alive[look.j]:
        return f"{DEAD}: the {p.n} trials are explained as well without it"
    return f"{MATTERS}: from here it can change the objective by {_amount(p, look)}{_stays(p, look)}"


def _amount(p: Prepared, look: _Look) -> str:
    """How much the objective changes along the curve, in words that fit the scale."""
    if p.scale.name == "log":
        return f"a factor of {interval_text(*np.exp(np.minimum(look.effect, 700.0)))}"
    units = " normal scores" if p.scale.name == "rank" else ""
    return f"{interval_text(*look.effect)}{units}"


def _stays(p: Prepared, look: _Look) -> str:
    """What to do about it: the tolerance as advice; nothing where every value is tolerated."""
    text = look.tolerance_text
    if text in ("whole range", "any"):
        return ""
    if len(look.tolerance) == 1 or len(set(look.tolerance)) == 1:
        return f"; keep {text}"
    return f"; keep it within {text}" if p.space.kinds[look.j] != "categorical" else f"; keep one of {text}"


def _notes(p: Prepared) -> tuple[str, ...]:
    return (
        *p.notes,
        f"Effects are in {p.scale.units}, predicted by the surrogate, all other knobs held; epsilon is in objective units.",
    )


def _nothing(p: Prepared, point: FloatArray | None, epsilon: float | None, confidence: float) -> OneAtATime:
    """The result when nothing can be told: no curves. point is None where there is no trial to stand at."""
    active = [j for j in range(p.space.d) if point is None or not np.isnan(point[j])]
    at = {} if point is None else p.space.decode(point[None, :])[0]
    names = tuple(p.names[j] for j in active)
    nan, empty = np.full(len(names), np.nan), ("",) * len(names)
    if p.fit is None:
        reason = too_little(p)
    else:
        reason = f"{DEAD}: noise alone explains the {p.n} trials as well as all knobs together"
    values = tuple(None if point is None else p.space.value(j, float(point[j])) for j in active)
    return OneAtATime(
        parameters=names, at=at, values=values,
        labels=tuple("-" if v is None else p.space.label(j, v) for j, v in zip(active, values, strict=True)), curves=(),
        effect=nan, effect_low=nan, effect_high=nan, down=nan, down_low=nan, down_high=nan, down_to=empty,
        up=nan, up_low=nan, up_high=nan, up_to=empty, tolerance=((),) * len(names), safe=((),) * len(names),
        tolerance_text=("-",) * len(names), safe_text=("-",) * len(names),
        epsilon=float("nan") if epsilon is None else epsilon, step=STEP, verdicts=dict.fromkeys(names, reason),
        scale=p.scale.name, confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p),
    )  # fmt: skip
