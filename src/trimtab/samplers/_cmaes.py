"""CMA-ES: an evolution strategy that learns the shape of the valley it walks in. For hundreds to thousands of cheap trials.

A generation draws its points from one normal distribution; when as many trials as its population have ended, the better
ones move the distribution, widen or narrow it, and turn it. No surrogate: the time per suggestion does not grow with the
number of trials, but some 50 d trials go by before it is ahead of a GP.

Columns
    continuous               the coordinates of the distribution; discrete ones of more than 64 levels too, rounded
    discrete, 3 to 64 levels rounded, with a margin: no level becomes less likely than a floor (CMA-ES with margin)
    choices, 2 levels        a probability for each choice, learned beside the normal distribution (CatCMA)
    conditional              always drawn; where the column is inactive its coordinate has no effect

Whose trials count
    Trials enter in the order in which they end, whatever generation they were drawn in, so workers need not wait for
    each other. One that the present distribution would hardly have drawn (drawn long ago, or by another sampler) is
    pulled towards the mean to the length that a drawn one has (Hansen 2011, injection). The user's own results set the
    start: the mean begins at the best of those that are there before the first trial; later ones enter only if they are
    better than all before. Failed trials rank last; a generation in which all fail is drawn again. Trials that break limits
    on other outcomes rank before the failed ones, by how far they break them.

When the distribution has collapsed, or values cannot be told apart any more, the search starts again elsewhere with
twice the population (IPOP). Points that break a constraint are drawn again; no configuration is suggested twice.

Notation
    v          point of the distribution, before rounding                       (c + i,) continuous and integer columns
    m, sigma, C, A   mean, step size, covariance, scaling by the margin: v = m + sigma A C^(1/2) normal
    lambda     population, 4 + 3 log d if not set

State is a function of the ended trials: points of a generation are a fixed sequence, seeded by the study's seed and the
generation, and a trial is recognised by its point.

Sources: Hansen 2016, arXiv:1604.00772; Auger, Hansen 2005 (IPOP); Hansen 2011, arXiv:1110.4181 (injection, c_y); Hamano
et al. 2022, arXiv:2205.13482 (margin) and 2025, arXiv:2504.07884 (CatCMA with margin), as in the package `cmaes`.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from trimtab.errors import InputError, require
from trimtab.numerics import FloatArray, IntArray
from trimtab.records import TrialTable
from trimtab.samplers._cells import Cells
from trimtab.samplers._history import History, Taken, ended, keys, nothing_left
from trimtab.space import Space

__all__ = ["CMAES", "CMAESState"]

_MOST_LEVELS = 64  # of a discrete column with a margin; finer ones are nearly continuous
_SPARE = 64  # points of a generation beyond twice its population: for more workers than that
_DRAWS = 6  # per point, where constraints forbid most
_KEPT = 3  # generations whose late trials are recognised
_NARROW = 1e-7  # sd of every column, as a share of the cube, at which a search has converged


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Columns by treatment: continuous (c,), integer (i,), choice (k,), and the levels of the latter two."""

    continuous: IntArray
    integer: IntArray
    choice: IntArray
    levels: dict[int, FloatArray]

    @classmethod
    def of(cls, space: Space) -> Layout:
        choice = np.array([kind == "categorical" for kind in space.kinds]) | (space.n_levels == 2)
        integer = ~choice & (space.n_levels > 0) & (space.n_levels <= _MOST_LEVELS)
        levels = {int(j): space.levels(int(j)) for j in np.flatnonzero(choice | integer)}
        return cls(np.flatnonzero(~choice & ~integer), np.flatnonzero(integer), np.flatnonzero(choice), levels)

    @property
    def numeric(self) -> IntArray:
        """Columns (c + i,) of v."""
        return np.concatenate([self.continuous, self.integer])

    @property
    def plain(self) -> bool:
        """Nothing but coordinates."""
        return not len(self.integer) and not len(self.choice)


@dataclass(eq=False)
class Generation:
    """One distribution and the fixed sequence of its points. extremes: best and worst value of generations before.

    raw: key of a point -> what the package drew. Grows as points are asked for; nothing else changes.
    """

    space: Space
    layout: Layout
    optimiser: Any
    seed: tuple[int, ...]
    restarts: int = 0
    extremes: tuple[tuple[float, float], ...] = ()
    points: list[FloatArray] = field(default_factory=list)
    raw: dict[bytes, Any] = field(default_factory=dict)
    drawn: int = 0

    def __post_init__(self) -> None:
        self.optimiser.reseed_rng(int(np.random.default_rng(self.seed).integers(2**32)))

    @property
    def size(self) -> int:
        """The population."""
        return int(self.optimiser.population_size)

    def point(self, k: int) -> FloatArray | None:
        """The k-th feasible, distinct point (1, d); None beyond the end of the sequence."""
        most = 2 * self.size + _SPARE
        while len(self.points) <= k < most and self.drawn < _DRAWS * most:
            self.drawn += 1
            raw = self.optimiser.ask()
            x = self.space.snap(_cube(self.layout, raw, self.space.d))
            if self.space.feasible(x)[0] and (key := next(iter(keys(x)))) not in self.raw:
                self.raw[key] = raw
                self.points.append(x)
        return self.points[k] if k < len(self.points) else None

    def find(self, key: bytes) -> Any:
        """What was drawn for the point of this key, or None if it is none of this generation."""
        while key not in self.raw and self.point(len(self.points)) is not None:
            pass
        return self.raw.get(key)


Told = tuple[Any, float, float]  # what the package drew; by how far limits are broken; the objective, NaN where failed


@dataclass(frozen=True, slots=True, eq=False)
class CMAESState:
    """told: trials of the generation that ended, as drawn, with their broken limits and values.

    earlier: the generations before, newest first. best: lowest value of the trials that break no limit.
    """

    space: Space
    generation: Generation
    history: History
    cells: Cells
    earlier: tuple[Generation, ...] = ()
    told: tuple[Told, ...] = ()
    best: float = math.inf
    begun: bool = False


@dataclass(frozen=True, kw_only=True)
class CMAES:
    """CMA-ES with restarts: for hundreds to thousands of cheap trials, mostly of continuous hyperparameters.

    For fewer trials take "gp" or "tpe". One objective only; limits on other outcomes are kept. Workers: up to about the
    population are used without loss.

    sigma: first standard deviation of every column, as a share of its range. population: trials of a generation; None:
        4 + 3 log d. Larger is slower and finds the better valley of many.
    Needs: python -m pip install 'trimtab[cmaes]'
    """

    most_objectives: ClassVar[int] = 1

    sigma: float = 0.25
    population: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= 1:
            raise InputError(f"CMAES needs 0 < sigma <= 1 (a share of the range), got {self.sigma!r}.")
        if self.population is not None and self.population < 4:
            raise InputError(f"CMAES needs population >= 4, or None for the usual one, got {self.population!r}.")

    def init(self, space: Space, seed: int) -> CMAESState:
        """State before any trial. MissingExtra where the package cmaes is not installed."""
        layout = Layout.of(space)
        first = Generation(space, layout, self._optimiser(layout, np.full(space.d, 0.5), 0), (seed, 0))
        return CMAESState(space, first, History.empty(space.d), Cells(space))

    def update(self, state: CMAESState, finished: TrialTable) -> CMAESState:
        """State after newly ended trials; every population of them moves the distribution once.

        InputError for several objectives.
        """
        if finished.goals.m > 1:
            raise InputError('CMA-ES searches for one objective. For several take sampler="auto", "gp" or "tpe".')
        x, y = ended(finished)
        broken = _broken(finished)
        for i, key in enumerate(keys(x)):
            state = self._take(state, x[i], (broken[i], float(y[i])), key, bool(finished.from_sampler[i]))
        return replace(state, history=state.history.append(x, y))

    def suggest(self, state: CMAESState, pending: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
        """The next n points (n, d) of the generation, or as many as a finite space has left. SearchEnded if none."""
        taken = Taken(state.history, pending)
        rows: list[FloatArray] = []
        for _ in range(n):
            x = _first_free(state, taken, rng)
            if not len(x):
                break
            taken.add(x)
            rows.append(x)
        if not rows and n:
            raise nothing_left(state.space, state.history.n + len(pending))
        return np.concatenate([np.empty((0, state.space.d)), *rows])

    def _take(
        self, state: CMAESState, x: FloatArray, outcome: tuple[float, float], key: bytes, own: bool
    ) -> CMAESState:
        """One ended trial. outcome: by how far it breaks limits, and its objective."""
        broken, y = outcome
        better = broken == 0.0 and y < state.best  # never for NaN
        best = y if better else state.best
        generation = state.generation
        if not own and not better:
            return state
        if not own and not state.begun:
            optimiser = self._optimiser(generation.layout, np.where(np.isnan(x), 0.5, x), 0)
            start = Generation(state.space, generation.layout, optimiser, generation.seed)
            return replace(state, generation=start, best=best)
        raw = generation.find(key) if own else None
        if raw is None:
            late = (g.find(key) for g in state.earlier) if own else ()
            raw = _pulled(generation, x, next((r for r in late if r is not None), None))
        told, earlier = (*state.told, (raw, broken, y)), state.earlier
        if len(told) == generation.size:
            earlier = (generation, *earlier)[:_KEPT]
            generation, told = self._next(generation, told), ()
        return replace(state, generation=generation, earlier=earlier, told=told, best=best, begun=True)

    def _next(self, generation: Generation, told: tuple[Told, ...]) -> Generation:
        """The generation after this one."""
        broken, y = np.array([pair for _, *pair in told]).T
        seed = (generation.seed[0], generation.seed[1] + 1)
        optimiser = copy.deepcopy(generation.optimiser)
        follow = replace(generation, optimiser=optimiser, seed=seed, points=[], raw={}, drawn=0)
        if np.isnan(y).all():
            return follow
        order = np.lexsort((y, np.where(np.isnan(y), np.inf, broken)))  # NaN last, ties in the order of ending
        optimiser.tell([(told[i][0], float(rank)) for rank, i in enumerate(order)])  # ranks: failures need no value
        follow.extremes = (*follow.extremes, (float(np.nanmin(y)), float(np.nanmax(y))))[-_patience(follow) :]
        if not _converged(follow):
            return follow
        restarts = generation.restarts + 1
        anew = generation.space.sample(1, np.random.default_rng([*seed, restarts]))[0]
        optimiser = self._optimiser(generation.layout, np.where(np.isnan(anew), 0.5, anew), restarts)
        return replace(follow, optimiser=optimiser, restarts=restarts, extremes=())

    def _optimiser(self, layout: Layout, mean: FloatArray, restarts: int) -> Any:
        """The package's optimiser at its start; mean (d,)."""
        package = require("cmaes", "cmaes")
        d = len(mean)
        size = (self.population or 4 + math.floor(3 * math.log(d))) * 2 ** min(restarts, 9)
        if layout.plain:
            bounds = np.tile([0.0, 1.0], (d, 1))
            return package.CMA(mean=mean, sigma=self.sigma, bounds=bounds, population_size=size, seed=0)
        numeric = len(layout.numeric)
        keywords: dict[str, Any] = {"population_size": size, "seed": 0}
        if numeric:
            keywords |= {"mean": mean[layout.numeric].copy(), "cov": np.eye(numeric) * self.sigma**2, "sigma": 1.0}
        if len(layout.continuous):
            keywords["x_space"] = [[0.0, 1.0]] * len(layout.continuous)
        if len(layout.integer):
            keywords["z_space"] = [layout.levels[j].tolist() for j in layout.integer]
        if len(layout.choice):
            keywords["c_space"] = [len(layout.levels[j]) for j in layout.choice]
        return package.CatCMAwM(**keywords)


def _broken(finished: TrialTable) -> list[float]:
    """By how far each trial breaks limits (n,): 0 where it keeps them; s / (1 + s) for each slack s, which has no units."""
    slack = np.maximum(finished.outcomes[:, finished.goals.m :], 0.0)
    each: list[float] = np.nansum(slack / (1.0 + slack), axis=1).tolist()
    return each


def _first_free(state: CMAESState, taken: Taken, rng: np.random.Generator) -> FloatArray:
    """The first point (1, d) of the generation that is not taken; where all are, one from anywhere (0 or 1, d)."""
    k = 0
    while (x := state.generation.point(k)) is not None:
        if not taken(x)[0]:
            return x
        k += 1
    if state.space.cells is None:
        return state.space.sample(1, rng)
    free = state.cells.left(taken, rng)
    return free[[int(rng.integers(len(free)))]] if len(free) else free


def _cube(layout: Layout, raw: Any, d: int) -> FloatArray:
    """The point (1, d) of the unit cube that the package drew."""
    if layout.plain:
        return np.asarray(raw, dtype=float).reshape(1, d)
    x = np.full((1, d), 0.5)
    for columns, values in ((layout.continuous, raw.x), (layout.integer, raw.z)):
        if len(columns):
            x[0, columns] = values
    for place, j in enumerate(layout.choice):
        x[0, j] = layout.levels[j][int(np.argmax(raw.c[place]))]
    return x


def _pulled(generation: Generation, x: FloatArray, raw: Any) -> Any:
    """A trial that this generation did not draw, no farther from the mean than those that it draws. x (d,).

    raw: what an earlier generation drew for it; None: then it is made from x, and an inactive column is at the mean.
    Hansen 2011, arXiv:1110.4181, section 3: y <- y min(1, c_y / |C^(-1/2) y|), c_y = sqrt(n) + 2 n / (n + 2).
    """
    layout, optimiser = generation.layout, generation.optimiser
    numeric = layout.numeric
    if layout.plain:
        v = x if raw is None else raw
        v = np.where(np.isnan(v), optimiser._mean, v)
        return _clipped(optimiser, v, np.ones(len(v)))
    v, c = None, None
    if len(numeric):
        v = x[numeric] if raw is None else raw._v_raw
        v = _clipped(optimiser, np.where(np.isnan(v), optimiser._mean, v), optimiser._A)
    if len(layout.choice):
        c = np.zeros(optimiser._q.shape, dtype=bool)
        for place, j in enumerate(layout.choice):
            likely = int(np.argmax(optimiser._q[place]))
            here = likely if np.isnan(x[j]) else int(np.argmin(np.abs(layout.levels[j] - x[j])))
            c[place, here] = True
    return type(optimiser).Solution(None, None, c, v)


def _clipped(optimiser: Any, v: FloatArray, scaling: FloatArray) -> FloatArray:
    """v at most c_y long in the metric of the distribution."""
    b, d = optimiser._eigen_decomposition()
    n = len(v)
    step = v - optimiser._mean
    length = float(np.linalg.norm((b.T @ (step / scaling)) / d)) / optimiser._sigma
    most = math.sqrt(n) + 2.0 * n / (n + 2.0)
    return v if length <= most else optimiser._mean + step * (most / length)


def _patience(generation: Generation) -> int:
    """Generations over which values must differ: 10 + 30 n / lambda, as the package has it."""
    return 10 + math.ceil(30 * generation.space.d / generation.size)


def _converged(generation: Generation) -> bool:
    """Values of many generations are equal, or the distribution is a point, or the package says so."""
    optimiser, extremes = generation.optimiser, np.array(generation.extremes)
    if len(extremes) == _patience(generation) and np.ptp(extremes) <= 1e-12 * max(np.abs(extremes).max(), 1e-300):
        return True
    continuous = len(generation.layout.continuous)
    if not continuous:
        return False
    sd = optimiser._sigma * np.sqrt(np.diag(optimiser._C)[:continuous])
    return bool(np.all(sd < _NARROW)) or bool(optimiser.should_stop())
