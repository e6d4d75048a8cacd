"""Functions whose shares are known, and functions in which nothing, or not everything, matters.

    function    ishigami, sobol_g (6 knobs), morris (20), borehole (8), friedman (10, of which 5 are dead)
    null        noise: six knobs, none matters; dead: three live knobs beside five dead ones of all kinds, under strong noise;
                interaction: two knobs that matter together only, beside two dead ones

An observation is the function plus normal noise of the share `NOISE` of its variance (`dead`: STRONG); borehole's is a factor of mean 1,
so that it stays positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.peers.spaces import Params, Plain, choice, floating, whole

__all__ = ["FUNCTIONS", "Function"]

NOISE, STRONG = 0.05, 0.25
MORRIS_SEED = 1991


@dataclass(frozen=True)
class Function:
    """A function of the unit cube, and the space in which a user would write it.

    value: f of points (n, d) of the unit cube. deviation: of the additive noise, or of the logarithm of a factor where `positive`.
    live (d,): the knobs that f depends on.
    """

    name: str
    space: Plain
    value: Callable[[np.ndarray], np.ndarray]
    deviation: float
    live: tuple[bool, ...]
    positive: bool = False

    @property
    def scales(self) -> tuple[str, ...]:
        return ("raw", "log", "rank") if self.positive else ("raw", "rank")

    def observe(self, params: Params, rng: np.random.Generator) -> float:
        """One noisy value."""
        true, noise = float(self.value(self.point(params)[None])[0]), float(rng.standard_normal())
        if self.positive:
            return true * math.exp(self.deviation * noise - 0.5 * self.deviation**2)
        return true + self.deviation * noise

    def point(self, params: Params) -> np.ndarray:
        """The configuration in the unit cube (d,): the middle of its cell for whole numbers and choices."""
        return np.array([_unit(p, params[p["name"]]) for p in self.space])


def _unit(p: dict[str, object], value: object) -> float:
    if p["kind"] == "choice":
        choices = p["choices"]
        assert isinstance(choices, list)
        return (choices.index(value) + 0.5) / len(choices)
    low, high, x = float(str(p["low"])), float(str(p["high"])), float(str(value))
    margin = 0.5 if p["kind"] == "int" else 0.0
    return (x - low + margin) / (high - low + 2 * margin)


def _cube(d: int) -> Plain:
    return [floating(f"x{j + 1}", 0.0, 1.0) for j in range(d)]


def _ishigami(u: np.ndarray) -> np.ndarray:
    x = math.pi * (2 * u - 1)
    return np.asarray(np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0]))


def _sobol_g(u: np.ndarray) -> np.ndarray:
    a = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])
    return np.asarray(np.prod((np.abs(4 * u - 2) + a) / (1 + a), axis=1))


def _morris(u: np.ndarray) -> np.ndarray:
    """Morris 1991, his 20 inputs: 1 to 10 matter; the others' coefficients are small and random (fixed here by a seed)."""
    rng = np.random.default_rng(MORRIS_SEED)
    w = 2 * (u - 0.5)
    for j in (2, 4, 6):
        w[:, j] = 2 * (1.1 * u[:, j] / (u[:, j] + 0.1) - 0.5)
    first = rng.standard_normal(20)
    first[:10] = 20.0
    second = np.triu(rng.standard_normal((20, 20)), 1)
    second[:6, :6] = np.triu(np.full((6, 6), -15.0), 1)
    y = w @ first + np.einsum("ni,ij,nj->n", w, second, w, optimize=True)
    third = _elementary(w[:, :5], 3)
    fourth = _elementary(w[:, :4], 4)
    return np.asarray(y - 10.0 * third + 5.0 * fourth)


def _elementary(w: np.ndarray, k: int) -> np.ndarray:
    """Sum of the products of every k different columns."""
    sums = [np.ones(len(w)), *(np.zeros(len(w)) for _ in range(k))]
    for column in w.T:
        for i in range(k, 0, -1):
            sums[i] = sums[i] + sums[i - 1] * column
    return sums[k]


BOREHOLE = {
    "radius": (0.05, 0.15), "influence": (100.0, 50_000.0), "upper_transmissivity": (63_070.0, 115_600.0), "upper_head": (990.0, 1_110.0),
    "lower_transmissivity": (63.1, 116.0), "lower_head": (700.0, 820.0), "length": (1_120.0, 1_680.0), "conductivity": (9_855.0, 12_045.0),
}  # fmt: skip


def _borehole(u: np.ndarray) -> np.ndarray:
    low, high = np.array(list(BOREHOLE.values())).T
    radius, influence, tu, hu, tl, hl, length, kw = (low + (high - low) * u).T
    log = np.log(influence / radius)
    return np.asarray(2 * math.pi * tu * (hu - hl) / (log * (1 + 2 * length * tu / (log * radius**2 * kw) + tu / tl)))


def _friedman(u: np.ndarray) -> np.ndarray:
    bend = 10 * np.sin(math.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2
    return np.asarray(bend + 10 * u[:, 3] + 5 * u[:, 4])


DEAD_SPACE: Plain = [
    floating("rate", 0.0, 1.0),
    floating("dead1", 0.0, 1.0),
    choice("kind", ("a", "b", "c")),
    whole("dead2", 1, 8),
    floating("decay", 0.0, 1.0),
    choice("dead3", ("on", "off")),
    floating("dead4", 0.0, 1.0),
    choice("dead5", ("p", "q", "r", "s")),
]


def _dead(u: np.ndarray) -> np.ndarray:
    """Three of eight knobs matter: a bowl in the first, a choice that tilts it, a slope in the fifth."""
    kind = np.minimum((3 * u[:, 2]).astype(int), 2)
    tilt = np.array([0.0, 0.5, -0.5])[kind]
    return np.asarray(6 * (u[:, 0] - 0.4) ** 2 + 2 * tilt * u[:, 0] + 0.5 * tilt + 0.8 * u[:, 4])


def _interaction(u: np.ndarray) -> np.ndarray:
    return np.asarray(12 * (u[:, 0] - 0.5) * (u[:, 1] - 0.5))


def _deviation(value: Callable[[np.ndarray], np.ndarray], d: int, share: float = NOISE) -> float:
    """Standard deviation of noise that is this share of the variance of f, from a fixed sample."""
    f = value(np.random.default_rng(1).random((20_000, d)))
    return float(math.sqrt(share) * f.std())


def _added(
    name: str, space: Plain, value: Callable[[np.ndarray], np.ndarray], live: tuple[bool, ...], share: float = NOISE
) -> Function:
    return Function(name, space, value, _deviation(value, len(space), share), live)


FUNCTIONS: dict[str, Function] = {
    f.name: f
    for f in (
        _added("function:ishigami", [floating(f"x{j}", -math.pi, math.pi) for j in (1, 2, 3)], _ishigami, (True,) * 3),
        _added("function:sobol_g", _cube(6), _sobol_g, (True,) * 6),
        _added("function:morris", _cube(20), _morris, (True,) * 20),
        Function(
            "function:borehole",
            [floating(k, *v) for k, v in BOREHOLE.items()],
            _borehole,
            deviation=0.1,
            live=(True,) * 8,
            positive=True,
        ),
        _added("function:friedman", _cube(10), _friedman, (True,) * 5 + (False,) * 5),
        Function("null:noise", _cube(6), lambda u: np.zeros(len(u)), deviation=1.0, live=(False,) * 6),
        _added("null:dead", DEAD_SPACE, _dead, tuple(not p["name"].startswith("dead") for p in DEAD_SPACE), STRONG),
        _added("null:interaction", _cube(4), _interaction, (True, True, False, False)),
    )
}
