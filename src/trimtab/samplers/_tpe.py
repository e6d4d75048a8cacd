"""Tree-structured Parzen estimator: propose what is likely among the good trials and unlikely among the others.

Notation
    n      ended trials                                      d     searched columns
    x, y   points of the unit cube, minimised objective      l, g  densities of the good and of the other trials
    ratio  log l(x) - log g(x), which grows with the expected improvement

Each suggestion draws candidates from l and keeps the one of the highest ratio. Both densities are mixtures of
products of kernels over all columns of a group at once (multivariate), see `trimtab.surrogates.Parzen`.

Columns that exist under the same condition form a group with densities of its own, fitted to the trials in which they
exist. Groups are chosen one after the other, parents first. Failed, pruned and pending trials belong to g (for pending
ones this is the "constant liar"), so workers spread out and failing regions are left. Where trials failed, two more
densities, of those that failed and of those that did not, give the probability of success, which multiplies the ratio
(squared, which avoided more failures and found better configurations than plain). A prior of the user does so too, to
a power that fades, and some of the candidates are drawn from it.

Differs from Bergstra et al. 2011: multivariate; one bandwidth a column; starts from Sobol' points; never proposes a
configuration again; past 2,000 trials g is thinned, so that the time per suggestion stays flat; several objectives and
limits on outcomes put the trials in order as in `_preference`.

Sources: Bergstra et al. 2011 (NeurIPS 24); Falkner et al. 2018, arXiv:1807.01774 (multivariate densities);
Watanabe 2023, arXiv:2304.11127 (kernels and settings).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trimtab.acquisition import prior_weight
from trimtab.errors import InputError
from trimtab.numerics import FloatArray, IntArray
from trimtab.records import FAILED, Goals, TrialTable
from trimtab.samplers._history import History, Taken, ended, nothing_left
from trimtab.samplers._preference import preference
from trimtab.samplers._sobol import SobolStream
from trimtab.space import Space
from trimtab.surrogates import Axis, Parzen

__all__ = ["TPE", "TPEState"]

_MOST_LEVELS = 256  # finer discrete columns are treated as continuous: their cells are narrower than the kernels
_MOST_OTHERS = 2_000  # kernels of g
SUCCESS_POWER = 2.0  # of the probability of success
_GOOD_OF_SEVERAL = 0.3  # share that is good where there are several objectives: a front is more than a few trials
_BELIEVED = 0.25  # share of the candidates that are drawn from the user's prior while it counts fully
_MOST_OUTCOMES = 500  # kernels of the trials that failed, and of those that did not
_ROUNDS = 4  # of drawing candidates, where constraints or earlier trials forbid most of them


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Columns that exist under the same condition. columns (c,): their numbers, ascending; axes: one a column."""

    columns: IntArray
    axes: tuple[Axis, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TPEState:
    """groups: parents first; startup: the first points; history: the ended trials, y infinite where one failed.

    goals, outcomes (n, m + c): of a study with several objectives or with limits; else None.
    """

    space: Space
    groups: tuple[Group, ...]
    startup: SobolStream
    history: History
    goals: Goals | None = None
    outcomes: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """The densities of one group.

    fine, failed: of the trials that did not fail and of those that did, with the log of their odds; None where none
    failed.
    """

    group: Group
    good: Parzen
    others: Parzen
    fine: Parzen | None = None
    failed: Parzen | None = None
    log_odds: float = 0.0

    def __call__(self, x: FloatArray) -> FloatArray:
        """log l - log g, and what failures say, at points (m, d) in which the group is active: (m,)."""
        own = x[:, self.group.columns]
        ratio = self.good.log_density(own) - self.others.log_density(own)
        if self.fine is None or self.failed is None:
            return ratio
        failing = self.failed.log_density(own) - self.fine.log_density(own) + self.log_odds
        return ratio - SUCCESS_POWER * np.logaddexp(0.0, failing)


@dataclass(frozen=True, kw_only=True)
class TPE:
    """Multivariate TPE for mixed and conditional spaces.

    startup: trials from a Sobol' sequence before the model takes over, which also waits until half as many have ended:
    of eight workers the first to end would be the whole of l. candidates: drawn from l for each suggestion.
    good: share of the trials that is called good, rounded up, at most `most_good` of them.
    """

    startup: int = 6
    candidates: int = 64
    good: float = 0.1
    most_good: int = 25

    def __post_init__(self) -> None:
        if self.startup < 1 or self.candidates < 1 or self.most_good < 1 or not 0 < self.good < 1:
            raise InputError(
                f"TPE needs startup, candidates and most_good of at least 1 and good in (0, 1), got {self}. "
                "Leave out what you do not mean to change."
            )

    def init(self, space: Space, seed: int) -> TPEState:
        """State before any trial; the seed decides the scrambling of the startup points."""
        return TPEState(space, groups_of(space), SobolStream(space, seed, space.prior), History.empty(space.d))

    def update(self, state: TPEState, finished: TrialTable) -> TPEState:
        """State after newly ended trials."""
        x, y = ended(finished)
        history = state.history.append(x, np.where(finished.state == FAILED, np.inf, y))
        if finished.goals.is_single:
            return replace(state, history=history)
        before = [] if state.outcomes is None else [state.outcomes]
        outcomes = np.where(np.isfinite(y)[:, None], finished.outcomes, np.nan)
        return replace(state, history=history, goals=finished.goals, outcomes=np.concatenate([*before, outcomes]))

    def suggest(self, state: TPEState, pending: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """n points (n, d), or as many as a finite space has left. SearchEnded if that is none."""
        rows = pending
        for _ in range(n):
            x = self._suggest_one(state, rows, rng)
            if x is None:
                break
            rows = np.concatenate([rows, x])
        if len(rows) == len(pending) and n:
            raise nothing_left(state.space, state.history.n + len(pending))
        return rows[len(pending) :]

    def _suggest_one(self, state: TPEState, pending: FloatArray, rng: np.random.Generator) -> FloatArray | None:
        """A point (1, d), or None where nothing is left."""
        taken = Taken(state.history, pending)
        handed_out = state.history.n + len(pending)
        started = handed_out >= self.startup and 2 * state.history.n >= self.startup
        if not started or not np.isfinite(state.history.y).any():
            return state.startup.first_untaken(handed_out, taken)
        y = self._order(state)
        share = self.good if state.goals is None or state.goals.m == 1 else max(self.good, _GOOD_OF_SEVERAL)
        ratios = [self._fit(group, state.history.x, y, pending, share) for group in state.groups]
        return self._choose(state, ratios, taken, rng)

    def _order(self, state: TPEState) -> FloatArray:
        """What trials are sorted by (n,), lowest first: y, or their place in the order that the goals give them."""
        y = state.history.y
        if state.goals is None or state.outcomes is None:
            return y
        return np.where(np.isfinite(y), preference(state.goals, state.outcomes, self.most_good), y)

    def _fit(self, group: Group, x: FloatArray, y: FloatArray, pending: FloatArray, share: float) -> Ratio:
        """The densities of one group, of the trials x, y in which it exists. share: of them that is called good."""
        x = x[:, group.columns]
        exists = ~np.isnan(x[:, 0])
        if not exists.all():
            x, y = x[exists], y[exists]
        waiting = pending[:, group.columns]
        waiting = waiting[~np.isnan(waiting[:, 0])]
        order = np.argsort(y, kind="stable")  # infinite, then NaN last
        n_good = min(math.ceil(share * int(np.isfinite(y).sum())), self.most_good)
        others, weights = thin(order[n_good:], _MOST_OTHERS)
        failed = np.flatnonzero(np.isinf(y))
        ratio = Ratio(
            group,
            good=Parzen.fit(group.axes, x[order[:n_good]]),
            others=Parzen.fit(
                group.axes, np.concatenate([x[others], waiting]), np.concatenate([weights, np.ones(len(waiting))])
            ),
        )
        if not len(failed):
            return ratio
        fine = np.flatnonzero(~np.isinf(y))
        return replace(
            ratio,
            fine=Parzen.fit(group.axes, x[fine[-_MOST_OUTCOMES:]]),
            failed=Parzen.fit(group.axes, x[failed[-_MOST_OUTCOMES:]]),
            log_odds=math.log(len(failed) / max(len(fine), 1)),
        )

    def _choose(
        self, state: TPEState, ratios: Sequence[Ratio], taken: Taken, rng: np.random.Generator
    ) -> FloatArray | None:
        """Group by group, parents first: fix the columns of the best candidate, draw those of the later groups anew."""
        best: FloatArray | None = None
        for i, ratio in enumerate(ratios):
            if best is not None and np.isnan(best[0, ratio.group.columns[0]]):
                continue
            x = self._candidates(state, ratios[i:], best, taken, rng)
            if best is not None:
                x = np.concatenate([best, x])
            elif len(x) == 0:
                x = state.startup.cells.left(taken, rng)
                if len(x) == 0:
                    return None
            score = ratio(x)
            if state.space.prior is not None:
                believed, _ = state.space.prior.columns(x)
                score = score + prior_weight(state.history.n) * believed[:, ratio.group.columns].sum(axis=1)
            best = x[[int(np.argmax(score))]]
        return best

    def _candidates(
        self,
        state: TPEState,
        ratios: Sequence[Ratio],
        fixed: FloatArray | None,
        taken: Taken,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Draws (m, d) from l, feasible and not taken; m is about `candidates`. fixed (1, d): the groups before."""
        space, prior = state.space, state.space.prior
        n_believed = 0 if prior is None else int(_BELIEVED * prior_weight(state.history.n) * self.candidates)
        found: list[FloatArray] = []
        for _ in range(_ROUNDS):
            u = np.full((self.candidates, space.d), 0.5) if fixed is None else np.repeat(fixed, self.candidates, axis=0)
            for ratio in ratios:
                u[:, ratio.group.columns] = ratio.good.sample(self.candidates, rng)
            if prior is not None and n_believed:
                columns = np.concatenate([ratio.group.columns for ratio in ratios])
                u[:n_believed, columns] = prior.points(rng.random((n_believed, space.d)))[:, columns]
            x = space.snap(u)
            x = x[space.feasible(x)]
            found.append(x[~taken(x)])
            if sum(map(len, found)) >= self.candidates // 2:
                break
        return np.concatenate(found)


def groups_of(space: Space) -> tuple[Group, ...]:
    """Columns that share a condition, in the order of their first column (so parents come first)."""
    members: dict[str, list[int]] = {}
    for j, name in enumerate(space.names):
        members.setdefault(repr(space.parameters[name].when), []).append(j)
    return tuple(Group(np.array(js), tuple(_axis(space, j) for j in js)) for js in members.values())


def _axis(space: Space, j: int) -> Axis:
    if space.kinds[j] == "categorical":
        return Axis.categorical(int(space.n_levels[j]))
    if space.kinds[j] == "discrete" and space.n_levels[j] <= _MOST_LEVELS:
        return Axis.discrete(space.levels(j))
    return Axis.continuous()


def thin(ranked: IntArray, most: int) -> tuple[IntArray, FloatArray]:
    """At most `most` of the trials and their weights; all of them, with weight 1, if they are no more.

    ranked: indices of trials, best first; a higher index ended later. Keeps the newest half of `most`, and of the older
    ones every k-th by rank, with weight k, so that the density of all is kept.
    """
    if len(ranked) <= most:
        return ranked, np.ones(len(ranked))
    newest = most // 2
    border = np.partition(ranked, len(ranked) - newest)[len(ranked) - newest]
    recent, old = ranked[ranked >= border], ranked[ranked < border]
    kept = old[np.linspace(0, len(old) - 1, most - newest).astype(int)]
    return np.concatenate([recent, kept]), np.repeat([1.0, len(old) / len(kept)], [len(recent), len(kept)])
