"""The ablation path: from a start to the best configuration, one knob at a time, the most helpful first.

Notation
    loss    sign * (f(x) - f(start)), standardised on the scale; gain is minus that
    path    configurations (k + 1, d): the start, and after each of k flips

At every step each knob that still differs is set to its value in the best configuration, one at a time, and the step that the surrogate
expects to help most (or harm least) is kept.

Differs from Fawcett and Hoos 2016: the surrogate stands for real evaluations, so each step has an interval; racing is not needed. A knob
that only one of the two configurations has comes and goes with the knob that switches it.

Source: Fawcett and Hoos 2016 (doi:10.1007/s10732-014-9275-9); on a surrogate: Biedenkapp et al. 2017 (AAAI 31).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._losses import Losses, best_tried, centre, nothing_told
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, interval_text
from trimtab.sensitivity._surrogate import Prepared, check_confidence, prepare

__all__ = ["Ablation", "ablation"]

SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Ablation(Result):
    """Steps from the start to the best configuration. Arrays (k,), in the order of the path; gains on `scale`, positive is better.

    parameters       the knob of each step; from_labels, to_labels: its value before and after
    gain             what the step brings, given the steps before it, with gain_low and gain_high
    share            of the whole gain; NaN where the whole gain is not clearly positive
    objective        predicted objective after the step, in its own units, with objective_low and objective_high
    start, target    the two configurations; start_objective: predicted at the start
    total            gain of all steps, with total_low and total_high
    """

    parameters: tuple[str, ...]
    from_labels: tuple[str, ...]
    to_labels: tuple[str, ...]
    gain: FloatArray
    gain_low: FloatArray
    gain_high: FloatArray
    share: FloatArray
    objective: FloatArray
    objective_low: FloatArray
    objective_high: FloatArray
    start: Mapping[str, object]
    target: Mapping[str, object]
    start_objective: float
    total: float
    total_low: float
    total_high: float
    verdicts: dict[str, str]
    scale: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return [
            "step", "parameter", "from", "to", "gain", "gain_low", "gain_high", "share", "objective", "objective_low",
            "objective_high", "verdict",
        ]  # fmt: skip

    def rows(self) -> list[dict[str, object]]:
        arrays = self.columns()[4:-1]
        return [
            {
                "step": i + 1,
                "parameter": name,
                "from": self.from_labels[i],
                "to": self.to_labels[i],
                **{a: float(getattr(self, a)[i]) for a in arrays},
                "verdict": self.verdicts[name],
            }
            for i, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        whole = interval_text(self.total, self.total_low, self.total_high)
        gain = "gain not known" if whole == "-" else f"gain {whole} in all"
        return (
            f"Ablation path from the start to the best configuration: {gain}, scale {self.scale}, "
            f"{100 * self.confidence:g} % intervals, {self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "step": str(i + 1),
                "parameter": name,
                "change": f"{self.from_labels[i]} -> {self.to_labels[i]}",
                "gain": interval_text(self.gain[i], self.gain_low[i], self.gain_high[i]),
                "objective then": interval_text(self.objective[i], self.objective_low[i], self.objective_high[i]),
                "verdict": self.verdicts[name],
            }
            for i, name in enumerate(self.parameters)
        ]


def ablation(
    source: object,
    start: Mapping[str, object] | None = None,
    *,
    target: Mapping[str, object] | None = None,
    scale: str = "auto",
    confidence: float = 0.9,
) -> Ablation:
    """The path from a start to the best configuration, one knob at a time, the most helpful first, through the surrogate.

    Answers "which of the changes against the defaults brought the gain, and which were idle?". A gain holds given the steps before it:
    where knobs interact, the first of two takes or leaves what both bring; `shapley(source, game="ablation")` shares that out. Do not
    use it to rank knobs over the space (`sobol`): a knob whose start value is already good has no step.

    source      a Study or a TrialTable; failed and pruned trials are left out
    start       a configuration; None: the prior's best guess, else the middle of each range and the first of choices
    target      a configuration; None: the best posterior mean among those tried
    scale       of the gains: "auto", "raw", "log" or "rank"
    confidence  of the intervals, which hold seed noise and the surrogate's ignorance along the path

    Constraints do not apply on the way. SpaceError for a start or target that the space does not have. Fawcett and Hoos 2016.
    """
    check_confidence(confidence)
    for name, given in (("start", start), ("target", target)):
        if given is not None and not isinstance(given, Mapping):
            raise InputError(f"{name} must be a configuration such as {{'lr': 0.1}}, got {given!r}.")
    p = prepare(source, scale)
    first = centre(p.space) if start is None else p.point(start)
    if not p.n and target is None:
        return _nothing(p, first, first, confidence)
    last = best_tried(p) if target is None else p.point(target)
    if not p.explained:
        return _nothing(p, first, last, confidence)
    with one_blas_thread():
        return _along(p, first, last, confidence)


def latent_pair(first: FloatArray, last: FloatArray) -> tuple[FloatArray, FloatArray, list[int]]:
    """Both configurations without NaN, and the columns in which they then differ.

    A knob that only one of them has keeps its value there in both; so it comes and goes with what switches it.
    """
    a = np.where(np.isnan(first), np.where(np.isnan(last), 0.5, last), first)
    b = np.where(np.isnan(last), a, last)
    return a, b, [int(j) for j in np.flatnonzero(np.abs(a - b) > SAME)]


def _along(p: Prepared, first: FloatArray, last: FloatArray, confidence: float) -> Ablation:
    now, goal, open_ones = latent_pair(first, last)
    losses = Losses.of(p, p.space.snap(now[None, :])[0])
    order, path = [], []
    while open_ones:
        moved = np.repeat(now[None, :], len(open_ones), axis=0)
        moved[np.arange(len(open_ones)), open_ones] = goal[open_ones]
        mean, _ = losses.moments(p.space.snap(moved))
        k = int(np.argmin(np.round(mean, 9)))
        now = moved[k]
        order.append(open_ones.pop(k))
        path.append(now)
    return _result(p, losses, order, np.array(path).reshape(len(order), p.space.d), first, last, confidence)


def _result(
    p: Prepared,
    losses: Losses,
    order: list[int],
    path: FloatArray,
    first: FloatArray,
    last: FloatArray,
    confidence: float,
) -> Ablation:
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    k = len(order)
    mean, drawn = losses.drawn(p.space.snap(path)) if k else (np.empty(0), np.empty((1, 0)))
    steps = -np.diff(mean, prepend=0.0)
    low, high = np.quantile(-np.diff(drawn, prepend=0.0, axis=1), ends, axis=0) if k else np.empty((2, 0))
    dead = ~p.alive[order]
    # the trials are explained without the knob: "no effect" belongs to its interval
    low, high = np.where(dead, np.minimum(low, 0.0), low), np.where(dead, np.maximum(high, 0.0), high)
    low, high = np.minimum(low, steps), np.maximum(high, steps)
    total = -mean[-1] if k else 0.0
    total_low, total_high = np.quantile(-drawn[:, -1], ends) if k else (0.0, 0.0)
    here = float(np.mean([gp.predict(losses.point[None, :])[0][0] for gp in p.draws]))
    loss_ends = np.quantile(drawn, ends, axis=0) if k else np.empty((2, 0))
    objective = p.scale.objective(here + p.sign * mean)
    band = np.sort(p.scale.objective(here + p.sign * loss_ends), axis=0)
    width, names = p.scale.width, tuple(p.names[j] for j in order)
    gain = width * np.array([steps, low, high])
    a, b, _ = latent_pair(first, last)
    verdicts = {
        name: _verdict(p, j, gain[:, i], confidence) for i, (name, j) in enumerate(zip(names, order, strict=True))
    }
    return Ablation(
        parameters=names, from_labels=tuple(_label(p, j, a) for j in order), to_labels=tuple(_label(p, j, b) for j in order),
        gain=gain[0], gain_low=gain[1], gain_high=gain[2],
        share=steps / total if total_low > 0 else np.full(k, np.nan),
        objective=objective, objective_low=np.minimum(band[0], objective), objective_high=np.maximum(band[1], objective),
        start=p.space.decode(first[None, :])[0], target=p.space.decode(last[None, :])[0],
        start_objective=float(p.scale.objective(np.array([here]))[0]),
        total=float(width * total), total_low=float(width * min(total_low, total)),
        total_high=float(width * max(total_high, total)), verdicts=verdicts,
        scale=p.scale.name, confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p, order),
    )  # fmt: skip


def _label(p: Prepared, j: int, x: FloatArray) -> str:
    return p.space.label(j, p.space.value(j, float(x[j])))


def _verdict(p: Prepared, j: int, gain: FloatArray, confidence: float) -> str:
    if not p.varied[j]:
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value"
    if not p.alive[j]:
        return f"{DEAD}: the {p.n} trials are explained as well without it"
    if gain[1] > 0:
        return f"{MATTERS}: this step improves the objective ({100 * confidence:g} %)"
    if gain[2] < 0:
        return f"{MATTERS}: this step makes the objective worse ({100 * confidence:g} %)"
    return f"{DEAD}: on this step it may help or harm, though it matters elsewhere"


def _notes(p: Prepared, order: list[int]) -> tuple[str, ...]:
    notes = [*p.notes, f"Gains are in {p.scale.units}, positive is better; each holds given the steps before it."]
    idle = [name for j, name in enumerate(p.names) if j not in order]
    if idle:
        notes.append(
            f"Equal in both configurations, or switched by another knob, and so without a step: {', '.join(idle)}."
        )
    return tuple(notes)


def _nothing(p: Prepared, first: FloatArray, last: FloatArray, confidence: float) -> Ablation:
    """The knobs that differ, without gains."""
    a, b, order = latent_pair(first, last)
    names, nan = tuple(p.names[j] for j in order), np.full(len(order), np.nan)
    return Ablation(
        names, tuple(_label(p, j, a) for j in order), tuple(_label(p, j, b) for j in order), nan, nan, nan, nan, nan, nan,
        nan, p.space.decode(first[None, :])[0], p.space.decode(last[None, :])[0], np.nan, np.nan, np.nan, np.nan,
        dict.fromkeys(names, nothing_told(p)), p.scale.name, confidence, p.n, p.n_failed, _notes(p, order),
    )  # fmt: skip
