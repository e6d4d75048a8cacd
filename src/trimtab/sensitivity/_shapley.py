"""Shapley values: what each knob earns, when what knobs bring together is shared out evenly; with pairwise interactions.

Notation
    S         a coalition of knobs; v(S) what it earns, v of none is 0
    value_j   what knob j adds to the knobs before it, averaged over all orders in which the knobs may come: they add up to v(all)
    pair_ij   what i and j bring together beyond what each brings alone, averaged likewise (Shapley interaction index)

Sources: Shapley 1953; Owen 2014 (doi:10.1137/130936233) for variance; Wever et al. 2026 (HyperSHAP, arXiv:2502.01276) for tunability and
ablation; Grabisch and Roubens 1999 (doi:10.1007/s001820050125) for the interactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import BoolArray, FloatArray
from trimtab.numerics._threads import one_blas_thread
from trimtab.sensitivity._ablation import latent_pair
from trimtab.sensitivity._games import MOST_PLAYERS, members, moebius, pairs_of, shapley_pairs, shapley_values
from trimtab.sensitivity._losses import WIDEN, best_tried, centre, nothing_told
from trimtab.sensitivity._measure import held, whole
from trimtab.sensitivity._result import DEAD, MATTERS, TOO_LITTLE, Result, interval_text, percent_text
from trimtab.sensitivity._shapley_effects import effects
from trimtab.sensitivity._shares import coefficients
from trimtab.sensitivity._slices import kernel_rows
from trimtab.sensitivity._sobol import CROWDED, ESTIMATE_SETS, EXTRA, FUNCTION_DRAWS, PAIR_SETS, _estimate, _part
from trimtab.sensitivity._sobol import WIDEN as WIDEN_SHARES
from trimtab.sensitivity._surrogate import Prepared, check_confidence, prepare
from trimtab.sensitivity._tuning import tuned

__all__ = ["GAMES", "PairValues", "Shapley", "shapley"]

GAMES = ("variance", "tunability", "ablation")
_Effects = tuple[FloatArray, FloatArray]  # values (d, D) and pairs (p, D)
PAIR_MIDDLE = 2  # hyperparameter draws behind the estimates of pairs
DRAWN_AT = 128  # coalitions at which functions are drawn exactly; between them the surrogate interpolates


@dataclass(frozen=True, eq=False)
class PairValues(Result):
    """Shapley interactions of all pairs, largest size first. Arrays (p,); NaN where not estimated. The unit is that of the values."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    value: FloatArray
    low: FloatArray
    high: FloatArray

    def columns(self) -> list[str]:
        return ["first", "second", "value", "low", "high"]

    def rows(self) -> list[dict[str, object]]:
        return [
            {"first": a, "second": b, "value": float(v), "low": float(low), "high": float(high)}
            for a, b, v, low, high in zip(self.first, self.second, self.value, self.low, self.high, strict=True)
        ]

    def title(self) -> str:
        return "Shapley interactions: what two knobs bring together beyond what each brings alone"


@dataclass(frozen=True, eq=False)
class Shapley(Result):
    """What each knob earns in a game. Arrays (d,), in the order of `parameters`; NaN where there is too little data.

    game      "variance": values are shares of the objective's variance and add up to 1
              "tunability", "ablation": values are gains on `scale` (positive is better) against `start` and add up to `total`
    value     with value_low and value_high
    total     what all knobs earn together, with total_low and total_high; 1 for variance
    start     the configuration that gains are counted from, target: the one they lead to; None for variance
    """

    game: str
    parameters: tuple[str, ...]
    value: FloatArray
    value_low: FloatArray
    value_high: FloatArray
    interactions: PairValues
    total: float
    total_low: float
    total_high: float
    start: Mapping[str, object] | None
    target: Mapping[str, object] | None
    verdicts: dict[str, str]
    scale: str
    confidence: float
    n_used: int
    n_failed: int
    notes: tuple[str, ...]

    def columns(self) -> list[str]:
        return ["parameter", "value", "value_low", "value_high", "verdict"]

    def rows(self) -> list[dict[str, object]]:
        arrays = self.columns()[1:-1]
        return [
            {"parameter": name, **{a: float(getattr(self, a)[j]) for a in arrays}, "verdict": self.verdicts[name]}
            for j, name in enumerate(self.parameters)
        ]

    def title(self) -> str:
        what = {
            "variance": "shares of the objective's variance",
            "tunability": "gain of tuning each knob from the start",
            "ablation": "gain of the best configuration over the start",
        }[self.game]
        whole = (
            "" if self.game == "variance" else f", {interval_text(self.total, self.total_low, self.total_high)} in all"
        )
        return (
            f"Shapley values, game {self.game}: {what}{whole}, scale {self.scale}, {100 * self.confidence:g} % intervals, "
            f"{self.n_used} trials used"
        )

    def shown(self) -> list[dict[str, str]]:
        told = percent_text if self.game == "variance" else interval_text
        return [
            {
                "parameter": name,
                "value": told(self.value[j], self.value_low[j], self.value_high[j]),
                "verdict": self.verdicts[name],
            }
            for j, name in enumerate(self.parameters)
        ]


def shapley(
    source: object,
    *,
    game: str = "variance",
    start: Mapping[str, object] | None = None,
    scale: str = "auto",
    confidence: float = 0.9,
) -> Shapley:
    """Exact Shapley values of the knobs and of their pairs, for up to 12 parameters, from the trials a study already has.

    Every knob gets what it brings on its own and an even part of what it brings only together with others, so the values add up. Answers:

    game="variance"     whose doing is the objective's variance over the space? Between the main and the total effect of `sobol`
    game="tunability"   how much does tuning each knob gain, from the start, if the surrogate picks the values?
    game="ablation"     of the gain of the best configuration over the start, what is owed to which knob?

    Do not use it to freeze knobs (a small value can hide a large total effect: `sobol`, `dgsm`), nor tunability far from the trials: it
    asks the surrogate for its optimum wherever that lies.

    source      a Study or a TrialTable; failed and pruned trials are left out
    start       of tunability and ablation: a configuration; None: the prior's best guess, else the middle of each range and the first of
                choices
    scale       of the objective: "auto", "raw", "log" or "rank"
    confidence  of the intervals, from functions drawn from the surrogate's posterior

    Knobs vary independently in the variance (constraints do not apply); tunability keeps constraints. All 2^d coalitions count, none is
    sampled, except for the variance in conditional spaces. In the tunability game a coalition earns the gain of the configuration that
    the surrogate picks for it. InputError above 12 parameters and for an unknown game, SpaceError for a start that the space does not
    have. Owen 2014, HyperSHAP (Wever et al. 2026).
    """
    check_confidence(confidence)
    if game not in GAMES:
        raise InputError(f"game must be one of {', '.join(GAMES)}, got {game!r}.")
    if start is not None and (game == "variance" or not isinstance(start, Mapping)):
        raise InputError(
            f"start must be a configuration such as {{'lr': 0.1}}, for game='tunability' or 'ablation'; got {start!r} for game={game!r}."
        )
    p = prepare(source, scale)
    if p.space.d > MOST_PLAYERS:
        raise InputError(
            f"Exact Shapley values weigh all 2^d coalitions and stop at {MOST_PLAYERS} parameters, this space has {p.space.d}. Take "
            "sobol(source) for the shares of all, or ablation(source) for the gain, and hold the knobs that do not matter "
            "(leave them out of the space)."
        )
    first = None if game == "variance" else centre(p.space) if start is None else p.point(start)
    if not p.explained:
        return _nothing(p, game, first, confidence)
    with one_blas_thread():
        if first is None:
            return _variance(p, confidence)
        return _gains(p, game, first, confidence)


def _variance(p: Prepared, confidence: float) -> Shapley:
    """Estimates from all trials, intervals from random parts of them, as in `sobol`."""
    measure = held(whole(p.space), p.x)
    rng = np.random.default_rng(0)
    extra = p.space.snap(measure.latent(EXTRA, 1))
    extra = extra[np.unique(np.round(np.nan_to_num(extra, nan=-1.0), 9), axis=0, return_index=True)[1]]
    middle: list[_Effects] = []
    spread: list[_Effects] = []
    for k, gp in enumerate(p.draws):
        for chosen, sets, pair_sets in ((middle, ESTIMATE_SETS, PAIR_MIDDLE), (spread, len(p.draws), PAIR_SETS)):
            if k < sets:
                normal = rng.standard_normal((len(extra), FUNCTION_DRAWS // 2))
                # in pairs: the objective's sign must not change a share
                normal = np.concatenate([normal, -normal], axis=1)
                seen = gp if chosen is middle else _part(gp, rng)
                chosen.append(effects(seen, measure, extra, normal, pairs=k < pair_sets))
    widen = WIDEN_SHARES * (CROWDED if p.crowded else 1.0)
    value, pair = (_estimate(_shares(middle, i), _shares(spread, i), confidence, widen) for i in (0, 1))
    return _result(p, "variance", value, pair, np.ones(3), None, None, confidence)


def _shares(sets: list[_Effects], i: int) -> FloatArray:
    """Values (i = 0) or pairs (i = 1) of all draws, as shares of the variance (D, d) or (D, p)."""
    every = [(s[i] / np.maximum(s[0].sum(axis=0), 1e-300)).T for s in sets]
    return np.concatenate([part for part in every if not np.isnan(part).any()])


def _gains(p: Prepared, game: str, first: FloatArray, confidence: float) -> Shapley:
    start, goal, _ = latent_pair(first, best_tried(p))
    inside = members(p.space.d)
    latent = tuned(p, start) if game == "tunability" else np.where(inside, goal, start)
    mean, drawn = _drawn(p, p.space.snap(latent))
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]

    def told(of_mean: FloatArray, of_draws: FloatArray) -> FloatArray:
        """Estimate, low and high (3, ...) in units of the scale."""
        low, high = np.quantile(of_draws, ends, axis=1)
        estimate = of_mean[:, 0]
        return p.scale.width * np.array([estimate, np.minimum(low, estimate), np.maximum(high, estimate)])

    m, m_drawn = moebius(mean[:, None]), moebius(drawn)
    value = told(shapley_values(m), shapley_values(m_drawn))
    pair = told(shapley_pairs(m), shapley_pairs(m_drawn))
    total = told(mean[-1:, None], drawn[-1:])[:, 0]
    target = p.space.decode(p.space.snap(latent[-1:]))[0]
    return _result(p, game, value, pair, total, p.space.decode(first[None, :])[0], target, confidence)


def _drawn(p: Prepared, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gain of every coalition's configuration x (2^d, d) over the first: mean (2^d,) and draws (2^d, D)."""
    rng = np.random.default_rng(0)
    unique = np.unique(np.round(np.nan_to_num(x, nan=-1.0), 9), axis=0, return_index=True, return_inverse=True)
    rows, back = x[unique[1]], unique[2].reshape(-1)
    chosen = np.arange(len(rows))
    if len(rows) > DRAWN_AT:
        chosen = np.sort(rng.permutation(len(rows))[:DRAWN_AT])
        chosen = np.union1d(chosen, back[[0, len(x) - 1]])
    means, draws = [], []
    for gp in p.draws:
        normal = WIDEN * rng.standard_normal((len(chosen), FUNCTION_DRAWS))
        # in pairs, so that turning the objective's sign turns nothing else; the last is the mean
        normal = np.concatenate([normal, -normal, np.zeros((len(chosen), 1))], axis=1)
        centres, v, _ = coefficients(gp, rows[chosen], normal)
        f = -p.sign * (kernel_rows(gp, rows, centres) @ v)[back]
        f = f - f[0]
        means.append(f[:, -1])
        draws.append(f[:, :-1])
    return np.mean(means, axis=0), np.concatenate(draws, axis=1)


def _result(
    p: Prepared,
    game: str,
    value: FloatArray,
    pair: FloatArray,
    total: FloatArray,
    start: Mapping[str, object] | None,
    target: Mapping[str, object] | None,
    confidence: float,
) -> Shapley:
    single = np.array([p.space.n_levels[j] == 1 for j in range(p.space.d)])
    unknown = ~p.varied & ~single
    alive: BoolArray = p.alive & ((value[1] > 0.0) | (value[2] < 0.0))
    value = value.copy()
    value[1, ~alive], value[2, ~alive] = np.minimum(value[1, ~alive], 0.0), np.maximum(value[2, ~alive], 0.0)
    value[:, single] = 0.0
    value[:, unknown] = np.array([[np.nan], [0.0], [1.0]]) if game == "variance" else np.nan
    first, second = pairs_of(p.space.d)
    pair = pair.copy()
    both = alive[first] & alive[second]
    pair[1, ~both], pair[2, ~both] = np.minimum(pair[1, ~both], 0.0), np.maximum(pair[2, ~both], 0.0)
    pair[:, unknown[first] | unknown[second]] = np.nan
    return Shapley(
        game=game, parameters=p.names, value=value[0], value_low=value[1], value_high=value[2],
        interactions=_pair_values(p.names, pair), total=float(total[0]), total_low=float(total[1]),
        total_high=float(total[2]), start=start, target=target,
        verdicts={name: _verdict(p, game, j, bool(alive[j]), value[:, j], confidence) for j, name in enumerate(p.names)},
        scale=p.scale.name, confidence=confidence, n_used=p.n, n_failed=p.n_failed, notes=_notes(p, game),
    )  # fmt: skip


def _pair_values(names: tuple[str, ...], pair: FloatArray) -> PairValues:
    first, second = pairs_of(len(names))
    order = np.argsort(-np.nan_to_num(np.abs(pair[0]), nan=-1.0), kind="stable")
    return PairValues(
        tuple(names[i] for i in first[order]), tuple(names[i] for i in second[order]), *(pair[k][order] for k in range(3))
    )  # fmt: skip


def _verdict(p: Prepared, game: str, j: int, alive: bool, value: FloatArray, confidence: float) -> str:
    sure = f"{100 * confidence:g} %"
    if p.space.n_levels[j] == 1:
        return f"{DEAD}: it has only one value"
    if not p.varied[j]:
        return f"{TOO_LITTLE}: every finished trial in which it is active has the same value"
    if not p.alive[j]:
        return f"{DEAD}: the {p.n} trials are explained as well without it"
    if game == "variance":
        most = f"at most {100 * value[2]:.0f} % of the variance ({sure})"
        if not alive:
            return f"{DEAD}: it earns {most}, perhaps nothing"
        return f"{MATTERS}: it earns {100 * value[1]:.0f} to {100 * value[2]:.0f} % of the variance ({sure})"
    if not alive:
        return f"{DEAD}: its gain may be nothing ({sure})"
    return f"{MATTERS}: it {'gains' if value[0] > 0 else 'costs'} {interval_text(*value)} ({sure})"


def _notes(p: Prepared, game: str) -> tuple[str, ...]:
    if game == "variance":
        said = "Knobs vary independently over their declared distributions; what some move only together is shared out evenly."
        sampled = "Conditional space: coalitions are sampled, which leaves an error of about a tenth of what knobs move only together."
        return (*p.notes, said, sampled) if p.space.is_conditional else (*p.notes, said)
    what = {
        "tunability": "Each coalition of knobs has the values that the surrogate picks for it, all others stay at the start.",
        "ablation": "Each coalition of knobs has its values in the best configuration (best posterior mean among those tried), "
        "all others stay at the start.",
    }[game]
    return (*p.notes, f"Gains are in {p.scale.units}, positive is better. {what}")


def _nothing(p: Prepared, game: str, first: FloatArray | None, confidence: float) -> Shapley:
    """The result when nothing can be told: no invented numbers."""
    d, nan = p.space.d, float("nan")
    share = game == "variance"
    value = np.array([[np.nan], [0.0 if share else np.nan], [1.0 if share else np.nan]]) * np.ones(d)
    pair = np.full((3, d * (d - 1) // 2), np.nan)
    return Shapley(
        game=game, parameters=p.names, value=value[0], value_low=value[1], value_high=value[2],
        interactions=_pair_values(p.names, pair), total=nan, total_low=nan, total_high=nan,
        start=None if first is None else p.space.decode(first[None, :])[0], target=None,
        verdicts=dict.fromkeys(p.names, nothing_told(p)), scale=p.scale.name, confidence=confidence, n_used=p.n,
        n_failed=p.n_failed, notes=_notes(p, game),
    )  # fmt: skip
