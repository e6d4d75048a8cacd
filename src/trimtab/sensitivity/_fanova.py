"""Functional ANOVA on a random forest: shares of variance from many trials, for discontinuous responses and many knobs.

Notation
    n, d, T    trials, knobs, trees
    f_t        prediction of tree t; constant on boxes, so all its integrals over the declared space are exact sums (_leaf_boxes)
    V_S        mean over pairs of different trees of Cov(E[f_s | x_S], E[f_t | x_S])
    main_j = V_j / V     total_j = 1 - V_{all but j} / V     share_ij = (V_ij - V_i - V_j) / V

Differs from Hutter et al.: variances of single trees are inflated by what each tree makes of the noise and of its own resample, which
spreads importance evenly over the knobs; covariances of different trees are not. Inactive knobs get a random value, so the trees learn
that it does not matter and a conditional knob counts where it is active. Choices are ordered by their mean objective before the fit.

Sources: Hutter, Hoos, Leyton-Brown 2014 (proceedings.mlr.press/v32/hutter14); Breiman 2001 (doi:10.1023/A:1010933404324); for the
verdicts, copies of the knobs in random order: Kursa, Rudnicki 2010 (doi:10.18637/jss.v036.i11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab.numerics import BoolArray, FloatArray, column_rule
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._design import check_whole
from trimtab.sensitivity._leaf_boxes import boxes_of, cross_moments
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, percent_text
from trimtab.sensitivity._sobol import Interactions
from trimtab.sensitivity._surrogate import Prepared, check_confidence, read_trials, too_little

__all__ = ["Fanova", "fanova"]

TREES = 64
LEAVES, SAMPLES = 256, 2_000  # of one tree: enough for the shares, and leaf pairs cost their square
FEATURES = 0.6  # of the knobs looked at for a split
GROUPS, GROUP_TREES = 16, 8  # forests on random halves of the trials, for the intervals
SHADOWS, SHADOW_TREES = 32, 4  # forests with shuffled copies of the knobs, for the verdicts
SHADOW_LEAVES, SHADOW_SAMPLES = 64, 1_000
LISTED_LEVELS = 512

Measures = list[Callable[[FloatArray], FloatArray]]


@dataclass(frozen=True, eq=False)
class Fanova(Result):
    """Shares of the variance of a random forest over the declared space.

    All arrays are (d,), in the order of `parameters`; shares lie in [0, 1]; where there is too little data they are NaN with the
    interval [0, 1]. The integrals over the forest are exact; the intervals are those of forests on random halves of the trials.

    main, total     as in `Sensitivity`, each with _low and _high
    interactions    pair shares, largest first
    fit             share of the variance of the trials that trees explain which did not see them; below 0 is worse than the mean
    """

    parameters: tuple[str, ...]
    main: FloatArray
    main_low: FloatArray
    main_high: FloatArray
    total: FloatArray
    total_low: FloatArray
    total_high: FloatArray
    interactions: Interactions
    verdicts: dict[str, str]
    scale: str
    confidence: float
    fit: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["parameter", "main", "main_low", "main_high", "total", "total_low", "total_high", "verdict"]

    def rows(self) -> list[dict[str, object]]:
        arrays = self.columns()[1:-1]
        return [
            {"parameter": name, **{a: float(getattr(self, a)[j]) for a in arrays}, "verdict": self.verdicts[name]}
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        failed = f", {self.n_failed} failed left out" if self.n_failed else ""
        return (
            f"fANOVA: shares of the variance of a random forest, scale {self.scale}, {100 * self.confidence:g} % intervals, "
            f"{self.n_used} trials used{failed}"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                "main": percent_text(self.main[j], self.main_low[j], self.main_high[j]),
                "total": percent_text(self.total[j], self.total_low[j], self.total_high[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]


def fanova(source: object, *, scale: str = "auto", confidence: float = 0.9, seed: int = 0) -> Fanova:
    """Main, total and pair shares of the variance of a random forest fitted to the trials, with intervals.

    Answers the question of `sobol` with another model. Use it for hundreds to tens of thousands of trials, for responses with jumps, and
    to check `sobol`. Do not use it below about 100 trials, where forests are flat and their shares off by 0.1; for knobs that act only
    together, which greedy trees find late, so that their share is too small; nor for an optimiser's trials alone: where few trials lie
    a tree repeats the nearest ones and does not know it.

    source      a Study or a TrialTable; failed and pruned trials are left out
    scale       of the objective: "auto", "raw", "log" or "rank"
    confidence  of the intervals, which come from forests on random halves of the trials: they hold seed noise and sampling, not what no
                forest can follow
    seed        of the forests

    Exact: the integrals of the forest over the declared distributions, without sampling. A knob matters if the forest splits on it more
    than on 32 shuffled copies of it. Raises InputError for bad arguments. Hutter, Hoos, Leyton-Brown 2014.
    """
    check_confidence(confidence)
    p = read_trials(source, scale)
    if p.why:
        return _nothing(p, confidence, too_little(p), np.nan)
    with one_blas_thread():
        return _analysed(p, confidence, check_whole("seed", seed, 0))


def _analysed(p: Prepared, confidence: float, seed: int) -> Fanova:
    columns = np.flatnonzero(p.varied)
    x, z = _ordered(p, columns, seed), p.scale.standard(p.v)
    live = _live(x, z, np.random.default_rng([seed, 3]))
    forest = _forest(x, z, TREES, np.random.default_rng([seed, 0]))
    fit = _out_of_bag(forest, x, z)
    if not live.any():
        return _nothing(
            p, confidence, f"{DEAD}: noise alone explains the {p.n} trials as well as all knobs together", fit
        )
    measures = [_measure(p, int(j)) for j in columns]
    middle = _shares(forest, measures)
    rng = np.random.default_rng([seed, 1])
    parts = []
    for _ in range(GROUPS):
        rows = rng.permutation(p.n)[: (p.n + 1) // 2]
        parts.append(_shares(_forest(x[rows], z[rows], GROUP_TREES, rng), measures))
    return _result(p, columns, live, middle, np.array(parts), fit, confidence)


def _ordered(p: Prepared, columns: np.ndarray, seed: int) -> FloatArray:
    """What the trees see (n, columns): choices in the order of their mean objective, random values where a knob is inactive."""
    x = p.x[:, columns].copy()
    rng = np.random.default_rng([seed, 2])
    filler = rng.random(x.shape)
    for k, j in enumerate(columns):
        there = ~np.isnan(x[:, k])
        if p.space.kinds[j] == "categorical":
            where = np.unique(np.round(x[there, k], 9), return_inverse=True)[1]
            z = p.scale.standard(p.v[there])
            means = np.bincount(where, weights=z) / np.bincount(where)
            place = np.argsort(np.argsort(means, kind="stable"), kind="stable")
            x[there, k] = (place[where] + 0.5) / len(means)
        if len(gone := np.flatnonzero(~there)):
            x[gone, k] = filler[gone, k]
    return x


def _measure(p: Prepared, j: int) -> Callable[[FloatArray], FloatArray]:
    """Share of column j at or below a threshold: levels count as wholes; of choices those that were tried."""
    if p.space.kinds[j] == "categorical":
        seen = len(np.unique(np.round(p.x[~np.isnan(p.x[:, j]), j], 9)))
        return lambda t: np.asarray(np.floor(t * seen + 0.5 + 1e-6) / seen)
    k = int(p.space.n_levels[j])
    if not 0 < k <= LISTED_LEVELS:
        return lambda t: np.clip(t, 0.0, 1.0)
    nodes, weights = column_rule(256, k, p.space.parameters[p.space.names[j]].snap)
    edges = np.concatenate([[0.0], np.cumsum(weights)])
    edges[-1] = 1.0
    return lambda t: np.asarray(edges[np.searchsorted(nodes, t + 1e-6, side="right")])


@dataclass(frozen=True, eq=False)
class _Forest:
    """Fitted trees, and the trials that each was fitted to."""

    trees: list[Any]
    drawn: list[np.ndarray]


def _forest(
    x: FloatArray, z: FloatArray, count: int, rng: np.random.Generator, leaves: int = LEAVES, samples: int = SAMPLES
) -> _Forest:
    """Trees, each on a resample of the trials. Tree by tree: scikit-learn's forest itself costs more than small trees do."""
    from sklearn.tree import DecisionTreeRegressor

    n = len(z)
    narrow, wide = np.asarray(x, dtype=np.float32), z[:, None]
    trees, drawn = [], []
    for _ in range(count):
        rows = rng.integers(n, size=min(n, samples))
        tree = DecisionTreeRegressor(
            max_features=FEATURES, max_leaf_nodes=leaves, random_state=int(rng.integers(2**31))
        )
        trees.append(tree.fit(narrow[rows], wide[rows], check_input=False))
        drawn.append(rows)
    return _Forest(trees, drawn)


def _out_of_bag(forest: _Forest, x: FloatArray, z: FloatArray) -> float:
    """Share of the variance of the trials that trees explain which did not see them."""
    narrow = np.asarray(x, dtype=np.float32)
    total, count = np.zeros(len(z)), np.zeros(len(z))
    for tree, rows in zip(forest.trees, forest.drawn, strict=True):
        out = np.ones(len(z), dtype=bool)
        out[rows] = False
        if out.any():
            total[out] += tree.predict(narrow[out], check_input=False)
            count[out] += 1
    seen = count > 0
    error = np.sum((z[seen] - total[seen] / count[seen]) ** 2)
    spread = np.sum((z[seen] - z[seen].mean()) ** 2)
    return float(1.0 - error / spread) if spread > 0 else float("nan")


def _live(x: FloatArray, z: FloatArray, rng: np.random.Generator) -> BoolArray:
    """Knobs on which forests split more than on every one of the SHADOWS shuffled copies of it (columns,).

    A dead knob passes with a probability of about 1 / (SHADOWS + 1).
    """
    n, d = x.shape
    real, shadow = np.zeros((SHADOWS, d)), np.zeros((SHADOWS, d))
    for i in range(SHADOWS):
        both = np.concatenate([x, x[rng.permutation(n)]], axis=1)
        forest = _forest(both, z, SHADOW_TREES, rng, SHADOW_LEAVES, SHADOW_SAMPLES)
        split = np.mean([t.tree_.compute_feature_importances(normalize=False) for t in forest.trees], axis=0)
        real[i], shadow[i] = split[:d], split[d:]
    return np.asarray(real.mean(axis=0) > shadow.max(axis=0))


def _shares(forest: _Forest, measures: Measures) -> FloatArray:
    """Main, total (d,) and pairs (d, d), stacked to (d + 2, d): ratios of means over neighbouring trees."""
    boxes = [boxes_of(tree.tree_, measures) for tree in forest.trees]
    moments = [cross_moments(f, g, pairs=True) for f, g in zip(boxes, [*boxes[1:], boxes[0]], strict=True)]
    everything = max(float(np.mean([m.everything for m in moments])), 1e-9)
    main = np.mean([m.main for m in moments], axis=0) / everything
    total = np.mean([m.total for m in moments], axis=0) / everything
    closed = np.mean([m.pair for m in moments], axis=0) / everything
    pair = closed - main[:, None] - main[None, :]
    return np.concatenate([main[None], total[None], pair])


def _result(
    p: Prepared,
    columns: np.ndarray,
    live: BoolArray,
    middle: FloatArray,
    parts: FloatArray,
    fit: float,
    confidence: float,
) -> Fanova:
    from scipy.special import stdtrit

    d = p.space.d
    wide = stdtrit(GROUPS - 1, (1 + confidence) / 2) * parts.std(axis=0, ddof=1)
    ends = np.clip([middle, middle - wide, middle + wide], 0.0, 1.0)  # (3, columns + 2, columns)
    full = np.full((3, d + 2, d), np.nan)
    full[1], full[2] = 0.0, 1.0
    full[np.ix_(np.arange(3), np.concatenate([[0, 1], columns + 2]), columns)] = ends
    alive = np.zeros(d, dtype=bool)
    alive[columns] = live & (middle[1] > 0.0)
    full[1, :2, ~alive] = 0.0
    for share in full:  # a total holds its main
        share[1] = np.maximum(share[1], share[0])
    single = np.array([p.space.n_levels[j] == 1 for j in range(d)])
    full[:, :2, single] = 0.0
    return Fanova(
        parameters=p.names,
        main=full[0, 0], main_low=full[1, 0], main_high=full[2, 0],
        total=full[0, 1], total_low=full[1, 1], total_high=full[2, 1],
        interactions=_pairs(p.names, full[:, 2:], alive),
        verdicts={name: _verdict(p, j, bool(alive[j]), full[:, 1, j], confidence) for j, name in enumerate(p.names)},
        scale=p.scale.name, confidence=confidence, fit=fit, n_used=p.n, n_failed=p.n_failed, notes=_notes(p, fit),
    )  # fmt: skip


def _pairs(names: tuple[str, ...], share: FloatArray, alive: BoolArray) -> Interactions:
    first, second = np.triu_indices(len(names), 1)
    middle, low, high = share[:, first, second]
    low = np.where(alive[first] & alive[second], low, 0.0)
    order = np.argsort(-np.nan_to_num(middle, nan=-1.0), kind="stable")
    return Interactions(
        tuple(names[i] for i in first[order]), tuple(names[i] for i in second[order]), middle[order], low[order], high[order]
    )  # fmt: skip


def _verdict(p: Prepared, j: int, alive: bool, total: FloatArray, confidence: float) -> str:
    if p.space.n_levels[j] == 1:
        return f"{DEAD}: it has only one value"
    if not p.varied[j]:
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value"
    if alive:
        return f"{MATTERS}: it moves {100 * total[1]:.0f} to {100 * total[2]:.0f} % of the forest's variance ({100 * confidence:g} %)"
    return f"{DEAD}: the forest splits on it no more than on shuffled copies of it"


def _nothing(p: Prepared, confidence: float, reason: str, fit: float) -> Fanova:
    d = p.space.d
    nan, zero, one = np.full(d, np.nan), np.zeros(d), np.ones(d)
    pairs = np.full((3, d, d), np.nan)
    pairs[1], pairs[2] = 0.0, 1.0
    return Fanova(
        parameters=p.names, main=nan, main_low=zero, main_high=one,
        total=nan.copy(), total_low=zero.copy(), total_high=one.copy(), interactions=_pairs(p.names, pairs, np.zeros(d, dtype=bool)),
        verdicts=dict.fromkeys(p.names, reason), scale=p.scale.name, confidence=confidence, fit=fit,
        n_used=p.n, n_failed=p.n_failed, notes=_notes(p, fit),
    )  # fmt: skip


def _notes(p: Prepared, fit: float) -> tuple[str, ...]:
    notes = [*p.notes]
    if np.isfinite(fit):
        notes.append(
            f"The forest explains {max(100 * fit, 0):.0f} % of the variance of trials that a tree has not seen."
        )
    notes.append("Knobs vary independently over their declared distributions; the integrals over the forest are exact.")
    if p.crowded:
        notes.append(
            "The trials crowd in parts of the space, as an optimiser's do: elsewhere the forest repeats its nearest trials, "
            "and the intervals do not know. Compare with trimtab.sensitivity.sobol."
        )
    if p.n and not p.varied.all():
        same = ", ".join(name for name, varied in zip(p.names, p.varied, strict=True) if not varied)
        notes.append(f"Never changed among these trials, and left out: {same}.")
    if p.space.is_conditional:
        notes.append(
            "A conditional knob counts only where it is active; its parent's share includes switching it on and off."
        )
    if p.space.constrained:
        notes.append("Constraints are not applied here: shares include configurations that the constraints forbid.")
    return tuple(notes)
