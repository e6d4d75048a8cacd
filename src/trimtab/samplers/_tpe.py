"""Tree-structured Parzen estimator: propose what is likely among the good trials and unlikely among the others.

Notation
    n      ended trials                                      d     searched columns
    x, y   points of the unit cube, minimised objective      l, g  densities of the good and of the other trials
    ratio  log l(x) - log g(x), which grows with the expected improvement

Each suggestion draws candidates from l and keeps the one of the highest ratio. Both densities are mixtures of
products of kernels over all columns of a group at once (multivariate), see `trimtab.surrogates.Parzen`.

Columns that exist under the same condition form a group with densities of its own, fitted to the trials in which they
exist. Groups are chosen one after the other, parents first. Failed, pruned and pending trials belong to g (for pending
ones this is the "constant liar"), so workers spread out and failing regions are left.

Differs from Bergstra et al. 2011: multivariate; one bandwidth a column; starts from Sobol' points; never proposes a
configuration again; past 2,000 trials g is thinned, so that the time per suggestion stays flat.

Sources: Bergstra et al. 2011 (NeurIPS 24); Falkner et al. 2018, arXiv:1807.01774 (multivariate densities);
Watanabe 2023, arXiv:2304.11127 (kernels and settings).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from trimtab.errors import InputError
from trimtab.numerics import FloatArray, IntArray
from trimtab.records import TrialTable
from trimtab.samplers._history import History, Taken, ended, nothing_left
from trimtab.samplers._sobol import SobolStream
from trimtab.space import Space
from trimtab.surrogates import Axis, Parzen

__all__ = ["TPE", "TPEState"]

_MOST_LEVELS = 256  # finer discrete columns are treated as continuous: their cells are narrower than the kernels
_MOST_OTHERS = 2_000  # kernels of g
_ROUNDS = 4  # of drawing candidates, where constraints or earlier trials forbid most of them


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Columns that exist under the same condition. columns (c,): their numbers, ascending; axes: one a column."""

    columns: IntArray
    axes: tuple[Axis, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TPEState:
    """groups: parents first; startup: the first points; history: the ended trials."""

    space: Space
    groups: tuple[Group, ...]
    startup: SobolStream
    history: History


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """The two densities of one group."""

    group: Group
    good: Parzen
    others: Parzen

    def __call__(self, x: FloatArray) -> FloatArray:
        """log l - log g at points (m, d) in which the group is active: (m,)."""
        own = x[:, self.group.columns]
        return self.good.log_density(own) - self.others.log_density(own)


@dataclass(frozen=True, kw_only=True)
class TPE:
    """Multivariate TPE for mixed and conditional spaces.

    startup: trials from a Sobol' sequence before the model takes over. candidates: drawn from l for each suggestion.
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
        return TPEState(space, groups_of(space), SobolStream(space, seed), History.empty(space.d))

    def update(self, state: TPEState, finished: TrialTable) -> TPEState:
        """State after newly ended trials."""
        return replace(state, history=state.history.append(*ended(finished)))

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
        if handed_out < self.startup or not np.isfinite(state.history.y).any():
            return state.startup.first_untaken(handed_out, taken)
        ratios = [self._fit(group, state.history, pending) for group in state.groups]
        return self._choose(state, ratios, taken, rng)

    def _fit(self, group: Group, history: History, pending: FloatArray) -> Ratio:
        """The densities of one group, of the trials in which it exists."""
        x, y = history.x[:, group.columns], history.y
        exists = ~np.isnan(x[:, 0])
        if not exists.all():
            x, y = x[exists], y[exists]
        waiting = pending[:, group.columns]
        waiting = waiting[~np.isnan(waiting[:, 0])]
        order = np.argsort(y, kind="stable")  # NaN last
        n_good = min(math.ceil(self.good * int(np.isfinite(y).sum())), self.most_good)
        others, weights = thin(order[n_good:], _MOST_OTHERS)
        return Ratio(
            group,
            good=Parzen.fit(group.axes, x[order[:n_good]]),
            others=Parzen.fit(
                group.axes, np.concatenate([x[others], waiting]), np.concatenate([weights, np.ones(len(waiting))])
            ),
        )

    def _choose(
        self, state: TPEState, ratios: Sequence[Ratio], taken: Taken, rng: np.random.Generator
    ) -> FloatArray | None:
        """Group by group, parents first: fix the columns of the best candidate, draw those of the later groups anew."""
        best: FloatArray | None = None
        for i, ratio in enumerate(ratios):
            if best is not None and np.isnan(best[0, ratio.group.columns[0]]):
                continue
            x = self._candidates(state.space, ratios[i:], best, taken, rng)
            if best is not None:
                x = np.concatenate([best, x])
            elif len(x) == 0:
                x = state.startup.cells.left(taken, rng)
                if len(x) == 0:
                    return None
            best = x[[int(np.argmax(ratio(x)))]]
        return best

    def _candidates(
        self, space: Space, ratios: Sequence[Ratio], fixed: FloatArray | None, taken: Taken, rng: np.random.Generator
    ) -> FloatArray:
        """Draws (m, d) from l, feasible and not taken; m is about `candidates`. fixed (1, d): the groups before."""
        found: list[FloatArray] = []
        for _ in range(_ROUNDS):
            u = np.full((self.candidates, space.d), 0.5) if fixed is None else np.repeat(fixed, self.candidates, axis=0)
            for ratio in ratios:
                u[:, ratio.group.columns] = ratio.good.sample(self.candidates, rng)
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
