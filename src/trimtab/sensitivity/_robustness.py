"""How robust the best configuration is: tolerance of each knob, worst case in a box, cliffs, seed noise, and a more robust configuration.

Notation
    best      the configuration with the best posterior mean among those tried
    loss      how much worse than the best, on the scale: positive is worse, whatever the direction
    box       +- radius of every numeric knob's declared range around a configuration, at least to the neighbouring levels
    epsilon   the loss that is tolerated

Sources: Beyer and Sendhoff 2007 (doi:10.1016/j.cma.2007.03.003) for the measures of robustness; Bogunovic et al. 2018 (StableOpt,
arXiv:1810.10775) for the worst case by confidence bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.records import TrialTable, table_of
from trimtab.records._evaluation import point_keys
from trimtab.sensitivity._bearing import Robustness, Switches
from trimtab.sensitivity._box import Box
from trimtab.sensitivity._cliffs import Cliffs, Failing, Line, cliffs_of
from trimtab.sensitivity._curves import OneAtATime
from trimtab.sensitivity._design import check_whole, settled
from trimtab.sensitivity._losses import Losses, best_tried, nothing_told
from trimtab.sensitivity._one_at_a_time import _around, _line, _nothing, _worse
from trimtab.sensitivity._places import Places, places_of
from trimtab.sensitivity._result import MATTERS
from trimtab.sensitivity._robust_best import CRITERIA, most_robust, over_box
from trimtab.sensitivity._seed_noise import seed_noise
from trimtab.sensitivity._surrogate import Prepared, check_confidence, prepare

__all__ = ["robustness"]

POINTS = 65  # along each knob
BOX_POINTS, WORST_POINTS = 128, 256
LINE_POINTS, LINE_STARTS = 7, 2


class Evaluating(TypedDict, total=False):
    """Keywords of `Study.optimize` that say where and how real evaluations run."""

    timeout: float | None
    workers: int
    executor: Any
    catch: type[BaseException] | tuple[type[BaseException], ...]
    retries: int
    progress: bool
    callbacks: Sequence[Any]


def robustness(
    source: object,
    *,
    radius: float = 0.1,
    epsilon: float | None = None,
    criterion: str = "upper",
    scale: str = "auto",
    confidence: float = 0.9,
    objective: Callable[[Any], object] | None = None,
    n_trials: int = 0,
    **running: Unpack[Evaluating],
) -> Robustness:
    """How far the best configuration may be off before it hurts, what the worst case nearby is, and what a more robust one costs.

    Answers "how exactly must I set each knob, what happens if I do not, and where does it break?" through the surrogate. Do not trust it
    where few trials lie near the best configuration (the intervals say so), nor for cliffs narrower than the distance of the trials.

    source      a Study or a TrialTable; failed trials serve to learn where trials fail, pruned ones are left out
    radius      half width of the box, as a share of each numeric knob's declared range
    epsilon     the loss that is tolerated, in objective units; by default one standard deviation of the seed noise, at least 1 % of the
                range between the best and the median trial
    criterion   of the robust best: "upper", the quantile `confidence` of the loss over box and posterior, or "expected", its mean
    scale       of losses: "auto", "raw", "log" or "rank"
    confidence  of intervals, of the safe tolerance and of upper bounds
    objective, n_trials  check by real evaluations: up to n_trials of robust best, worst cases and ends of the tolerances that the study
                does not have are evaluated as ordinary trials of the study; predictions are those made before
    running     workers, executor, timeout, catch, retries, progress, callbacks: as in `Study.optimize`

    Choices stay in the box; each other choice is a row of `switches`. Knobs that are inactive in the best configuration are left out.
    Configurations that the constraints forbid are no part of the box. Raises InputError for bad arguments. Beyer and Sendhoff 2007.
    """
    _check(radius, epsilon, criterion, objective, check_whole("n_trials", n_trials, 0), source)
    check_confidence(confidence)
    p = prepare(source, scale)
    if not p.explained:
        return _nothing_told(p, radius, epsilon, criterion, confidence)
    table = table_of(source)
    with one_blas_thread():
        found, named, over = _analysed(p, table, radius, epsilon, criterion, confidence)
    if objective is None or not n_trials:
        return found
    known = frozenset(point_keys(table.ended.x))
    named += _ends_of_tolerances(p, found.local)
    fresh: dict[bytes, FloatArray] = {}
    for key, (_, point) in zip(point_keys(np.array([x for _, x in named])), named, strict=True):
        if key not in known and len(fresh) < n_trials:
            fresh.setdefault(key, point)
    if fresh:
        configurations = p.space.decode(np.array(list(fresh.values())))
        source.optimize(objective, n_trials=len(fresh), start=configurations, **running)  # type: ignore[attr-defined]
    shown = [(what, x) for what, x in named if what in found.places.what or point_keys(x[None, :])[0] in fresh]
    places = places_of(p, shown, over, table_of(source), confidence, frozenset(fresh))
    return replace(found, places=places)


def _check(
    radius: float, epsilon: float | None, criterion: str, objective: object, n_trials: int, source: object
) -> None:
    if isinstance(radius, bool) or not isinstance(radius, int | float | np.number) or not 0 < radius <= 0.5:
        raise InputError(f"radius must lie between 0 and 0.5 (a share of each knob's range), got {radius!r}.")
    if epsilon is not None and not epsilon > 0:
        raise InputError(f"epsilon must be positive (the loss that is tolerated, in objective units), got {epsilon!r}.")
    if criterion not in CRITERIA:
        raise InputError(f"criterion must be one of {', '.join(CRITERIA)}, got {criterion!r}.")
    if (objective is None) != (n_trials == 0):
        raise InputError(
            "Real evaluations need both objective= (the study's objective) and n_trials= (how many of them, at least 1)."
        )
    if objective is not None and not callable(getattr(source, "optimize", None)):
        raise InputError(
            f"Real evaluations become trials of the study, so pass the Study, not {type(source).__name__}."
        )


_Named = list[tuple[str, FloatArray]]


def _analysed(
    p: Prepared, table: TrialTable, radius: float, epsilon: float | None, criterion: str, confidence: float
) -> tuple[Robustness, _Named, dict[str, tuple[float, float]]]:
    """The result without real evaluations, its named configurations, and what is known of boxes (standardised)."""
    best = best_tried(p)
    losses, box = Losses.of(p, best), Box.of(p.space, best, radius)
    middle = float(np.mean([gp.predict(best[None, :])[0][0] for gp in p.draws]))
    worse, _ = _worse(p, middle, epsilon)
    local = _around(p, best, epsilon, confidence, POINTS)
    active = [j for j in range(p.space.d) if not np.isnan(best[j])]
    failing = Failing.of(table)
    lines = [Line(j, line.x, line.u, line.here) for j in active for line in [_line(p, best, j, POINTS)]]
    cliffs = cliffs_of(losses, lines, worse, failing, (box.low, box.high), confidence)
    edge, curvature = _bending(losses, box, active, confidence)
    shape = tuple(_shape(edge[:, k], worse) for k in range(len(active)))
    robust = most_robust(losses, radius, criterion, worse, failing, confidence)
    named, over = _named(losses, box, robust, radius, confidence, middle)
    both = over_box(losses, np.array([best, robust]), radius, confidence).by(criterion)
    cost_mean, cost_drawn = losses.drawn(robust[None, :])
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    same = bool(np.array_equal(robust, best, equal_nan=True))
    cost = np.zeros(3) if same else p.scale.width * np.array([cost_mean[0], *np.quantile(cost_drawn[:, 0], ends)])
    near = (
        failing.probability(np.concatenate([box.corners(), box.inside(BOX_POINTS, 3)]))
        if failing
        else np.array([np.nan])
    )
    flat = _flat_share(losses, box, worse, confidence)
    width = p.scale.width
    result = Robustness(
        parameters=local.parameters, local=local,
        edge=width * edge[0], edge_low=width * edge[1], edge_high=width * edge[2],
        curvature=width * curvature[0], curvature_low=width * curvature[1], curvature_high=width * curvature[2], shape=shape,
        flat=float(flat[0]), flat_low=float(flat[1]), flat_high=float(flat[2]), cliffs=cliffs,
        switches=_switches(p, local, worse), places=places_of(p, named, over, table, confidence),
        cost=float(cost[0]), cost_low=float(min(cost[1], cost[0])), cost_high=float(max(cost[2], cost[0])),
        relief=0.0 if same else float(width * (both[0] - both[1])), noise=seed_noise(p, best, confidence),
        failing=float(near.mean()), failing_most=float(near.max()), radius=float(radius), epsilon=local.epsilon, criterion=criterion,
        verdicts={name: _verdict(local, cliffs, name, shape[k]) for k, name in enumerate(local.parameters)},
        scale=p.scale.name, confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p, failing is not None),
    )  # fmt: skip
    return result, named, over


def _bending(losses: Losses, box: Box, active: list[int], confidence: float) -> tuple[FloatArray, FloatArray]:
    """Loss at the worse end of the box along each active knob alone, and second derivative: estimate, low, high (3, d) each."""
    p, d = losses.p, len(active)
    edge, curvature = np.full((3, d), np.nan), np.full((3, d), np.nan)
    places: list[FloatArray] = []
    spots: dict[int, tuple[int, FloatArray]] = {}
    for k, j in enumerate(active):
        if j not in box.moving:
            continue
        u = np.array([box.low[j], box.point[j], box.high[j]])
        if min(u[1] - u[0], u[2] - u[1]) < 1e-3:  # at the end of the range
            u[1] = (u[0] + u[2]) / 2
        rows = np.repeat(np.where(np.isnan(box.point), 0.5, box.point)[None, :], 3, axis=0)
        rows[:, j] = u
        x = p.space.snap(rows)
        spots[k] = len(places) * 3, x[:, j]
        places.append(x)
    if not places:
        return edge, curvature
    mean, drawn = losses.drawn(np.concatenate(places), seed=1)
    every = np.concatenate([mean[None, :], drawn])
    for k, (first, u) in spots.items():
        f = every[:, first : first + 3]
        edge[:, k] = _told(np.maximum(f[:, 0], f[:, 2]), confidence)
        if np.diff(u).min() > 1e-6:
            steps = np.diff(f, axis=1) / np.diff(u)
            curvature[:, k] = _told(2.0 * (steps[:, 1] - steps[:, 0]) / (u[2] - u[0]), confidence)
    return edge, curvature


def _told(values: FloatArray, confidence: float) -> FloatArray:
    """Estimate, low, high: the first value, and quantiles of the others."""
    low, high = np.quantile(values[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return np.array([values[0], min(low, values[0]), max(high, values[0])])


def _flat_share(losses: Losses, box: Box, worse: float, confidence: float) -> FloatArray:
    """Share of the box within the tolerated loss: estimate, low, high."""
    x = box.inside(BOX_POINTS, 3)
    if not len(x):
        return np.full(3, np.nan)
    mean, drawn = losses.drawn(x, seed=2)
    return _told(np.mean(np.concatenate([mean[None, :], drawn]) <= worse, axis=1), confidence)


def _named(
    losses: Losses, box: Box, robust: FloatArray, radius: float, confidence: float, middle: float
) -> tuple[_Named, dict[str, tuple[float, float]]]:
    """The named configurations, and the expected and upper value over the box of best and robust best."""
    from scipy.special import ndtri

    p = losses.p
    named: _Named = [("best", losses.point)]
    if not np.array_equal(robust, losses.point, equal_nan=True):
        named.append(("robust best", robust))
    boxes = over_box(losses, np.array([x for _, x in named]), radius, confidence)
    over = {
        what: (middle + p.sign * float(boxes.expected[i]), middle + p.sign * float(boxes.upper[i]))
        for i, (what, _) in enumerate(named)
    }
    named.append(("worst in the box", _worst(losses, box, 0.0)))
    named.append(("worst in the box by the upper bound", _worst(losses, box, float(ndtri(confidence)))))
    return named, over


def _worst(losses: Losses, box: Box, reach: float) -> FloatArray:
    """The allowed configuration of the box with the highest mean + reach * sd of the loss: a scan, then line searches."""

    def height(x: FloatArray) -> FloatArray:
        mean, sd = losses.moments(x)
        return mean + reach * sd

    x = np.concatenate([losses.point[None, :], box.corners(), box.inside(WORST_POINTS, 5)])
    value = height(x)
    top = np.argsort(-np.round(value, 9), kind="stable")[:LINE_STARTS]
    worst: FloatArray = x[top[0]]
    highest = float(value[top[0]])
    for i in top:
        now, level = x[i], float(value[i])
        for j in box.moving:
            line = box.line(now, j, LINE_POINTS)
            if len(line) and (along := height(line)).max() > level + 1e-9:
                now, level = line[int(np.argmax(along))], float(along.max())
        if level > highest + 1e-9:
            worst, highest = now, level
    space = losses.p.space
    if np.array_equal(worst, losses.point, equal_nan=True):
        return worst
    exact: FloatArray = settled(space, np.where(np.isnan(worst), 0.5, worst)[None, :])[0]  # as a storage gives it back
    return exact if space.feasible(exact[None, :])[0] else worst


def _ends_of_tolerances(p: Prepared, local: OneAtATime) -> _Named:
    """Where each knob alone leaves its tolerance, the strongest knob first; allowed ones only."""
    best = p.point(local.at)
    named: _Named = []
    for k in np.argsort(-np.nan_to_num(local.effect, nan=-1.0), kind="stable").tolist():
        j = p.names.index(local.parameters[k])
        if p.space.kinds[j] == "categorical":
            continue
        for end, word in zip(local.tolerance[k], ("lowest", "highest"), strict=True):
            x = np.where(np.isnan(best), 0.5, best)
            x[j] = p.space.coordinate(j, end)
            point = settled(p.space, x[None, :])
            if p.space.feasible(point)[0]:
                named.append((f"{word} tolerated {p.names[j]}", point[0]))
    return named


def _switches(p: Prepared, local: OneAtATime, worse: float) -> Switches:
    rows = []
    for curve in local.curves:
        if curve.kind == "categorical":
            ends = np.sort(p.sign * np.array([curve.low, curve.high]), axis=0)
            loss = p.sign * curve.effect
            rows += [
                (curve.name, curve.values[i], curve.labels[i], loss[i], ends[0][i], ends[1][i], bool(loss[i] <= p.scale.width * worse))
                for i in range(len(curve.u))
                if i != curve.here
            ]  # fmt: skip
    loss, low, high = (np.array([row[k] for row in rows], dtype=float) for k in (3, 4, 5))
    return Switches(
        tuple(row[0] for row in rows), tuple(row[1] for row in rows), tuple(row[2] for row in rows), loss, low, high,
        tuple(row[6] for row in rows),
    )  # fmt: skip


def _shape(edge: FloatArray, worse: float) -> str:
    if np.isnan(edge[0]):
        return "-"
    return "flat" if edge[2] <= worse else "sharp" if edge[1] > worse else "not clear"


def _verdict(local: OneAtATime, cliffs: Cliffs, name: str, shape: str) -> str:
    """The knob's verdict around the best configuration, with its cliffs."""
    word = local.verdicts[name]
    found = [cliffs.said(i) for i in range(len(cliffs.parameter)) if cliffs.parameter[i] == name]
    breaks = f"; {'; '.join(found)}" if found else ""
    if not word.startswith(MATTERS):
        return f"{MATTERS}: {'; '.join(found)}" if any("fail" in said for said in found) else word
    k = local.parameters.index(name)
    how = "" if shape in ("-", "not clear") else f"{shape} here; "
    return f"{MATTERS}: {how}tolerates {local.tolerance_text[k]}, surely {local.safe_text[k]}{breaks}"


def _notes(p: Prepared, fails: bool) -> tuple[str, ...]:
    notes = [
        *p.notes,
        f"Losses are in {p.scale.units}, positive is worse; epsilon and the objectives of configurations are in objective units. All but "
        "observed values are predictions of the surrogate.",
    ]
    if p.n_failed and not fails:
        notes.append("Too few trials failed to tell where trials fail.")
    if p.space.constrained:
        notes.append("Configurations that the constraints forbid are no part of the box.")
    return tuple(notes)


def _nothing_told(p: Prepared, radius: float, epsilon: float | None, criterion: str, confidence: float) -> Robustness:
    """The result when nothing can be told: no invented numbers."""
    local = _nothing(p, p.best if p.n else None, epsilon, confidence)
    d, none = len(local.parameters), np.empty(0)
    nan, never = np.full(d, np.nan), float("nan")
    return Robustness(
        parameters=local.parameters, local=local, edge=nan, edge_low=nan, edge_high=nan, curvature=nan, curvature_low=nan,
        curvature_high=nan, shape=("-",) * d, flat=never, flat_low=never, flat_high=never,
        cliffs=Cliffs((), (), (), (), (), none, none, none, none, np.empty(0, dtype=bool)),
        switches=Switches((), (), (), none, none, none, ()),
        places=Places((), (), none, none, none, np.empty((0, 2)), none, none, none, ()),
        cost=never, cost_low=never, cost_high=never, relief=never, noise=None, failing=never, failing_most=never,
        radius=float(radius), epsilon=local.epsilon, criterion=criterion,
        verdicts=dict.fromkeys(local.parameters, nothing_told(p)), scale=p.scale.name, confidence=confidence,
        n_used=p.n, n_failed=p.n_failed, notes=_notes(p, False),
    )  # fmt: skip
