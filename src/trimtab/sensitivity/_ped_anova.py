"""PED-ANOVA: which knobs decide whether a configuration is among the best, from where the best trials lie.

Notation
    n, m       trials, the best of them (about quantile * n)
    p, q       density of a knob among all trials and among the best ones, both smoothed alike; on a grid, or by level
    D          Pearson divergence, mean over p of (q / p - 1)^2
    explained  D quantile / (1 - quantile): share of the variance of the 0/1 outcome "among the best" that the knob explains alone
    importance explained, as a share of the sum over the knobs

Differs from Watanabe et al.: the divergence that random subsets of m trials show is subtracted, so that a dead knob gets about 0 instead
of a share that falls with n; a conditional knob is compared among the trials where it is active and weighted with how many of the best
those are (as in condPED-ANOVA).

Sources: Watanabe, Bansal, Hutter 2023 (arXiv:2304.10255, equation 16); condPED-ANOVA (arXiv:2601.20800).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, percent_text
from trimtab.sensitivity._surrogate import Prepared, check_confidence, read_trials, too_little

__all__ = ["PedAnova", "ped_anova"]

GRID = 50
BY_LEVEL = 16  # levels of a discrete knob up to which it is not smoothed
FEWEST_BEST = 5
RESAMPLES, SUBSETS = 300, 499
ALPHA = 0.02
WIDTH = 0.2  # of the kernels, times m^(-1/3)


@dataclass(frozen=True, eq=False)
class PedAnova(Result):
    """What matters to get among the best trials. All arrays are (d,), in the order of `parameters`.

    importance  share of what the knobs explain together, with importance_low and importance_high; they sum to 1. NaN with [0, 1] where
                there is too little data or no knob explains anything
    explained   share of the variance of "among the best or not" that the knob explains alone, with explained_low and explained_high
    threshold   objective of the worst trial that counts as best; n_best: how many do
    """

    parameters: tuple[str, ...]
    importance: FloatArray
    importance_low: FloatArray
    importance_high: FloatArray
    explained: FloatArray
    explained_low: FloatArray
    explained_high: FloatArray
    verdicts: dict[str, str]
    quantile: float
    threshold: float
    n_best: int
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return [
            "parameter", "importance", "importance_low", "importance_high", "explained", "explained_low", "explained_high", "verdict"
        ]  # fmt: skip

    def rows(self) -> list[dict[str, object]]:
        arrays = self.columns()[1:-1]
        return [
            {"parameter": name, **{a: float(getattr(self, a)[j]) for a in arrays}, "verdict": self.verdicts[name]}
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        return (
            f"PED-ANOVA: what matters to get into the best {100 * self.quantile:g} %, {100 * self.confidence:g} % intervals, "
            f"{self.n_best} best of {self.n_used} trials"
        )

    def shown(self) -> list[dict[str, str]]:
        return [
            {
                "parameter": name,
                "importance": percent_text(self.importance[j], self.importance_low[j], self.importance_high[j]),
                "explains alone": percent_text(self.explained[j], self.explained_low[j], self.explained_high[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]


def ped_anova(source: object, *, quantile: float = 0.1, confidence: float = 0.9) -> PedAnova:
    """Which knobs decide whether a trial is among the best `quantile`, each with an interval.

    Answers "what must be right to get into the best 10 %?", not "what moves the objective": a knob that ruins half of the space and does
    not tell good from very good gets little here and much in `sobol`. It sees each knob alone: pairs that are good only together are
    missed. Do not use it for the size of effects. It compares the best trials with all trials, not with the space, so it can be used for
    an optimiser's trials; what an optimiser never tried does not count.

    source      a Study or a TrialTable; failed and pruned trials are left out
    quantile    of the trials that counts as best; at least 5 trials
    confidence  of the intervals: trials are resampled

    A knob matters if its divergence is among the largest 2 % of those of random subsets. Raises InputError for bad arguments. Watanabe,
    Bansal, Hutter 2023.
    """
    check_confidence(confidence)
    if not isinstance(quantile, int | float) or not 0.0 < quantile < 1.0:
        raise InputError(f"quantile must lie between 0 and 1, got {quantile!r}. 0.1 asks about the best 10 %.")
    p = read_trials(source, "raw")
    y = p.sign * p.v
    m = round(quantile * p.n)
    threshold = float(np.sort(y)[m - 1]) if 0 < m <= p.n else np.nan
    best = y <= threshold
    reason = _why_not(p, m, int(best.sum()), quantile)
    if reason:
        return _nothing(p, quantile, confidence, reason, np.nan, 0)
    order = np.argsort(y, kind="stable")
    rng = np.random.default_rng(0)
    weights = rng.multinomial(p.n, np.full(p.n, 1.0 / p.n), size=RESAMPLES).astype(float)[:, order]
    # the same share of each resample is best, ties taken in part
    ranked = np.clip(best.sum() - (np.cumsum(weights, axis=1) - weights), 0.0, weights)
    all_of, best_of = np.empty((2, RESAMPLES, p.n))
    all_of[:, order], best_of[:, order] = weights, ranked
    with one_blas_thread():
        subsets = _subsets(p.n, int(best.sum()), 0)
        found = [_column(p, j, best, all_of, best_of, subsets) for j in range(p.space.d)]
    return _result(p, quantile, confidence, p.sign * threshold, int(best.sum()), found)


def _why_not(p: Prepared, m: int, n_best: int, quantile: float) -> str:
    if p.why:
        return too_little(p)
    if m < FEWEST_BEST:
        return (
            f"{TOO_LITTLE}: the best {100 * quantile:g} % of {p.n} trials are {m}, at least {FEWEST_BEST} are needed; "
            "a larger quantile= takes more"
        )
    if n_best > max(2 * m, 0.5 * p.n) and n_best > m:
        return f"{TOO_LITTLE}: {n_best} of {p.n} trials share the best objective values, so none stand out"
    return ""


@dataclass(frozen=True, eq=False)
class _Found:
    """One knob: its divergence beyond that of random subsets, resamples of it, and the p value."""

    divergence: float
    resamples: FloatArray
    p_value: float


def _subsets(n: int, k: int, seed: int) -> FloatArray:
    """SUBSETS random subsets of k of n trials, as 0 and 1 (SUBSETS, n)."""
    labels = np.zeros((SUBSETS, n))
    labels[:, :k] = 1.0
    return np.random.default_rng(seed).permuted(labels, axis=1)


def _column(
    p: Prepared, j: int, best: np.ndarray, all_of: FloatArray, best_of: FloatArray, subsets: FloatArray
) -> _Found | None:
    """None where the knob never varied, or never among enough trials."""
    there = ~np.isnan(p.x[:, j])
    k = int(best[there].sum())
    if not p.varied[j] or k < 2 or there.sum() - k < 2:
        return None
    kernel = _smoother(p, j, p.x[there, j], k)
    labels = subsets if there.all() else _subsets(int(there.sum()), k, j + 1)
    everything = np.ones((1, int(there.sum())))
    # a conditional knob counts with how many of the best trials have it, and how many of all
    weight = (k / best.sum()) ** 2 / there.mean()
    own = weight * float(_divergence(kernel, everything, best[None, there].astype(float))[0])
    chance = weight * _divergence(kernel, everything, labels)
    again = weight * _divergence(kernel, all_of[:, there], best_of[:, there])
    p_value = (1 + np.sum(chance >= own * (1 - 1e-12))) / (SUBSETS + 1)
    middle = max(own - float(chance.mean()), 0.0)
    return _Found(middle, np.maximum(again - again.mean() + middle, 0.0), float(p_value))


def _smoother(p: Prepared, j: int, u: FloatArray, k: int) -> FloatArray:
    """Kernel (G, n): what each trial adds to each grid point (or its own level); columns sum to 1."""
    levels = np.unique(np.round(u, 9))
    n_levels = int(p.space.n_levels[j])
    if p.space.kinds[j] == "categorical" or 0 < n_levels <= BY_LEVEL:
        return np.asarray(np.abs(u[None, :] - levels[:, None]) < 1e-8, dtype=float)
    grid = (np.arange(GRID) + 0.5)[:, None] / GRID
    width = WIDTH * k ** (-1 / 3)
    # reflected at the ends, so that no mass is lost there
    kernel = sum(np.exp(-0.5 * ((grid - image) / width) ** 2) for image in (u, -u, 2.0 - u))
    return np.asarray(kernel / np.sum(kernel, axis=0))


def _divergence(kernel: FloatArray, all_of: FloatArray, best_of: FloatArray) -> FloatArray:
    """D of B weightings of the trials (B,). kernel (G, n), all_of (B or 1, n), best_of (B, n)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        p = all_of @ kernel.T / all_of.sum(axis=1, keepdims=True)
        q = best_of @ kernel.T / best_of.sum(axis=1, keepdims=True)
        return np.asarray(np.sum(np.where(p > 1e-12, (q - p) ** 2 / p, 0.0), axis=1))


def _result(
    p: Prepared, quantile: float, confidence: float, threshold: float, n_best: int, found: list[_Found | None]
) -> PedAnova:
    d = p.space.d
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    share = n_best / p.n
    known = [j for j, f in enumerate(found) if f is not None]
    single = np.array([p.space.n_levels[j] == 1 for j in range(d)])
    importance, explained = np.full((3, d), np.nan), np.full((3, d), np.nan)
    importance[1:], explained[1:] = [[0.0], [1.0]], [[0.0], [1.0]]
    for part in (importance, explained):
        part[:, single] = 0.0
    live = np.zeros(d, dtype=bool)
    if known:
        divergence = np.array([f.divergence for f in found if f is not None])
        again = np.array([f.resamples for f in found if f is not None])
        live[known] = [f.p_value <= ALPHA and f.divergence > 0 for f in found if f is not None]
        unit = share / (1 - share)
        explained[:, known] = np.clip([unit * divergence, *np.quantile(unit * again, ends, axis=1)], 0.0, 1.0)
        if live.any():
            parts = again / np.maximum(again.sum(axis=0), 1e-12)
            middle = divergence / divergence.sum()
            low, high = np.quantile(parts, ends, axis=1)
            importance[:, known] = [middle, np.minimum(low, middle), np.maximum(high, middle)]
        for part in (importance, explained):
            part[1, ~live] = np.where(np.isnan(part[0, ~live]), part[1, ~live], 0.0)
    return PedAnova(
        parameters=p.names, importance=importance[0], importance_low=importance[1], importance_high=importance[2],
        explained=explained[0], explained_low=np.fmin(explained[1], explained[0]), explained_high=np.fmax(explained[2], explained[0]),
        verdicts={name: _verdict(p, j, found[j], bool(live[j]), quantile) for j, name in enumerate(p.names)},
        quantile=quantile, threshold=threshold, n_best=n_best, confidence=confidence, n_used=p.n, n_failed=p.n_failed,
        notes=_notes(p, quantile, threshold),
    )  # fmt: skip


def _verdict(p: Prepared, j: int, found: _Found | None, live: bool, quantile: float) -> str:
    if p.space.n_levels[j] == 1:
        return f"{DEAD}: it has only one value"
    if not p.varied[j]:
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value"
    if found is None:
        return f"{TOO_LITTLE}: it is active in too few of the best trials, or in all but a few of them"
    if live:
        return f"{MATTERS}: the best {100 * quantile:g} % lie elsewhere along it than all trials do"
    return f"{DEAD}: along it the best {100 * quantile:g} % lie where random subsets of the trials do (P = {found.p_value:.2g})"


def _nothing(p: Prepared, quantile: float, confidence: float, reason: str, threshold: float, n_best: int) -> PedAnova:
    d = p.space.d
    nan, zero, one = np.full(d, np.nan), np.zeros(d), np.ones(d)
    return PedAnova(
        parameters=p.names, importance=nan, importance_low=zero, importance_high=one, explained=nan.copy(),
        explained_low=zero.copy(), explained_high=one.copy(), verdicts=dict.fromkeys(p.names, reason), quantile=quantile,
        threshold=threshold, n_best=n_best, confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p, quantile, threshold),
    )  # fmt: skip


def _notes(p: Prepared, quantile: float, threshold: float) -> tuple[str, ...]:
    notes = [note for note in p.notes if "scale" not in note]
    where = f" (objective {threshold:.4g} or better)" if np.isfinite(threshold) else ""
    notes.append(
        f"The question is what matters to get into the best {100 * quantile:g} % of the trials{where}, one knob at a time; "
        "it is not the share of the objective's variance."
    )
    if p.crowded:
        notes.append(
            "The trials crowd in parts of the space: best trials are compared with all trials, not with the space."
        )
    if p.space.is_conditional:
        notes.append("A conditional knob is judged among the trials where it is active.")
    return tuple(notes)
